/**
 * Nodes of a cluster over a simulated engine in which nothing goes wrong but what a test wants:
 * joining, moves, leaving, failures.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeEntry, encodeBatch, NO_ORIGIN } from "../../lib/cluster/messages/log_codec.ts";
import { decode } from "../../lib/cluster/control/command.ts";
import { CONTROL_STREAM } from "../../lib/cluster/control/control_log.ts";
import { logStream } from "../../lib/cluster/node/log_streams.ts";
import type { ClusterNode } from "../../lib/cluster/node/cluster_node.ts";
import { type ClusterAnswer, ClusterStatus } from "../../lib/cluster/node/requests.ts";
import { LEAVE_MS_MAX } from "../../lib/cluster/node/slot_sharing.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import {
  answerNow,
  ask,
  deleteOf,
  getOf,
  ownerOf,
  putOf,
} from "../support/cluster/cluster_requests.ts";
import type { SimServer } from "../support/cluster/sim_client.ts";
import { SIM_LEASE, SimCluster } from "../support/cluster/sim_cluster.ts";
import type { SimProcess } from "../support/cluster/sim_processes.ts";

const KEYS = Array.from({ length: 20 }, (_, i) => `key ${i}`);
const value = (number: number) => new Uint8Array([number]);

/** A cluster in which a test does everything itself. */
function cluster(nodeCount: number): SimCluster {
  const rates = { monotonic: 1, epoch: 1 };
  const made = new SimCluster({ seed: 1, nodeCount, ratesOf: () => rates });
  made.time.run(2000);
  return made;
}

function nodeOf(made: SimCluster, number: number): ClusterNode {
  return made.nodes[number]!.node;
}

/**
 * Writes a value under every key, at whichever node owns it; returns what will have become of each.
 */
function writeAll(made: SimCluster, number: number): ClusterAnswer[] {
  const answers: ClusterAnswer[] = [];
  KEYS.forEach((key, i) => {
    const node = nodeOf(made, ownerOf(nodeOf(made, made.nodes.length - 1), key));
    ask(node, putOf(key, value(number)), (answer) => answers[i] = answer);
  });
  return answers;
}

/** The first byte of what a node has under each key, 0 for nothing; undefined where it refuses. */
function readAll(node: ClusterNode): (number | undefined)[] {
  return KEYS.map((key) => {
    const answer = answerNow(node, getOf(key));
    if (answer?.status === Status.FOUND) return answer.value[0];
    return answer?.status === Status.UNMET ? 0 : undefined;
  });
}

/** All that a node answers for some time. */
function watch(made: SimCluster, node: ClusterNode, ms: number): (number | undefined)[] {
  const seen = new Set<number | undefined>();
  for (let passedMs = 0; passedMs < ms; passedMs += 10) {
    made.time.run(10);
    for (const number of readAll(node)) seen.add(number);
  }
  return [...seen];
}

/** Gives all slots of a node to another one. */
function giveAll(node: ClusterNode, to: number): void {
  node.handOver(Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, to]));
}

const allOf = (number: number | undefined) => KEYS.map(() => number);
const isAllWritten = (answers: readonly ClusterAnswer[]) =>
  KEYS.every((_, i) => answers[i]?.status === Status.OK);

test("members share the slots, each has one owner, and others refuse", () => {
  const made = cluster(3);
  const served = made.nodes.map(({ node }) => node.servedSlotCount);
  assert.is(served.reduce((sum, count) => sum + count, 0), SLOT_COUNT);
  assert.ok(served.every((count) => count > SLOT_COUNT / 5), served.join());
  const outcomes = writeAll(made, 7);
  made.time.run(500);
  assert.ok(isAllWritten(outcomes));
  const answers = made.nodes.map(({ node }) => readAll(node));
  KEYS.forEach((key, i) => {
    const owner = ownerOf(nodeOf(made, 0), key);
    assert.equal(answers.map((of) => of[i]), made.nodes.map((_, n) => n === owner ? 7 : undefined));
    const other = nodeOf(made, (owner + 1) % 3);
    const refused = answerNow(other, deleteOf(key))!;
    assert.equal([refused.status, refused.owner], [ClusterStatus.NOT_OWNER, owner]);
  });
});

