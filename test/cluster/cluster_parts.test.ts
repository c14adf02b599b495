/**
 * The parts of a node of a cluster, each by itself: messages, leases, the control state, replay,
 * the writer of the log, slots that move.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Assign, type Command, decode, encode } from "../../lib/cluster/control/command.ts";
import { ControlState, NO_OWNER } from "../../lib/cluster/control/control_state.ts";
import {
  decodeEntry,
  decodeRecordAt,
  encodeBatch,
  encodeOwn,
  type LogEntry,
  type LogRecord,
  NO_ORIGIN,
} from "../../lib/cluster/messages/log_codec.ts";
import { limitsOf, PLAIN_MESSAGE_BYTES_MAX } from "../../lib/cluster/messages/message_limits.ts";
import { KeyTable } from "../../lib/cluster/node/key_table.ts";
import { HeldLease, SeenLeases } from "../../lib/cluster/node/lease.ts";
import { LogReplay } from "../../lib/cluster/node/log_replay.ts";
import { LogWriter } from "../../lib/cluster/node/log_writer.ts";
import {
  type ClusterAnswer,
  type ClusterRequest,
  ClusterStatus,
} from "../../lib/cluster/node/requests.ts";
import { isThere } from "../../lib/cluster/node/request_outcome.ts";
import { SessionEvidence } from "../../lib/cluster/node/session_evidence.ts";
import { SlotMoves } from "../../lib/cluster/node/slot_moves.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { decodeFigures } from "../../lib/cluster/network/figure_calls.ts";
import { encodeTagged } from "../../lib/codec/tagged_bytes.ts";
import { FrameError } from "../../lib/wire/frame.ts";
import {
  compareAndSetOf,
  deleteOf,
  getOf,
  HASH_KEY,
  putOf,
} from "../support/cluster/cluster_requests.ts";
import { seeded } from "../support/random.ts";
import { ToldClock, ToldEngine } from "../support/cluster/told_engine.ts";

const TIMES = { leaseMs: 3000, marginMs: 300 };
const value = (number: number) => new Uint8Array([number]);

/** A record that no request has made. */
function recordOf(name: string, version: number, bytes: Uint8Array | undefined): LogRecord {
  const { key, expiresAtMs } = getOf(name);
  return { key, version, value: bytes, expiresAtMs, origin: NO_ORIGIN };
}

/** What a table has of a key. */
function found(table: KeyTable, key: string): LogRecord | undefined {
  let record: LogRecord | undefined;
  const asked = getOf(key);
  table.find(asked.key, asked.hash, (newest) => record = newest);
  return record;
}

test("messages come back as they were", () => {
  const origin = { session: 2 ** 53 - 1, number: 2 ** 31, confirmed: 7, isSum: true };
  const records = [
    { ...recordOf("a", 7, value(1)), origin },
    recordOf("ключ", 2 ** 40, undefined),
    { ...recordOf("b", 1, new Uint8Array()), expiresAtMs: 2 ** 48 - 1 },
    { ...recordOf("c", 1, value(3)), key: { bytes: value(200), isBinary: true } },
  ];
  const { bytes, places } = encodeBatch(5, records);
  assert.equal(decodeEntry(bytes), { kind: "batch", term: 5, records, places });
  assert.equal(places.map((place) => decodeRecordAt(bytes, place)), records);
  assert.equal(decodeEntry(encodeOwn(9)), { kind: "own", term: 9 });
  const commands: Command[] = [
    { kind: "renew", node: 3, holder: "a life", number: 2, follows: 0 },
    { kind: "renew", node: 3, holder: "a life", number: 3, follows: 1, load: [0.5, 7, 2] },
    { kind: "revoke", node: 3, follows: 8 },
    { kind: "revoke", node: 3, follows: 8, resigns: true },
    assignment({ moves: [[4095, 3]], barriers: [[3, 9]], fenced: [[3, 8]] }),
  ];
  for (const command of commands) assert.equal(decode(encode(command)), command);
});

