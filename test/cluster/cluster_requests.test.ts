/**
 * Requests to nodes of a cluster that are sent again, come late, or come to the wrong node; keys
 * that expire; pages of keys; and what is told of changes. Nothing goes wrong in the engine but
 * what a test wants.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ClusterNode, WAITING_BYTES_MAX } from "../../lib/cluster/node/cluster_node.ts";
import type { KeyPage } from "../../lib/cluster/node/key_pages.ts";
import { logStream } from "../../lib/cluster/node/log_streams.ts";
import { RequestClock } from "../../lib/cluster/node/request_clock.ts";
import {
  type ClusterAnswer,
  type ClusterRequest,
  ClusterStatus,
} from "../../lib/cluster/node/requests.ts";
import { SessionEvidence } from "../../lib/cluster/node/session_evidence.ts";
import { keyOf } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import {
  addOf,
  answerNow,
  ask,
  compareAndSetOf,
  deleteOf,
  getOf,
  hasOf,
  ownerOf,
  putOf,
  slotOfKey,
  touchOf,
} from "../support/cluster/cluster_requests.ts";
import { SIM_LEASE, SimCluster, type SimPlan } from "../support/cluster/sim_cluster.ts";
import { ToldClock } from "../support/cluster/told_engine.ts";

const KEYS = Array.from({ length: 12 }, (_, i) => `key ${i}`);
const PLAIN = { monotonic: 1, epoch: 1 };
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

function cluster(nodeCount: number, plan: Partial<SimPlan> = {}): SimCluster {
  const made = new SimCluster({ seed: 1, nodeCount, ratesOf: () => PLAIN, ...plan });
  made.time.run(2000);
  return made;
}

const nodeOf = (made: SimCluster, number: number) => made.nodes[number]!.node;

/** Has a node execute requests one after the other, and waits for all of the answers. */
function askAll(
  made: SimCluster,
  node: ClusterNode,
  requests: readonly ClusterRequest[],
  ms = 500,
): (ClusterAnswer | undefined)[] {
  const answers: (ClusterAnswer | undefined)[] = requests.map(() => undefined);
  requests.forEach((request, i) => ask(node, request, (answer) => answers[i] = answer));
  made.time.run(ms);
  return answers;
}

const named = (request: ClusterRequest, number: number, confirmed = 0): ClusterRequest => ({
  ...request,
  session: 77,
  number,
  confirmed,
});

function giveAll(made: SimCluster, from: number, to: number): void {
  nodeOf(made, from).handOver(Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, to]));
  made.time.run(1500);
}

const statuses = (answers: readonly (ClusterAnswer | undefined)[]) =>
  answers.map((answer) => answer?.status);

test("a request that comes again is answered as before, and changes nothing", () => {
  const made = cluster(1);
  const requests = [
    named(putOf("a", bytes("1"), 4e12), 1),
    named(addOf("a", 0.1), 2),
    named(touchOf("a", 5e12), 3),
    named(deleteOf("b"), 4),
    named(addOf("c", 4), 5),
  ];
  const first = askAll(made, nodeOf(made, 0), [...requests, ...requests]);
  assert.equal(first.slice(0, 3).map((answer) => answer!.version > 0), [true, true, true]);
  const isChange = (_: unknown, i: number) => i % 5 !== 3;
  assert.equal(first.slice(5).filter(isChange), first.slice(0, 5).filter(isChange));
  const later = askAll(made, nodeOf(made, 0), requests);
  assert.equal(later.filter(isChange), first.slice(0, 5).filter(isChange));
  const [a, c] = askAll(made, nodeOf(made, 0), [getOf("a"), getOf("c")]);
  assert.equal([text(a!.value), a!.expiresAtMs, text(c!.value)], ["1.1", 5e12, "4"]);
});

