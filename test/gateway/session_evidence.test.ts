/**
 * What a host can tell of requests of other processes: those of its own life, and of the lives
 * before.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CorruptionError, FormatError, UnavailableError } from "../../lib/core/errors.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SESSION_KEPT_MS, SESSION_REQUESTS_MAX, SESSIONS_RESERVED } from "../../lib/core/limits.ts";
import {
  claimSession,
  confirmAnswers,
  contentOf,
  endSession,
  keepSession,
  loseSessions,
  outcomeOf,
} from "../../lib/gateway/session_evidence.ts";
import { decodeAnswers, decodeRequests } from "../../lib/gateway/request_frames.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../lib/rings/derivation_words.ts";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { NumberForm } from "../../lib/codec/stored_numbers.ts";
import {
  RECORD_CLIENT,
  RECORD_REQUEST_POSITION,
  RECORD_VERSION_LOW,
  sessionName,
} from "../../lib/log/record_layout.ts";
import { SessionLedger } from "../../lib/log/session_ledger.ts";
import {
  CHECKPOINT_CRC,
  CHECKPOINT_CRC_START,
  CHECKPOINT_FORMAT,
  CHECKPOINT_LEDGER_BYTES,
  CHECKPOINT_VERSION,
  CHECKPOINT_VERSION_PLAIN,
} from "../../lib/persistence/checkpoint_layout.ts";
import { copyLedger, isPossibleCopy, restoreLedger } from "../../lib/persistence/ledger_copy.ts";
import { SessionNumbers } from "../../lib/persistence/session_numbers.ts";
import { makeSmaller } from "../../lib/persistence/smaller_pool.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import { DurabilityFailure, loseDurability } from "../../lib/pool/durability.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Condition, Operation, REQUEST_RECORD, Status } from "../../lib/rings/ring_layout.ts";
import { FrameReader } from "../../lib/wire/frame.ts";
import { commitOutcomeOf } from "../support/session_commits.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { seeded } from "../support/random.ts";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { FIXTURE_SESSION, fixtureAsks, unpackSessionFixture } from "../support/session_fixture.ts";
import { SessionHost } from "../support/session_host.ts";
import { endRemotes, Remote } from "../support/session_remote.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { HASH_KEY } from "../support/sim_keys.ts";
import { CHECKPOINT_PATH, DIRECTORY } from "../support/snapshots.ts";

const FIXTURES = join(PROJECT_ROOT, "test", "fixtures");
const SEGMENT_BYTES = 64 * 1024;
const RULES = { hashKey: HASH_KEY, keyTypes: KEY_TYPE_NUMBERS.mixed };
const AS_STORED = { codec: "msgpack", capacityBytes: undefined, segmentBytes: undefined } as const;

test.after.each(endRemotes);

/** Version of what a key holds. */
function versionOf({ reader }: SessionHost, key: string): number | undefined {
  const keys = new KeyEncoder(...HASH_KEY);
  keys.encode(key);
  return reader.read(keys, true) ? reader.version : undefined;
}

/**
 * Requests of all kinds, of which some change nothing: none waits for the answer to another one.
 */
function issueAll(remote: Remote): void {
  remote.put("a", Uint8Array.of(1, 2, 3));
  remote.put("a", new Uint8Array(40_000).fill(7));
  remote.put("a", Uint8Array.of(4));
  remote.put("b", Uint8Array.of(5), Condition.ABSENT);
  remote.add("n", 0.1);
  remote.add("n", 0.2);
  remote.add("n", -1e300);
  const asked = new DerivationWords();
  asked.askToTouch(2 ** 42);
  remote.derive(Operation.TOUCH, "n", asked);
  remote.put("d", Uint8Array.of(6));
  remote.delete("d");
  remote.delete("nothing");
  remote.put("m", Uint8Array.of(0xc0));
  remote.add("m", 1);
}