test("who has the lease of a number has its log led, and who has wanted it does not", () => {
  const made = cluster(2);
  const [, { process }] = made.nodes as [unknown, SimServer];
  delete made.nodes[1];
  made.startNode(1);
  made.time.run(5000);
  const led = made.engine.led.filter(({ stream }) => stream === logStream(1));
  assert.equal(led.map((of) => [of.process === process, of.isWanted]), [[true, true]]);
});

test("who has lost the lease of its number does not have its log led any more", () => {
  const made = cluster(2);
  const [, lost] = made.nodes as [unknown, SimServer];
  lost.process.cutUntilMs = made.time.nowMs + 2 * SIM_LEASE.leaseMs;
  delete made.nodes[1];
  made.time.run(1.5 * SIM_LEASE.leaseMs);
  made.startNode(1);
  made.time.run(2 * SIM_LEASE.leaseMs);
  const led = made.engine.led.filter(({ stream }) => stream === logStream(1));
  const isLost = (process: SimProcess) => process === lost.process;
  assert.equal(led.map((of) => [isLost(of.process), of.isWanted]), [[true, false], [false, true]]);
});

test("slots that move take along what was written, though their new owner reads late", () => {
  const made = cluster(2);
  giveAll(nodeOf(made, 1), 0);
  made.time.run(1000);
  assert.is(nodeOf(made, 0).servedSlotCount, SLOT_COUNT);
  made.engine.slowMs.set(logStream(0), 800);
  writeAll(made, 7);
  made.time.run(100);
  giveAll(nodeOf(made, 0), 1);
  assert.equal(watch(made, nodeOf(made, 1), 2000), [undefined, 7]);
  assert.equal(readAll(nodeOf(made, 1)), allOf(7));
  assert.equal(readAll(nodeOf(made, 0)), allOf(undefined));
});

test("slots are given away when what is on its way to them was written", () => {
  const made = cluster(2);
  giveAll(nodeOf(made, 1), 0);
  made.time.run(1000);
  made.engine.slowMs.set(logStream(0), 800);
  const outcomes = writeAll(made, 8);
  giveAll(nodeOf(made, 0), 1);
  assert.equal(watch(made, nodeOf(made, 1), 3000), [undefined, 8]);
  assert.ok(isAllWritten(outcomes));
  assert.equal(readAll(nodeOf(made, 1)), allOf(8));
});

test("a node that leaves gives up its lease, and the others need not wait for its end", () => {
  const made = cluster(2);
  const outcomes = writeAll(made, 9);
  nodeOf(made, 1).leave();
  made.time.run(SIM_LEASE.leaseMs / 2);
  assert.ok(nodeOf(made, 1).hasLeft);
  assert.ok(isAllWritten(outcomes));
  assert.equal(readAll(nodeOf(made, 0)), allOf(9));
});

/** Which nodes were given slots, as they come, after some message of the control stream. */
function takersAfter(made: SimCluster, sequence: number): number[] {
  const commands = made.engine.messagesOf(CONTROL_STREAM).slice(sequence).map(({ body }) =>
    decode(body)
  );
  const moves = commands.flatMap((command) => command.kind === "assign" ? command.moves : []);
  return [...new Set(moves.map(([, to]) => to))];
}

test("nodes that leave at the same time give to those that stay, and never to each other", () => {
  for (const stayCount of [2, 1, 0]) {
    const made = cluster(2 + stayCount);
    writeAll(made, 9);
    made.time.run(500);
    const before = made.engine.messagesOf(CONTROL_STREAM).length;
    for (const number of [0, 1]) nodeOf(made, number).leave();
    made.time.run(LEAVE_MS_MAX / 2);
    assert.ok(nodeOf(made, 0).hasLeft && nodeOf(made, 1).hasLeft, `${stayCount} stay`);
    const takers = takersAfter(made, before);
    assert.equal(takers.sort(), [2, 3].slice(0, stayCount), "who gets slots");
  }
});

test("a node that leaves gets nothing of one that has failed, unless nobody stays", () => {
  for (const stays of [true, false]) {
    const made = cluster(3);
    writeAll(made, 9);
    made.time.run(500);
    made.nodes[1]!.process.kill();
    const before = made.engine.messagesOf(CONTROL_STREAM).length;
    made.time.run(SIM_LEASE.leaseMs - 500);
    // Until the lease is over something is offered to the one that has failed.
    nodeOf(made, 2).leave();
    if (!stays) nodeOf(made, 0).leave();
    made.time.run(LEAVE_MS_MAX / 2);
    assert.ok(nodeOf(made, 2).hasLeft);
    assert.equal(nodeOf(made, 0).hasLeft, !stays);
    if (!stays) continue;
    assert.equal(takersAfter(made, before), [0]);
    assert.equal(readAll(nodeOf(made, 0)), allOf(9));
  }
});