test("the next owner knows what the one that was killed has made, and with what result", () => {
  const made = cluster(2);
  giveAll(made, 1, 0);
  const requests = [named(addOf("a", 5), 1), named(addOf("a", 5), 2), named(addOf("b", 1), 3)];
  const before = askAll(made, nodeOf(made, 0), requests);
  made.nodes[0]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs + 2000);
  const after = askAll(made, nodeOf(made, 1), [...requests, named(addOf("a", 5), 4)]);
  assert.equal(after.slice(0, 3), before);
  assert.is(after[3]!.before, 10);
});

test("a copy of a request that its session has the answer to is not executed", () => {
  const made = cluster(1);
  const node = nodeOf(made, 0);
  askAll(made, node, [named(addOf("a", 1), 1)]);
  askAll(made, node, [named(addOf("a", 1), 2, 1)]);
  const [late, next] = askAll(made, node, [named(addOf("a", 1), 1), named(addOf("a", 1), 3, 2)]);
  assert.is(late!.status, ClusterStatus.UNKNOWN);
  assert.is(next!.before, 2);
});

test("a request that comes too late is not executed, wherever it has waited", () => {
  const made = cluster(1);
  const node = nodeOf(made, 0);
  const untilMs = node.requestClockMs() + 100;
  made.engine.elect(1000);
  const routedBy = node.routeOf(0).routedBy + 1000;
  const answers: number[] = [];
  ask(node, putOf("a", bytes("1")), () => {});
  made.time.run(1);
  ask(node, { ...putOf("a", bytes("2")), untilMs }, ({ status }) => answers.push(status));
  node.execute(
    { ...putOf("a", bytes("3")), routedBy, untilMs },
    ({ status }) => answers.push(status),
  );
  made.time.run(3000);
  assert.equal(answers, [ClusterStatus.UNKNOWN, ClusterStatus.UNKNOWN]);
  assert.is(text(answerNow(node, getOf("a"))!.value), "1");
});

test("what its session has sent behind a request that comes too late comes back, too", () => {
  const made = cluster(1);
  const node = nodeOf(made, 0);
  const untilMs = node.requestClockMs() + 100;
  const late = { ...named(putOf("a", bytes("1")), 1), untilMs };
  const behind = [named(putOf("a", bytes("2")), 2), named(getOf("a"), 3)];
  const others = [
    { ...putOf("a", bytes("3")), session: 78, number: 1 },
    named(putOf("b", bytes("4")), 4),
  ];
  // Where they wait for an append.
  made.engine.elect(1000);
  ask(node, putOf("a", bytes("0")), () => {});
  made.time.run(1);
  const answers = askAll(made, node, [late, ...behind, ...others], 3000);
  const { UNKNOWN } = ClusterStatus;
  assert.equal(statuses(answers), [UNKNOWN, UNKNOWN, UNKNOWN, Status.OK, Status.OK]);
  const again = askAll(made, node, [{ ...late, untilMs: Infinity }, ...behind]);
  assert.equal(statuses(again), [Status.OK, Status.OK, Status.FOUND]);
  assert.is(text(again[2]!.value), "2");
  // Where they wait for an assignment to be read.
  const routedBy = node.routeOf(0).routedBy + 1000;
  const held: number[] = [];
  for (const request of [late, ...behind]) {
    const sent = { ...request, number: request.number + 4, routedBy };
    const until = request === late ? node.requestClockMs() + 100 : Infinity;
    node.execute({ ...sent, untilMs: until }, ({ status }) => held.push(status));
  }
  made.time.run(1000);
  assert.equal(held, [UNKNOWN, UNKNOWN, UNKNOWN]);
});