/** How many of them change something, in an empty pool. */
const CHANGE_COUNT = 11;

/** What a pool knows is what was answered. */
function checkOutcomes(pool: Pool, remote: Remote): number {
  const reader = new FrameReader(4 * SEGMENT_BYTES);
  let found = 0;
  const answers = remote.answers.flatMap((bytes) => reader.read(bytes)).flatMap(({ body }) =>
    decodeAnswers(body)
  );
  assert.is(answers.length, remote.sent.size);
  for (const { number, status, versionLow, versionHigh, content } of answers) {
    const outcome = outcomeOf(pool, remote.session.number, number);
    assert.is(outcome !== undefined, status === Status.OK, `request ${number}`);
    if (outcome === undefined) continue;
    found += 1;
    assert.is(outcome.status, Status.OK);
    assert.is(outcome.version, versionHigh * 2 ** 32 + (versionLow >>> 0));
    const [told, answered] = [contentOf(remote.sent.get(number)!, outcome), content].map(leftBy);
    assert.equal(told, answered, `request ${number}`);
  }
  return found;
}

/** What a client makes of the content of an answer: the sum, and when it expires. */
function leftBy(content: Uint8Array): readonly [number, number] | undefined {
  if (content.length === 0) return undefined;
  const words = new Int32Array(REQUEST_RECORD + 8 + content.length / 4);
  new Uint8Array(words.buffer).set(content, (REQUEST_RECORD + 8) * 4);
  const left = new DerivationWords();
  left.bytes.set(content);
  return [left.sumAfter(left.before), left.expiresAtMs];
}

for (const ending of ["killed", "closed"] as const) {
  test(`what was answered is known when the host was ${ending}, and to the host after that one`, async () => {
    const disk = new MemoryDisk();
    const host = new SessionHost(disk);
    const remote = new Remote(host);
    issueAll(remote);
    await remote.execute();
    assert.is(checkOutcomes(host.pool, remote), CHANGE_COUNT, "in the same life");
    if (ending === "closed") host.close();
    const second = new SessionHost(disk);
    assert.is(checkOutcomes(second.pool, remote), CHANGE_COUNT, "in the next one");
    const other = new Remote(second);
    assert.ok(other.session.number > remote.session.number);
    issueAll(other);
    await other.execute();
    const third = new SessionHost(disk);
    assert.is(checkOutcomes(third.pool, remote), CHANGE_COUNT, "in the one after that");
    assert.ok(checkOutcomes(third.pool, other) > 0);
  });
}

test("what is known is known to a pool with less capacity, too", async () => {
  const disk = new MemoryDisk();
  const host = new SessionHost(disk);
  const remote = new Remote(host);
  issueAll(remote);
  await remote.execute();
  const restored = readSnapshot(disk, DIRECTORY, AS_STORED, { isLogged: true });
  const smaller = makeSmaller(restored, {
    capacityBytes: 12 * SEGMENT_BYTES,
    capacityBytesMax: undefined,
    nodes: 1,
    segmentCountMin: 8,
    evicts: false,
    target: { files: disk, directory: DIRECTORY },
  });
  assert.is(checkOutcomes(smaller.pool, remote), CHANGE_COUNT);
  assert.is(checkOutcomes(new SessionHost(disk).pool, remote), CHANGE_COUNT);
});

