/**
 * The ring in which a watcher is told of changes: nothing is lost without being said, and nothing
 * is half.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CHANGE_RING_BYTES,
  COMPARED_PREFIX_BYTES_MAX,
  KEY_BYTES_MAX,
} from "../../lib/core/limits.ts";
import type { PoolAddress } from "../../lib/core/brands.ts";
import {
  PLACE_LOST,
  PLACE_RING_HEAD,
  PLACE_RING_LOCK,
  PLACE_RING_TAIL,
  placeAt,
} from "../../lib/pool/watch_layout.ts";
import {
  appendChange,
  ChangeKind,
  isPrefixWatched,
  takeChanges,
  type TakenChange,
  unlockRingForDead,
} from "../../lib/watch/change_ring.ts";
import { WatchPlace } from "../../lib/watch/watch_place.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { seeded } from "../support/random.ts";

const AGENT = 3;

/** A pool, and the ring of its first place. */
class RingFixture {
  readonly fixture = new PoolFixture({ segmentCount: 64, segmentBytes: 64 * 1024 });
  readonly place: WatchPlace = WatchPlace.claim(this.fixture.pool, 0)!;
  readonly words: Int32Array = this.fixture.pool.watchWordsOf(0);
  readonly at: number = placeAt(0);

  record(key: string): PoolAddress {
    return this.fixture.append(key, valueOf(1));
  }

  append(record: PoolAddress, kind: number): void {
    appendChange(this.fixture.pool, AGENT, this.words, this.at, record, kind);
  }

  take(): { changes: TakenChange[]; isLost: boolean } {
    const changes: TakenChange[] = [];
    const isLost = takeChanges(this.words, this.at, (change) => changes.push(change));
    return { changes, isLost };
  }

  isWatched(key: string): boolean {
    const record = this.record(key);
    const { pool } = this.fixture;
    return isPrefixWatched(this.words, this.at, pool.wordsOf(record), pool.wordAt(record));
  }
}

test(
  "changes come out as they went in, also where the ring begins again",
  seeded((random) => {
    const ring = new RingFixture();
    const text = new TextDecoder();
    // Positions wrap at 2^32.
    ring.words[ring.at + PLACE_RING_TAIL] = ring.words[ring.at + PLACE_RING_HEAD] = -5000;
    let expected: string[] = [];
    let wordsInRing = 0;
    let version = 0;
    for (let i = 0; i < 3000; i++) {
      version += 1;
      const key = "k".repeat(1 + random.below(random.next() < 0.1 ? KEY_BYTES_MAX - 8 : 40)) + i;
      const words = 4 + Math.ceil(key.length / 4);
      if (4 * (wordsInRing + words) <= CHANGE_RING_BYTES) {
        const kind = random.below(2);
        ring.append(ring.record(key), kind);
        expected.push(`${kind === ChangeKind.DELETE} ${version} ${key}`);
        wordsInRing += words;
        if (random.next() < 0.9) continue;
      } else version -= 1;
      const { changes, isLost } = ring.take();
      const found = changes.map((change) =>
        `${change.isDelete} ${change.version} ${text.decode(change.bytes)}`
      );
      assert.equal(found, expected);
      assert.not.ok(isLost);
      expected = [];
      wordsInRing = 0;
    }
  }),
);

test("what does not fit is said to be lost, once, and what was there before is not", () => {
  const ring = new RingFixture();
  const record = ring.record("x".repeat(1000));
  const fits = Math.floor(CHANGE_RING_BYTES / 4 / (4 + 250));
  for (let i = 0; i < fits + 7; i++) ring.append(record, ChangeKind.PUT);
  const { changes, isLost } = ring.take();
  assert.is(changes.length, fits);
  assert.ok(isLost);
  ring.append(record, ChangeKind.DELETE);
  const next = ring.take();
  assert.is(next.changes.length, 1);
  assert.not.ok(next.isLost);
});

test("an agent that has the lock and does nothing holds none up", () => {
  const ring = new RingFixture();
  const record = ring.record("k");
  ring.words[ring.at + PLACE_RING_LOCK] = 7 + 1;
  ring.append(record, ChangeKind.PUT);
  assert.is(ring.words[ring.at + PLACE_LOST], 1);
  assert.equal(ring.take(), { changes: [], isLost: true });
  assert.not.ok(unlockRingForDead(ring.words, ring.at, AGENT));
  assert.ok(unlockRingForDead(ring.words, ring.at, 7));
  ring.append(record, ChangeKind.PUT);
  assert.is(ring.take().changes.length, 1);
});

test("keys are compared with all prefixes, as far as these are compared", () => {
  const ring = new RingFixture();
  const encoder = new TextEncoder();
  const long = "p".repeat(COMPARED_PREFIX_BYTES_MAX);
  assert.not.ok(ring.isWatched("a"));
  const [a] = ["abcde", "xyz", `${long}more`].map((prefix) =>
    ring.place.wantPrefix(encoder.encode(prefix))
  );
  for (const key of ["abcde", "abcdef", "xyz", "xyzz", `${long}more`, `${long}less`]) {
    assert.ok(ring.isWatched(key), key);
  }
  for (const key of ["abcd", "abcdX", "xy", "Xyz", "xyZ", long, `q${long}`]) {
    assert.not.ok(ring.isWatched(key), key);
  }
  ring.place.unwantPrefix(a!);
  assert.not.ok(ring.isWatched("abcde"));
  assert.ok(ring.isWatched("xyz1"));
  ring.place.wantPrefix(new Uint8Array(0));
  assert.ok(ring.isWatched("anything"));
});

test.run();