test(
  "a message that is damaged, cut, or another one is refused with a FrameError",
  seeded((random) => {
    const batch = encodeBatch(5, [recordOf("a", 7, value(1))]).bytes;
    const command = encode({ kind: "revoke", node: 3, follows: 8 });
    const isRefused = (read: () => unknown) =>
      assert.throws(read, (e: Error) => e instanceof FrameError);
    for (let i = 0; i < 300; i++) {
      const bytes = random.pick([batch, command]).slice();
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      isRefused(() => decodeEntry(bytes));
      isRefused(() => decode(bytes));
      isRefused(() => decodeEntry(batch.subarray(0, random.below(batch.length))));
      isRefused(() => decodeEntry(random.bytes(random.below(60))));
    }
    isRefused(() => decodeEntry(command));
    isRefused(() => decode(batch));
    const none = [null, 1, [], {}, { kind: "renew", node: 3, follows: 0 }];
    const far = [assignment({ moves: [[4096, 1]] }), { kind: "revoke", node: 1024, follows: 0 }];
    const ended = [{ kind: "revoke", node: 3, follows: 8, resigns: 1 }];
    const renewal = { kind: "renew", node: 3, holder: "a life", number: 3, follows: 1 };
    const loads = [5, [], [1, 2], [-1, 2, 3], [1, 0.5, 3], ["1", 2, 3], [1, 2, 3, 4]];
    const loaded = loads.map((load) => ({ ...renewal, load }));
    for (const other of [...none, ...far, ...ended, ...loaded]) {
      isRefused(() => decode(encode(other as Command)));
    }
  }),
);

test("figures of a node that are none are refused with a FrameError", () => {
  const names = ["valueHits", "shortcutHits", "misses", "absent", "readRoundTrips", "changes"];
  const more = ["copiedReads", "changeRoundTrips", "roundTrips", "cacheBytes", "unmergedBytes"];
  const served = Object.fromEntries([...names, ...more].map((name, i) => [name, i]));
  const figures = { served, keys: 5, leaseLeftMs: 6.5 };
  assert.equal(decodeFigures(encodeTagged(figures)), figures);
  const { changes: _, ...less } = served;
  const text = { ...served, misses: "2" };
  const others = [null, 7, {}, { ...figures, keys: "5" }, { ...figures, served: less }];
  for (const other of [...others, { ...figures, served: text }, { keys: 5, leaseLeftMs: 1 }]) {
    const read = () => decodeFigures(encodeTagged(other));
    assert.throws(read, (error: Error) => error instanceof FrameError, JSON.stringify(other));
  }
});

test("a lease is counted from before its renewal is sent, by the clock that has moved further", () => {
  const clock = new ToldClock();
  const lease = new HeldLease(clock, TIMES);
  assert.is(lease.holds(), false);
  const number = lease.beforeSending();
  clock.pass(1000);
  lease.granted(number);
  clock.pass(1699);
  assert.is(lease.holds(), true);
  clock.pass(1);
  assert.is(lease.holds(), false);

  const next = lease.beforeSending();
  lease.granted(next);
  clock.dayMs += 2700;
  assert.is(lease.holds(), false, "the machine has stood still, with its monotonic clock");
  clock.dayMs -= 5000;
  assert.is(lease.holds(), true);
  clock.nowMs += 2700;
  assert.is(lease.holds(), false, "the time of day was set back");
});

test("an earlier renewal that counts late is counted from when it was sent", () => {
  const clock = new ToldClock();
  const lease = new HeldLease(clock, TIMES);
  const first = lease.beforeSending();
  clock.pass(2000);
  lease.beforeSending();
  lease.granted(first);
  clock.pass(699);
  assert.is(lease.holds(), true);
  clock.pass(1);
  assert.is(lease.holds(), false);
  lease.granted(first);
  assert.is(lease.holds(), false, "a renewal counts once");
});

test("others wait for the whole lease, from when they saw it renewed", () => {
  const clock = new ToldClock();
  const seen = new SeenLeases(clock, TIMES);
  assert.is(seen.isOver(1), false, "never seen");
  seen.renewed(1);
  clock.pass(2999);
  assert.is(seen.isOver(1), false);
  clock.dayMs += 1e6;
  assert.is(seen.isOver(1), false, "the time of day was set");
  clock.pass(1);
  assert.is(seen.isOver(1), true);
  seen.renewed(1);
  assert.is(seen.isOver(1), false);
});