test("evidence is kept for as long as it says, and until it is confirmed", () => {
  const clock = new ToldClock();
  const evidence = new SessionEvidence(clock, 1000);
  const note = (number: number, confirmed = 0) => {
    const origin = { session: 7, number, confirmed, isSum: false };
    const { key } = getOf("a");
    evidence.note({ key, version: number, value: bytes("1"), expiresAtMs: Infinity, origin });
  };
  note(1);
  clock.pass(900);
  note(2);
  clock.pass(900);
  note(3);
  assert.equal([1, 2, 3].map((number) => evidence.find(7, number)?.version), [1, 2, 3]);
  clock.pass(999);
  evidence.note({ ...recordOfNobody(), version: 9 });
  assert.ok(evidence.find(7, 2) && evidence.find(7, 3));
  evidence.confirm(7, 2);
  note(1);
  assert.equal([1, 2, 3].map((number) => evidence.find(7, number)?.version), [
    undefined,
    undefined,
    3,
  ]);
  assert.equal([2, 3].map((number) => evidence.isConfirmed(7, number)), [true, false]);
  clock.pass(3000);
  note(8);
  clock.pass(3000);
  note(9);
  assert.is(evidence.find(7, 3), undefined, "it does not grow for ever");
});

function recordOfNobody() {
  const origin = { session: 0, number: 0, confirmed: 0, isSum: false };
  return { key: getOf("a").key, version: 1, value: undefined, expiresAtMs: Infinity, origin };
}

test("the clock of requests goes on while a machine is suspended, and never back", () => {
  const clock = new ToldClock();
  const requests = new RequestClock(clock);
  clock.pass(1000);
  assert.is(requests.nowMs(), 1000);
  clock.dayMs += 60_000;
  assert.is(requests.nowMs(), 61_000);
  clock.dayMs -= 3_600_000;
  assert.is(requests.nowMs(), 61_000);
  for (let i = 0; i < 1000; i++) {
    clock.nowMs += 1;
    clock.dayMs += i % 2 === 0 ? 2 : 0;
    requests.nowMs();
  }
  assert.ok(requests.nowMs() < 62_100, "clocks that are rounded do not add up");
});

test("requests for an assignment that was not read wait for it, in their order", () => {
  const made = cluster(2);
  giveAll(made, 1, 0);
  askAll(made, nodeOf(made, 0), [putOf("a", bytes("1"))]);
  const { process, node } = made.nodes[1]!;
  nodeOf(made, 0).handOver([[slotOfKey("a"), 1]]);
  process.cutUntilMs = made.time.nowMs + 1000;
  made.time.run(900);
  const route = nodeOf(made, 0).routeOf(slotOfKey("a"));
  assert.equal([route.owner, node.routeOf(slotOfKey("a")).owner], [1, 0]);
  const answers: string[] = [];
  const requests = [addOf("a", 1), addOf("a", 2), getOf("a")];
  requests.forEach((request, i) => {
    const sent = { ...request, routedBy: route.routedBy, session: 9, number: i + 1 };
    node.execute(
      sent,
      ({ status, before, value }) => answers.push(`${status} ${before} ${text(value)}`),
    );
  });
  assert.equal(answers, []);
  made.time.run(1500);
  assert.equal(answers, [`${Status.OK} 1 `, `${Status.OK} 2 `, `${Status.FOUND} 0 4`]);
});

test("what waits at a node that is stopped comes back, the reads as well as the changes before", () => {
  const made = cluster(2);
  giveAll(made, 1, 0);
  askAll(made, nodeOf(made, 0), [putOf("a", bytes("1"))]);
  const { node } = made.nodes[1]!;
  // It knows that the slot comes, and has not read what was written last.
  made.engine.slowMs.set(logStream(0), 60_000);
  askAll(made, nodeOf(made, 0), [putOf("a", bytes("2"))]);
  nodeOf(made, 0).handOver([[slotOfKey("a"), 1]]);
  made.time.run(500);
  assert.is(ownerOf(node, "a"), 1);
  assert.ok(node.isActive);
  const answers: number[] = [];
  const requests = [named(putOf("a", bytes("3")), 1), named(getOf("a"), 2), hasOf("a")];
  for (const request of requests) ask(node, request, ({ status }) => answers.push(status));
  made.time.run(100);
  assert.equal(answers, []);
  node.stop();
  assert.equal(answers, requests.map(() => ClusterStatus.NOT_OWNER));
  // Nor is anything answered that comes later.
  assert.is(answerNow(node, getOf("a"))?.status, ClusterStatus.NOT_OWNER);
});