for (const isApplied of [true, false]) {
  test(`a commit is settled with its versions by the next host: ${isApplied}`, async () => {
    const disk = new MemoryDisk();
    const remote = new Remote(new SessionHost(disk));
    remote.put("b", Uint8Array.of(1));
    await remote.execute();
    remote.receive();
    const ended: number[][] = [];
    remote.commit(["a", "b", "c", "none"], (status, versions) => ended.push([status, ...versions]));
    // What comes behind it for a slot of its waits for its answer.
    remote.add("n", 1);
    if (isApplied) await remote.execute();
    assert.is(remote.numbersSent, isApplied ? 6 : 1);
    const host = new SessionHost(disk);
    remote.reconnect(host);
    await remote.execute();
    remote.receive();
    assert.is(ended.length, 1);
    const [status, ...versions] = ended[0]!;
    assert.is(status, Status.OK);
    assert.is(versions.length, 4);
    assert.is(versions.filter((version) => version > 0).length, 3);
    for (const key of ["a", "b", "c"]) {
      assert.ok(versions.includes(versionOf(host, key)!), "what was told is what is there");
    }
    assert.is(versionOf(host, "none"), undefined);
    assert.is(versionOf(host, "a"), 1, "once");
  });
}

for (const name of readdirSync(FIXTURES).filter((name) => name.startsWith("sessions-v"))) {
  test(`${name}: what a version has noted is known`, () => {
    const { pool } = new SessionHost(unpackSessionFixture(readFileSync(join(FIXTURES, name))));
    const sums = [2.5, 3.5, 6, 7];
    for (const { ask: { isCommit, wishes }, number } of fixtureAsks()) {
      const isAbsent = wishes[0]!.kind === "delete";
      if (!isCommit) {
        const outcome = outcomeOf(pool, FIXTURE_SESSION, number);
        assert.is(outcome === undefined, isAbsent, `request ${number}`);
        if (wishes[0]!.kind === "add") assert.is(outcome!.derivation.number, sums.shift());
        continue;
      }
      const versions = commitOutcomeOf(pool, FIXTURE_SESSION, number, wishes.length)!;
      assert.ok(versions.every((version) => version > 0), `request ${number}`);
      const added = number + wishes.findIndex(({ kind }) => kind === "add");
      assert.is(outcomeOf(pool, FIXTURE_SESSION, added)!.derivation.number, sums.shift());
    }
    assert.is(sums.length, 0);
    assert.ok(claimSession(pool) > FIXTURE_SESSION);
  });
}

test("there is a fixture of the present format", () => {
  const file = join(FIXTURES, `sessions-v${CHECKPOINT_VERSION}.json.gz`);
  assert.ok(existsSync(file), 'run "npm run fixtures"');
});

test("an answer is confirmed by the next request, and its outcome is not kept", async () => {
  const host = new SessionHost(new MemoryDisk());
  const remote = new Remote(host);
  remote.put("a", Uint8Array.of(1));
  remote.put("b", Uint8Array.of(2));
  await remote.execute();
  remote.put("c", Uint8Array.of(3));
  await remote.execute();
  assert.is(remote.confirmed, 0, "no answer has come");
  remote.receive();
  remote.put("d", Uint8Array.of(4));
  await remote.execute();
  assert.is(remote.confirmed, 3);
  const ledger = SessionLedger.of(host.pool)!;
  const numbers: number[] = [];
  const place = ledger.placeOf(remote.session.number);
  ledger.forEachEntry(place, ({ number }) => numbers.push(number));
  assert.equal(numbers, [4]);
});