test("a long lease delays nothing but what waits for its end", () => {
  const times = { leaseMs: 60_000, marginMs: 6000 };
  const made = new SimCluster({ seed: 1, nodeCount: 2, partsOf: () => ({ times }) });
  made.time.run(1000);
  const outcomes = writeAll(made, 9);
  nodeOf(made, 1).leave();
  made.time.run(1000);
  assert.ok(isAllWritten(outcomes));
  assert.ok(nodeOf(made, 1).hasLeft);
  assert.equal(readAll(nodeOf(made, 0)), allOf(9));
});

test("a node that leaves gets nothing that was offered to it before", () => {
  const made = cluster(2);
  writeAll(made, 9);
  made.time.run(500);
  const before = made.engine.messagesOf(CONTROL_STREAM).length;
  // Both know of it before the slots are given.
  nodeOf(made, 0).handOver(Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, 1]), true);
  nodeOf(made, 1).leave();
  made.time.run(SIM_LEASE.leaseMs / 2);
  assert.ok(nodeOf(made, 1).hasLeft);
  assert.equal(takersAfter(made, before), [0]);
  assert.equal(readAll(nodeOf(made, 0)), allOf(9));
});

test("a node that leaves and cannot give its slots away leaves all the same", () => {
  const made = cluster(2);
  // It never comes to read what it gets.
  made.engine.slowMs.set(logStream(0), 60_000);
  writeAll(made, 9);
  made.time.run(100);
  giveAll(nodeOf(made, 0), 1);
  made.time.run(500);
  nodeOf(made, 1).leave();
  made.time.run(LEAVE_MS_MAX - 500);
  assert.not.ok(nodeOf(made, 1).hasLeft, "it may get what it waits for");
  made.time.run(1500);
  assert.ok(nodeOf(made, 1).hasLeft);
});

test("an owner that is killed is succeeded when its lease has ended, and not before", () => {
  const made = cluster(2);
  writeAll(made, 3);
  made.time.run(500);
  made.nodes[1]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs - 1000);
  assert.ok(nodeOf(made, 0).servedSlotCount < SLOT_COUNT);
  made.time.run(2000);
  assert.equal(readAll(nodeOf(made, 0)), allOf(3));
  made.startNode(1);
  made.time.run(2000);
  assert.ok(nodeOf(made, 1).servedSlotCount > SLOT_COUNT / 4, "it gets its share again");
});

test("what an owner that was succeeded has sent is stored after it, and does not count", () => {
  const made = cluster(2);
  writeAll(made, 3);
  made.time.run(500);
  made.nodes[1]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs + 2000);
  const { term } = decodeEntry(made.engine.messagesOf(logStream(1))[0]!.body);
  const records = KEYS.map((name) => {
    const { key, expiresAtMs } = getOf(name);
    return { key, version: 1000, value: value(66), expiresAtMs, origin: NO_ORIGIN };
  });
  const { bytes } = encodeBatch(term, records);
  made.engine.store(logStream(1), "records", bytes, undefined);
  assert.equal(watch(made, nodeOf(made, 0), 500), [3]);
});

test("an owner that cannot reach the engine refuses when its lease has ended", () => {
  const made = cluster(1);
  writeAll(made, 3);
  made.time.run(500);
  made.nodes[0]!.process.cutUntilMs = made.time.nowMs + 10_000;
  assert.equal(readAll(nodeOf(made, 0)), allOf(3));
  made.time.run(SIM_LEASE.leaseMs);
  assert.equal(readAll(nodeOf(made, 0)), allOf(undefined));
  made.time.run(10_000);
  assert.equal(readAll(nodeOf(made, 0)), allOf(3), "nobody was there to take over");
});

test("a node that reads what is damaged answers nothing any more, and keeps why", () => {
  const made = cluster(2);
  const outcomes = writeAll(made, 4);
  made.time.run(500);
  assert.ok(isAllWritten(outcomes));
  made.engine.store(logStream(0), "records", new Uint8Array(30), undefined);
  made.time.run(500);
  for (const { node } of made.nodes) {
    assert.match(String(node.failure), /whole frame/);
    assert.equal(readAll(node), allOf(undefined));
  }
});

test.run();