test("a request that was sent to an owner before is refused, though the slot has come back", () => {
  const made = cluster(2);
  giveAll(made, 1, 0);
  const a = nodeOf(made, 0);
  const { routedBy } = a.routeOf(slotOfKey("a"));
  giveAll(made, 0, 1);
  giveAll(made, 1, 0);
  assert.is(a.routeOf(slotOfKey("a")).owner, 0);
  let answer: ClusterAnswer | undefined;
  a.execute(
    { ...compareAndSetOf("a", undefined, bytes("1")), routedBy },
    (given) => answer = given,
  );
  assert.is(answer!.status, ClusterStatus.NOT_OWNER);
});

test("a read waits for what its session has sent before it, and not for others", () => {
  const made = cluster(1);
  const node = nodeOf(made, 0);
  askAll(made, node, [putOf("a", bytes("1"))]);
  const seen: string[] = [];
  ask(node, named(putOf("a", bytes("2")), 1), () => seen.push("put"));
  ask(node, named(getOf("a"), 2), ({ value }) => seen.push(`own ${text(value)}`));
  ask(node, { ...getOf("a"), session: 78, number: 1 }, ({ value }) => seen.push(text(value)));
  made.time.run(500);
  assert.equal(seen, ["1", "put", "own 2"]);
});

test("what waits is bounded in bytes, and it is told before", () => {
  const made = cluster(1);
  const node = nodeOf(made, 0);
  made.engine.elect(500);
  const answers: number[] = [];
  const value = new Uint8Array(100_000);
  let isCrowded = false;
  for (let sent = 0; sent < WAITING_BYTES_MAX + 5e5; sent += value.length) {
    ask(node, putOf("a", value), ({ status }) => answers.push(status));
    if (answers.length === 0) isCrowded ||= node.isCrowded;
  }
  assert.ok(isCrowded);
  assert.ok(answers.length > 0 && answers.every((status) => status === ClusterStatus.BUSY));
  made.time.run(5000);
  assert.is(node.isCrowded, false);
});

test("one that is larger than what may wait is taken beside it", () => {
  const limits = { batchBytes: 1000, recordBytes: WAITING_BYTES_MAX };
  const made = cluster(1, { limits });
  const node = nodeOf(made, 0);
  made.engine.messageBytesMax = 2 * WAITING_BYTES_MAX;
  const answers: number[] = [];
  const note = ({ status }: { readonly status: number }) => answers.push(status);
  made.engine.elect(500);
  for (let i = 0; i < 20; i++) ask(node, putOf(`small ${i}`, new Uint8Array(10_000)), note);
  ask(node, putOf("large", new Uint8Array(WAITING_BYTES_MAX - 1000)), note);
  assert.is(node.isCrowded, true);
  made.time.run(5000);
  assert.equal(answers, Array.from({ length: 21 }, () => Status.OK));
});

test("a key that has expired for one owner is never there again for the next, whose clock is behind", () => {
  const made = cluster(2);
  giveAll(made, 1, 0);
  const { process } = made.nodes[0]!;
  // What has expired within a second is not swept before its end: it is asked for before.
  const expiresAtMs = Math.ceil(process.epochMs() / 1000) * 1000 + 30_001;
  const puts = KEYS.map((key) => putOf(key, bytes("1"), expiresAtMs));
  askAll(made, nodeOf(made, 0), puts);
  process.setAheadMs(expiresAtMs - 900 - process.epochMs());
  // A time of day that is set forwards ends the lease, until it is renewed.
  made.time.run(1000);
  const kinds = [
    ...[getOf, hasOf, deleteOf, (key: string) => touchOf(key, 5e12)],
    (key: string) => compareAndSetOf(key, 1, bytes("2")),
  ];
  const asked = KEYS.map((key, i) => kinds[i % kinds.length]!(key));
  assert.ok(statuses(askAll(made, nodeOf(made, 0), asked)).every((of) => of === Status.UNMET));
  giveAll(made, 0, 1);
  assert.ok(made.nodes[1]!.process.epochMs() < expiresAtMs);
  const reads = askAll(made, nodeOf(made, 1), KEYS.map((key) => getOf(key)));
  assert.ok(statuses(reads).every((status) => status === Status.UNMET));
});