test("under the highest term only counts what is written, whatever comes late", () => {
  const table = new KeyTable(HASH_KEY);
  const replay = new LogReplay(3, (record, address) => table.merge(record, address));
  let sequence = 0;
  const take = (body: Uint8Array) => replay.take({ sequence: ++sequence, subject: "", body });
  const batch = (term: number, version: number) =>
    encodeBatch(term, [recordOf("a", version, value(version))]).bytes;
  const versionOf = () => found(table, "a")?.version;
  take(batch(5, 1));
  assert.is(versionOf(), undefined, "before its term");
  take(encodeOwn(5));
  take(batch(5, 2));
  assert.is(versionOf(), 2);
  take(encodeOwn(8));
  take(batch(5, 3));
  assert.is(versionOf(), 2, "behind a fence");
  take(encodeOwn(9));
  take(batch(9, 4));
  take(encodeOwn(8));
  take(batch(9, 5));
  assert.is(versionOf(), 5, "a fence that comes late ends no newer term");
  take(batch(9, 4));
  assert.is(versionOf(), 5, "a batch that is there twice");
  const gap = { sequence: 99, subject: "", body: encodeOwn(10) };
  assert.throws(() => replay.take(gap), (error: Error) => error instanceof FrameError);
});

/** A writer over an engine that the test tells what to do. */
function openWriter() {
  const engine = new ToldEngine();
  const clock = new ToldClock();
  const lease = new HeldLease(clock, TIMES);
  const table = new KeyTable(HASH_KEY);
  const evidence = new SessionEvidence(clock);
  lease.granted(lease.beforeSending());
  const tasks: (() => void)[] = [];
  const writer = new LogWriter({
    engine,
    clock,
    soon: (task) => tasks.push(task),
    requestClockMs: () => clock.nowMs,
    node: 1,
    stream: "log-1",
    term: 4,
    table,
    evidence,
    lent: { isThere: (record, _, nowMs): record is LogRecord => isThere(record, nowMs) },
    lease,
    limits: limitsOf(PLAIN_MESSAGE_BYTES_MAX),
    written: (record, address) => {
      table.merge(record, address);
      evidence.note(record);
    },
    settled: () => {},
  });
  const answers: ClusterAnswer[] = [];
  /** Requests that come together. */
  const addAll = (requests: readonly ClusterRequest[]) => {
    for (const request of requests) writer.add(request, (answer) => answers.push(answer));
    for (const task of tasks.splice(0)) task();
  };
  const add = (request: ClusterRequest) => addAll([request]);
  const put = (key: string, number: number) => add(putOf(key, value(number)));
  const last = (): LogEntry => decodeEntry(engine.appends.at(-1)!.body);
  let stored = 0;
  const store = () => engine.appends.at(-1)!.done({ status: "stored", sequence: ++stored });
  const statuses = () => answers.map(({ status }) => status);
  return { engine, clock, lease, table, writer, answers, statuses, addAll, add, put, last, store };
}

test("a term begins before anything is written under it", () => {
  const { engine, put, last, store, clock, statuses } = openWriter();
  put("a", 1);
  put("b", 2);
  assert.equal([engine.appends.length, last()], [1, { kind: "own", term: 4 }]);
  engine.appends[0]!.done({ status: "unknown" });
  clock.pass(100);
  assert.equal([engine.appends.length, last()], [2, { kind: "own", term: 4 }]);
  store();
  const entry = last();
  assert.is(entry.kind === "batch" && entry.records.length, 2, "both in one append");
  assert.equal(statuses(), []);
  store();
  assert.equal(statuses(), [Status.OK, Status.OK]);
});

test("requests that come together are one append", () => {
  const { engine, clock, writer, addAll, put, last, store, statuses } = openWriter();
  store();
  addAll([1, 2, 3].map((number) => putOf(`key ${number}`, value(number))));
  assert.is(engine.appends.length, 2);
  const recordsOf = (entry: LogEntry) => entry.kind === "batch" ? entry.records.length : 0;
  assert.is(recordsOf(last()), 3);
  put("a", 1);
  put("b", 2);
  assert.is(engine.appends.length, 2, "and those that come while it is on its way are the next");
  store();
  clock.pass(0);
  assert.equal([engine.appends.length, recordsOf(last())], [3, 2]);
  store();
  assert.equal(statuses(), Array.from({ length: 5 }, () => Status.OK));
  assert.ok(writer.isIdle);
});

