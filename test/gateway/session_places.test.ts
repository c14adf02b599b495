/**
 * For how long sessions keep their places, through the lives of hosts that follow each other.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { UnavailableError } from "../../lib/core/errors.ts";
import { SESSION_KEPT_MS } from "../../lib/core/limits.ts";
import { keepSession, outcomeOf } from "../../lib/gateway/session_evidence.ts";
import { SessionLedger } from "../../lib/log/session_ledger.ts";
import { PoolStandby } from "../../lib/persistence/pool_standby.ts";
import type { RestoredPool } from "../../lib/persistence/snapshot_reader.ts";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { FIXTURE_SESSION, unpackSessionFixture } from "../support/session_fixture.ts";
import { SessionHost } from "../support/session_host.ts";
import { endRemotes, Remote } from "../support/session_remote.ts";
import { DIRECTORY } from "../support/snapshots.ts";

const WINDOW = 16;
const HOUR_MS = 3_600_000;
/** By so much a place may be kept for longer: times are whole seconds. */
const ROUNDED_MS = 1000;
const AS_STORED = { codec: "msgpack", capacityBytes: undefined, segmentBytes: undefined } as const;

test.after.each(endRemotes);

/** A pool with few places, its time, and its hosts, of which each follows one that was killed. */
class Lives {
  readonly disk: MemoryDisk;
  readonly options;
  nowMs = 1_000_000_000_500;
  host!: SessionHost;

  constructor(placeCount: number, disk = new MemoryDisk()) {
    this.disk = disk;
    const ledgerSizes = { placeCount, window: WINDOW };
    this.options = { isLogged: true, ledgerSizes, clock: () => this.nowMs };
    this.next();
  }

  /** The host is killed, and followed by another one. */
  next(restored?: RestoredPool): void {
    this.host = new SessionHost(this.disk, { ...this.options, restored });
  }

  /** A session with a change whose answer never comes. */
  async begin(): Promise<number> {
    const remote = new Remote(this.host);
    remote.put("a", Uint8Array.of(1));
    await remote.execute();
    return remote.session.number;
  }

  get ledger(): SessionLedger {
    return SessionLedger.of(this.host.pool)!;
  }

  /** Whether there is no place for one more session; if there is, it ends at once. */
  isFull(): boolean {
    try {
      this.ledger.end(this.ledger.claim(this.nowMs));
      return false;
    } catch (error) {
      assert.ok(error instanceof UnavailableError);
      return true;
    }
  }

  /** Whether it is known that a session has made its change. */
  isKnown(session: number): boolean {
    try {
      assert.ok(outcomeOf(this.host.pool, session, 1));
      return true;
    } catch (error) {
      assert.match(String(error), /may or may not have been made/);
      return false;
    }
  }
}

test("hosts that are killed once a second have places for newcomers for ever", async () => {
  const lives = new Lives(34);
  for (let life = 0; life < 100; life++) {
    const session = await lives.begin();
    lives.nowMs += 1000;
    lives.next();
    assert.ok(lives.isKnown(session), `life ${life}`);
  }
});

test("a session keeps its place for 30 seconds from its host's end, whoever follows", async () => {
  const lives = new Lives(3);
  const first = await lives.begin();
  lives.nowMs += 5000;
  lives.next();
  const others = [await lives.begin(), await lives.begin()];
  for (let life = 0; life < 3; life++) {
    assert.ok(lives.isFull(), `life ${life}`);
    lives.nowMs += 8000;
    lives.next();
  }
  lives.nowMs += SESSION_KEPT_MS - 3 * 8000 - 1;
  assert.ok(lives.isFull());
  assert.ok(lives.isKnown(first));
  lives.nowMs += ROUNDED_MS;
  assert.not(lives.isFull());
  assert.not(lives.isKnown(first));
  assert.ok(others.every((session) => lives.isKnown(session)));
});

test("a session whose connection has ended keeps its place from then on", async () => {
  const lives = new Lives(2);
  const [first, second] = [await lives.begin(), await lives.begin()];
  keepSession(lives.host.pool, second, lives.nowMs);
  lives.nowMs += 10_000;
  lives.host.log.checkpointer.checkpoint();
  lives.nowMs += 10_000;
  lives.next();
  lives.nowMs += 10_000 + ROUNDED_MS;
  assert.not(lives.isFull());
  assert.ok(lives.isKnown(first));
  assert.not(lives.isKnown(second));
});

test("in a pool that is restored ahead a session keeps its place from its host's end on", async () => {
  const lives = new Lives(2);
  const [first] = [await lives.begin(), await lives.begin()];
  lives.host.log.checkpointer.checkpoint();
  const standby = new PoolStandby(lives.disk, DIRECTORY, AS_STORED, lives.options);
  assert.ok(standby.refresh().isWarm);
  lives.nowMs += 2 * SESSION_KEPT_MS;
  lives.next(standby.takeOver(lives.disk)!);
  assert.ok(lives.isFull());
  assert.ok(lives.isKnown(first));
  lives.nowMs += SESSION_KEPT_MS - 1;
  assert.ok(lives.isFull());
  lives.nowMs += ROUNDED_MS;
  assert.not(lives.isFull());
});

test("a clock that is set back delays newcomers by 30 seconds at most", async () => {
  const lives = new Lives(2);
  const sessions = [await lives.begin(), await lives.begin()];
  lives.next();
  lives.nowMs -= HOUR_MS;
  assert.ok(lives.isFull());
  lives.nowMs += SESSION_KEPT_MS - 1;
  assert.ok(lives.isFull());
  assert.ok(sessions.every((session) => lives.isKnown(session)));
  lives.nowMs += ROUNDED_MS;
  assert.not(lives.isFull());
});

test("what hosts that follow know is no later than their clock, which was set back", async () => {
  const lives = new Lives(3);
  const sessions = [await lives.begin(), await lives.begin()];
  lives.next();
  sessions.push(await lives.begin());
  lives.nowMs -= HOUR_MS;
  lives.next();
  assert.ok(lives.isFull());
  lives.nowMs += SESSION_KEPT_MS + ROUNDED_MS;
  lives.next();
  for (const _ of sessions) lives.ledger.claim(lives.nowMs);
  assert.not(sessions.some((session) => lives.isKnown(session)));
});

test("a clock that is set forward makes sessions unknown, and no verdict wrong", async () => {
  const lives = new Lives(2);
  const sessions = [await lives.begin(), await lives.begin()];
  lives.next();
  lives.nowMs += HOUR_MS;
  assert.not(lives.isFull());
  assert.is(sessions.filter((session) => lives.isKnown(session)).length, 1);
  const known = sessions.map((session) => lives.isKnown(session));
  lives.host.log.checkpointer.checkpoint();
  lives.next();
  assert.equal(sessions.map((session) => lives.isKnown(session)), known);
});

test("sessions of a checkpoint that does not say when they were left are kept from now on", () => {
  const fixture = readFileSync(join(PROJECT_ROOT, "test", "fixtures", "sessions-v4.json.gz"));
  const lives = new Lives(16, unpackSessionFixture(fixture));
  const place = lives.ledger.placeOf(FIXTURE_SESSION);
  assert.is(lives.ledger.sessionAt(place).keptSinceSeconds, Math.ceil(lives.nowMs / 1000));
});

test.run();