/** All pages of a node's slots. */
function pagesOf(
  made: SimCluster,
  node: ClusterNode,
  slots: readonly number[],
  prefix: string,
): string[] {
  const keys: string[] = [];
  let rest = slots;
  let after: Uint8Array | undefined;
  while (rest.length > 0) {
    let page: KeyPage | undefined;
    node.page({ slots: rest, after, prefix: bytes(prefix), bytesMax: 9 }, (read) => page = read);
    made.time.run(20);
    for (const { key } of page!.records) keys.push(String(keyOf(key)));
    if (page!.isRefused) break;
    rest = rest.slice(page!.slotCount);
    after = page!.after;
  }
  return keys;
}

test("pages have each key once, with its prefix, and end where the slots of the node do", () => {
  const made = cluster(2);
  const [one, other] = [nodeOf(made, 0), nodeOf(made, 1)];
  const all = [...KEYS, ...KEYS.map((key) => `other ${key}`), "gone"];
  for (const key of all) {
    askAll(made, nodeOf(made, ownerOf(one, key)), [putOf(key, bytes("1"))], 30);
  }
  made.time.run(500);
  const gone = nodeOf(made, ownerOf(one, "gone"));
  askAll(made, gone, [deleteOf("gone")]);
  const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
  const own = (number: number) => slots.filter((slot) => one.routeOf(slot).owner === number);
  const listed = [...pagesOf(made, one, own(0), "key"), ...pagesOf(made, other, own(1), "key")];
  assert.equal(listed.sort(), [...KEYS].sort());
  assert.is(one.keyCount + other.keyCount, 2 * KEYS.length);
  let page: KeyPage | undefined;
  other.page(
    { slots: own(0), after: undefined, prefix: bytes(""), bytesMax: 1e6 },
    (read) => page = read,
  );
  assert.equal([page!.isRefused, page!.slotCount, page!.records], [true, 0, []]);
});

test("what a page finds expired is deleted, and not listed", () => {
  const made = cluster(1);
  const node = nodeOf(made, 0);
  const { process } = made.nodes[0]!;
  // It is swept a second later.
  const expiresAtMs = Math.ceil(process.epochMs() / 1000 + 0.6) * 1000 + 1;
  askAll(made, node, [putOf("a", bytes("1"), expiresAtMs), putOf("b", bytes("1"))], 500);
  made.time.run(expiresAtMs + 100 - process.epochMs());
  assert.is(node.keyCount, 2);
  const slots = [slotOfKey("a"), slotOfKey("b")];
  assert.equal(pagesOf(made, node, slots, ""), ["b"]);
  made.time.run(500);
  assert.is(node.keyCount, 1);
});

test("owners tell what changes in their slots, before it is answered", () => {
  const told: string[] = [];
  const made = cluster(2, {
    partsOf: (number) => ({
      written: ({ key, value }) =>
        told.push(`${number} ${String(keyOf(key))} ${value === undefined ? "-" : text(value)}`),
    }),
  });
  giveAll(made, 1, 0);
  ask(nodeOf(made, 0), putOf("a", bytes("1")), () => told.push("answer"));
  made.time.run(500);
  askAll(made, nodeOf(made, 0), [deleteOf("a"), deleteOf("a")]);
  assert.equal(told, ["0 a 1", "answer", "0 a -"]);
  giveAll(made, 0, 1);
  askAll(made, nodeOf(made, 1), [putOf("a", bytes("2"))]);
  assert.equal(told.slice(3), ["1 a 2"]);
});

test.run();