test("an append waits for those whom the one before has answered, for a part of its time", () => {
  const { engine, clock, addAll, put, last, store } = openWriter();
  const keysOf = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => putOf(`key ${from + i}`, value(i)));
  const appended = () => {
    const entry = last();
    return [engine.appends.length, entry.kind === "batch" ? entry.records.length : 0];
  };
  store();
  addAll(keysOf(0, 3));
  put("b", 1);
  clock.pass(4);
  store();
  addAll(keysOf(0, 2));
  assert.equal(appended(), [2, 3], "three were answered, and two of them have asked again");
  addAll(keysOf(2, 3));
  assert.equal(appended(), [3, 4], "all that can be waited for");

  clock.pass(4);
  store();
  addAll(keysOf(0, 2));
  clock.pass(0.9);
  assert.equal(appended(), [3, 4]);
  clock.pass(0.1);
  assert.equal(appended(), [4, 2], "the others have not asked again in a quarter of the time");

  clock.pass(1000);
  store();
  clock.pass(2);
  put("c", 1);
  assert.equal(appended(), [5, 1], "nor are they waited for any longer than 2 ms");
  put("d", 1);
  clock.pass(4);
  store();
  assert.equal(appended(), [6, 1], "who was answered alone is not waited for");
});

test("an append whose outcome is unknown is sent again as it was, and answered when it is stored", () => {
  const { engine, put, store, clock, answers, table } = openWriter();
  store();
  put("a", 1);
  put("a", 2);
  assert.is(engine.appends.length, 2, "one is on its way, the next one waits");
  const { body, done } = engine.appends[1]!;
  done({ status: "unknown" });
  assert.equal(answers, []);
  clock.pass(100);
  assert.equal(engine.appends[2]!.body, body);
  assert.equal([answers, found(table, "a")], [[], undefined]);
  store();
  assert.equal(answers.length, 1);
  assert.equal(found(table, "a")!.value, value(1));
});

test("what is stored when the lease has ended is answered when it was renewed, or never", () => {
  const { put, store, clock, lease, statuses, table, writer } = openWriter();
  store();
  put("a", 1);
  clock.pass(2700);
  store();
  assert.equal([statuses(), found(table, "a")], [[], undefined], "the lease does not hold");
  lease.granted(lease.beforeSending());
  clock.pass(100);
  assert.equal(statuses(), [Status.OK]);
  put("a", 2);
  put("a", 3);
  clock.pass(2700);
  store();
  writer.close();
  assert.equal(statuses().slice(1), [ClusterStatus.UNKNOWN, ClusterStatus.NOT_OWNER]);
  lease.granted(lease.beforeSending());
  clock.pass(100);
  assert.is(statuses().length, 3);
  put("a", 4);
  assert.is(statuses().at(-1), ClusterStatus.NOT_OWNER);
});

test("conditions are decided in the order of the requests, with what is on its way", () => {
  const { put, add, store, statuses, table } = openWriter();
  put("a", 1);
  add(compareAndSetOf("a", undefined, value(9)));
  add(compareAndSetOf("a", 1, value(2)));
  add(deleteOf("a"));
  add(deleteOf("a"));
  store();
  store();
  assert.equal(statuses(), [Status.OK, Status.UNMET, Status.OK, Status.OK, Status.UNMET]);
  assert.is(found(table, "a")!.value, undefined);
});

test("a record that is larger than a message is refused", () => {
  const { add, statuses } = openWriter();
  add(putOf("a", new Uint8Array(600_000)));
  assert.equal(statuses(), [ClusterStatus.TOO_LARGE]);
});

function assignment(parts: Partial<Assign>): Assign {
  const none = { moves: [], barriers: [], fenced: [] };
  return { kind: "assign", node: 1, holder: "one", follows: 0, ...none, ...parts };
}

/** A state in which nodes 1 and 2 hold leases, and node 1 owns slots 0 to 9. */
function shared(): { state: ControlState; apply: (command: Command) => boolean } {
  const state = new ControlState();
  const apply = (command: Command) => state.apply(state.sequence + 1, command);
  assert.ok(apply({ kind: "renew", node: 1, holder: "one", number: 1, follows: 0 }));
  assert.ok(apply({ kind: "renew", node: 2, holder: "two", number: 1, follows: 0 }));
  const moves = Array.from({ length: 10 }, (_, slot) => [slot, 1] as const);
  assert.ok(apply(assignment({ moves })));
  return { state, apply };
}