test("additions of another process do not join: each has its own sum", async () => {
  const host = new SessionHost(new MemoryDisk());
  const remote = new Remote(host);
  const asked = new DerivationWords();
  asked.askToAdd(NumberForm.MSGPACK, 1, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
  const keys = new KeyEncoder(...HASH_KEY);
  keys.encode("n");
  const completion = {
    settle: () => {},
    fail: () => {},
    join: () => Promise.resolve(undefined),
  };
  remote.client.add(keys, asked, completion, false);
  assert.is(remote.client.join(keys, asked, false), undefined);
  await remote.execute();
  assert.is(outcomeOf(host.pool, remote.session.number, 1)!.derivation.number, 1);
});

test("a connection ends before one of its numbers would come twice", async () => {
  const remote = new Remote(new SessionHost(new MemoryDisk()));
  remote.put("a", Uint8Array.of(1));
  await remote.execute();
  const words = remote.sent.get(1)!;
  const bodyWith = (number: number): Uint8Array => {
    words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = number;
    return new Uint8Array(Int32Array.from([number - 1, 0, ...words]).buffer);
  };
  const max = SESSION_REQUESTS_MAX;
  assert.is(decodeRequests(bodyWith(max), max, RULES).requests.length, 1);
  assert.throws(() => decodeRequests(bodyWith(max + 1), max + 1, RULES), /must have at most/);
});

test("no session's number is given twice, whenever hosts end", () => {
  const disk = new MemoryDisk();
  const seen = new Set<number>();
  for (let life = 0; life < 20; life++) {
    const host = new SessionHost(disk);
    for (let i = 0; i < life % 4; i++) {
      const session = claimSession(host.pool);
      assert.not.ok(seen.has(session), `${session}`);
      seen.add(session);
    }
    if (life % 3 === 0) host.log.checkpointer.checkpoint();
    if (life % 5 === 0) host.close();
  }
});

test("after many sessions there is another one when more numbers are reserved", () => {
  const disk = new MemoryDisk();
  const { pool } = new SessionHost(disk);
  for (let i = 0; i < SESSIONS_RESERVED; i++) endSession(pool, claimSession(pool));
  const ledger = SessionLedger.of(pool)!;
  assert.is(ledger.numbersLeft, 0);
  assert.throws(() => claimSession(pool), (error: unknown) => error instanceof UnavailableError);
  new SessionNumbers(disk, DIRECTORY).reserve(ledger);
  assert.is(ledger.numbersLeft, SESSIONS_RESERVED);
  assert.is(claimSession(pool), SESSIONS_RESERVED + 1);
});

test("no session is given when durability is lost", () => {
  const { pool } = new SessionHost(new MemoryDisk());
  loseDurability(pool, DurabilityFailure.WRITE, new Error("no"));
  assert.throws(() => claimSession(pool), /durability/);
});

test("a session that is gone for long gives its place to another one, and is not known any more", () => {
  const pool = Pool.create(geometryOf(16 * 4096, 4096), HASH_KEY);
  pool.addLedger(NumberForm.NONE, { placeCount: 3, window: 16 });
  const ledger = SessionLedger.of(pool)!;
  ledger.reserve(100);
  const nowMs = Date.now();
  const [first, second] = [1, 2, 3].map(() => ledger.claim(nowMs));
  assert.throws(() => ledger.claim(nowMs), /must have fewer than 3/);
  keepSession(pool, first!);
  assert.throws(() => ledger.claim(Date.now()), /must have fewer than 3/, "it may come back");
  assert.is(ledger.claim(Date.now() + SESSION_KEPT_MS + 1000), 4);
  assert.throws(() => outcomeOf(pool, first!, 1), /may or may not have been made/);
  assert.is(outcomeOf(pool, second!, 1), undefined, "nothing of it was applied");
  endSession(pool, second!);
  assert.is(outcomeOf(pool, second!, 1), undefined);
  assert.throws(() => outcomeOf(pool, 50, 1), /may or may not/, "of another pool");
  // A gateway that begins anew does not know what the one before has on its way.
  assert.is(outcomeOf(pool, 4, 1), undefined);
  loseSessions(pool);
  assert.throws(() => outcomeOf(pool, 4, 1), /may or may not/);
  assert.is(ledger.claim(Date.now()), 5, "in the place that was given back");
  assert.is(ledger.claim(Date.now() + SESSION_KEPT_MS + 1000), 6);
});

test("a ledger is copied while a session ends, and another one takes its place", () => {
  let leftOut = 0;
  for (let at = 0, isOver = false; !isOver; at++) {
    const pool = Pool.create(geometryOf(16 * 4096, 4096), HASH_KEY);
    pool.addLedger(NumberForm.NONE, { placeCount: 3, window: 4 });
    const ledger = SessionLedger.of(pool)!;
    ledger.reserve(100);
    const write = (session: number) =>
      ledger.write(ledger.placeOf(session), {
        session,
        number: 1,
        version: session,
        stored: NaN,
        expiresAtMs: Infinity,
      });
    const [first, second] = [ledger.claim(0), ledger.claim(0)];
    [first, second].forEach(write);
    let accesses = 0;
    const onAccess = (_isWrite: boolean, words: unknown) => {
      if (words !== pool.ledger || accesses++ !== at) return;
      accesses = Infinity;
      ledger.end(first);
      write(ledger.claim(0));
    };
    const copy = withAtomicHooks({ onAccess }, () => copyLedger(pool));
    isOver = accesses !== Infinity;
    assert.ok(isPossibleCopy(copy, CHECKPOINT_VERSION), `at access ${at}`);
    const restored = Pool.create(geometryOf(16 * 4096, 4096), HASH_KEY);
    restoreLedger(restored, copy, CHECKPOINT_VERSION, { placeCount: 3, window: 4 });
    assert.is(outcomeOf(restored, second, 1)!.version, second, `at access ${at}`);
    const isKept = SessionLedger.of(restored)!.placeOf(first) >= 0;
    if (isKept) assert.is(outcomeOf(restored, first, 1)!.version, first, `at access ${at}`);
    else leftOut += 1;
  }
  assert.ok(leftOut > 0);
});

test("the M-node that notes a change again harms no session that has the place by then", () => {
  for (const isNoted of [true, false]) {
    for (let at = 0, isOver = false; !isOver; at++) {
      const pool = Pool.create(geometryOf(16 * 4096, 4096), HASH_KEY);
      pool.addLedger(NumberForm.NONE, { placeCount: 2, window: 4 });
      const ledger = SessionLedger.of(pool)!;
      ledger.reserve(100);
      const first = ledger.claim(0);
      const record = recordOf(pool, first);
      if (isNoted) ledger.note(record);
      let second: number | undefined;
      let accesses = 0;
      const onAccess = (_isWrite: boolean, words: unknown) => {
        if (words !== pool.ledger || accesses++ !== at) return;
        accesses = Infinity;
        // What has no answer keeps its session from ending.
        if (!isNoted) return;
        ledger.end(first);
        second = ledger.claim(0);
        const place = ledger.placeOf(second);
        const entry = { session: second, number: 1, version: 9, stored: NaN };
        ledger.write(place, { ...entry, expiresAtMs: Infinity });
      };
      withAtomicHooks({ onAccess }, () => SessionLedger.of(pool)!.noteAgain(record));
      isOver = accesses !== Infinity;
      const known = second ?? first;
      assert.is(outcomeOf(pool, known, 1)?.version, second === undefined ? 7 : 9, `access ${at}`);
    }
  }
});

/** A record of a session's first request, which has given its key the version 7. */
function recordOf(pool: Pool, session: number): PoolAddress {
  const address = 64 as PoolAddress;
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  words[at + RECORD_CLIENT] = sessionName(session);
  words[at + RECORD_REQUEST_POSITION] = 1;
  words[at + RECORD_VERSION_LOW] = 7;
  return address;
}

test("an entry gives way to a later number only, and a confirmation hides no later ones", () => {
  const pool = Pool.create(geometryOf(16 * 4096, 4096), HASH_KEY);
  pool.addLedger(NumberForm.NONE, { placeCount: 2, window: 16 });
  const ledger = SessionLedger.of(pool)!;
  ledger.reserve(100);
  const session = ledger.claim(0);
  const place = ledger.placeOf(session);
  const write = (number: number) =>
    ledger.write(place, { session, number, version: number, stored: NaN, expiresAtMs: Infinity });
  write(5);
  write(21);
  write(5);
  assert.is(outcomeOf(pool, session, 21)!.version, 21);
  assert.is(outcomeOf(pool, session, 5), undefined);
  write(40);
  const numbers: number[] = [];
  ledger.forEachEntry(place, ({ number }) => numbers.push(number));
  assert.equal(numbers.sort(), [21, 40], "also beyond a window from the confirmation");
  confirmAnswers(pool, session, 21);
  numbers.length = 0;
  ledger.forEachEntry(place, ({ number }) => numbers.push(number));
  assert.equal(numbers, [40]);
});

test("a pool without sessions is written as before, one with them is of a later version", () => {
  const disk = new MemoryDisk();
  const formatOf = () =>
    new DataView(disk.fileContents(CHECKPOINT_PATH).buffer).getUint32(CHECKPOINT_FORMAT, true);
  const host = new SessionHost(disk, { usesProcesses: false });
  host.close();
  assert.is(formatOf(), CHECKPOINT_VERSION_PLAIN);
  new SessionHost(disk).close();
  assert.is(formatOf(), CHECKPOINT_VERSION);
  new SessionHost(disk, { usesProcesses: false }).close();
  assert.is(formatOf(), CHECKPOINT_VERSION, "what is known is not forgotten");
});

test(
  "a ledger that cannot be right is damage",
  seeded(async (random) => {
    const disk = new MemoryDisk();
    const host = new SessionHost(disk);
    const remote = new Remote(host);
    issueAll(remote);
    await remote.execute();
    host.close();
    const whole = disk.fileContents(CHECKPOINT_PATH);
    const bytesAt = new DataView(whole.buffer).getUint32(CHECKPOINT_LEDGER_BYTES, true);
    const start = whole.length - bytesAt;
    let refused = 0;
    for (let i = 0; i < 100; i++) {
      const bytes = whole.slice();
      const view = new DataView(bytes.buffer);
      const at = i < 8 ? start + 4 * i : start + 4 * random.below(bytesAt / 4);
      view.setUint32(at, random.pick([0, 1, 0x7fffffff, 0xffffffff, random.below(2 ** 20)]), true);
      view.setUint32(CHECKPOINT_CRC, crc32(bytes.subarray(CHECKPOINT_CRC_START)), true);
      disk.replaceFile(CHECKPOINT_PATH, bytes);
      try {
        const ledgerSizes = { placeCount: 4, window: 16 };
        readSnapshot(disk, DIRECTORY, AS_STORED, { isLogged: true, ledgerSizes });
      } catch (error) {
        assert.ok(error instanceof CorruptionError || error instanceof FormatError, String(error));
        refused += 1;
      }
    }
    assert.ok(refused > 10, `${refused} refused`);
  }),
);

test(
  "from a sum a number is told that makes it, whatever was added",
  seeded((random) => {
    const floats = new Float64Array(1);
    const words = new Int32Array(floats.buffer);
    const any = (): number => {
      const choice = random.below(3);
      if (choice === 0) return random.between(-1000, 1000);
      if (choice === 1) return (random.next() - 0.5) * 10 ** random.between(-20, 20);
      words[0] = random.below(2 ** 32);
      words[1] = random.below(2 ** 32);
      return Number.isFinite(floats[0]!) ? floats[0]! : 0;
    };
    for (let i = 0; i < 4_000; i++) {
      const [before, addend] = [any(), any()];
      const asked = new DerivationWords();
      asked.askToAdd(NumberForm.MSGPACK, addend, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
      const number = asked.sumAfter(before);
      if (!Number.isFinite(number)) continue;
      const request = new Int32Array(REQUEST_RECORD + 8 + 16);
      request[1] = Operation.ADD;
      new Uint8Array(request.buffer).set(asked.bytes, (REQUEST_RECORD + 8) * 4);
      const derivation = { number, expiresAtMs: Infinity };
      const content = contentOf(request, { status: Status.OK, version: 1, derivation });
      assert.is(leftBy(content)![0], number, `${before} + ${addend}`);
    }
  }),
);

test.run();