test("a lease is its holder's, until a revocation that knows of its last renewal", () => {
  const { state, apply } = shared();
  assert.not.ok(apply({ kind: "renew", node: 1, holder: "other", number: 1, follows: 1 }));
  assert.ok(apply({ kind: "renew", node: 1, holder: "one", number: 2, follows: 1 }));
  const renewedAt = state.sequence;
  assert.is(state.leaseOf(1)!.term, 1, "the term is that of the first renewal");
  assert.not.ok(apply({ kind: "renew", node: 1, holder: "one", number: 3, follows: 1 }));
  assert.not.ok(apply({ kind: "revoke", node: 1, follows: 1 }), "it was renewed since");
  assert.equal([state.owners[0], state.members()], [1, [1, 2]]);
  assert.ok(apply({ kind: "revoke", node: 1, follows: renewedAt }));
  const revokedAt = state.sequence;
  assert.not.ok(apply({ kind: "revoke", node: 1, follows: renewedAt }));
  assert.not.ok(apply({ kind: "renew", node: 1, holder: "one", number: 4, follows: renewedAt }));
  assert.equal([state.owners[0], state.members()], [NO_OWNER, [2]]);
  assert.equal([...state.unfenced], [[1, revokedAt]]);
  assert.ok(apply({ kind: "renew", node: 1, holder: "new", number: 1, follows: revokedAt }));
  assert.ok(state.leaseOf(1)!.term > revokedAt);
  assert.is(state.owners[0], NO_OWNER, "a new life owns nothing");
});

test("an assignment knows of the last one, and gives its author's slots to members", () => {
  const { state, apply } = shared();
  const follows = state.mapSequence;
  const barriers = [[1, 7]] as const;
  const give = (parts: Partial<Assign>) => apply(assignment({ follows, barriers, ...parts }));
  assert.not.ok(give({ follows: 0, moves: [[3, 2]] }), "follows another one");
  assert.not.ok(give({ holder: "other", moves: [[3, 2]] }), "an earlier life");
  assert.not.ok(give({ node: 2, holder: "two", moves: [[3, 2]] }), "not its own");
  assert.not.ok(give({ moves: [[3, 9]] }), "to one that is no member");
  assert.not.ok(give({ moves: [[3, 2]], barriers: [] }), "without a barrier");
  assert.ok(give({ moves: [[3, 2]] }));
  assert.not.ok(give({ moves: [[3, 2]] }), "twice");
  assert.equal([state.owners[3], state.owners[4], state.barriers.get(1)], [2, 1, 7]);
});

test("slots without an owner are given when the logs of all who lost theirs were fenced", () => {
  const { state, apply } = shared();
  assert.ok(apply({ kind: "revoke", node: 1, follows: 1 }));
  const term = state.sequence;
  const give = (parts: Partial<Assign>) =>
    apply(assignment({ node: 2, holder: "two", follows: term, moves: [[3, 2]], ...parts }));
  assert.not.ok(give({}));
  assert.not.ok(give({ fenced: [[1, term]] }), "without a barrier");
  assert.not.ok(give({ fenced: [[1, term - 1]], barriers: [[1, 5]] }), "an earlier fence");
  assert.ok(give({ fenced: [[1, term]], barriers: [[1, 5]] }));
  assert.equal([state.owners[3], state.unfenced.size, state.barriers.get(1)], [2, 0, 5]);
});

test("a slot is served when the logs were read, and not while it leaves", () => {
  const { state, apply } = shared();
  const read = new Map<number, number>();
  const moves = new SlotMoves(2, state, (node) => read.get(node) ?? 0);
  const give: Assign = assignment({
    follows: state.mapSequence,
    moves: [[3, 2]],
    barriers: [[1, 7]],
  });
  apply(give);
  moves.assigned(give.moves);
  assert.is(moves.isServed(3), false);
  read.set(1, 6);
  moves.logRead();
  assert.is(moves.isServed(3), false);
  read.set(1, 7);
  moves.logRead();
  assert.equal([moves.isServed(3), moves.isServed(4)], [true, false]);
  moves.leave([[3, 1], [4, 1]]);
  assert.is(moves.isServed(3), false);
  assert.equal(moves.nextMoves(), [[3, 1]]);
  apply({ kind: "revoke", node: 1, follows: 1 });
  assert.equal(moves.nextMoves(), [[3, 2]], "it stays where it is, as the other one has gone");
});

test.run();
