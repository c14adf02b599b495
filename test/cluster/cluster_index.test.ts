/**
 * Nodes that keep their index in the engine, over a simulated one in which nothing goes wrong but
 * what a test wants: their memory is bounded, round trips are those of the paper, and slots that
 * come are loaded.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CLEANING_DEFAULT } from "../../lib/cluster/index/cleaning.ts";
import type { IndexOptions } from "../../lib/cluster/index/index_keeper.ts";
import type { ClusterNode } from "../../lib/cluster/node/cluster_node.ts";
import { LostMessagesError } from "../../lib/cluster/index/takeover.ts";
import { indexStream, logStream } from "../../lib/cluster/node/log_streams.ts";
import {
  type ClusterAnswer,
  type ClusterRequest,
  ClusterStatus,
} from "../../lib/cluster/node/requests.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import {
  ask,
  deleteOf,
  getOf,
  HASH_KEY,
  ownerOf,
  putOf,
  slotOfKey,
} from "../support/cluster/cluster_requests.ts";
import { SIM_RESEND_MS } from "../support/cluster/sim_client.ts";
import { SIM_LEASE, SimCluster } from "../support/cluster/sim_cluster.ts";

const value = (number: number) => new Uint8Array([number]);

/** When what is written now needs no evidence any more. */
const SETTLED_MS = 3 * SIM_RESEND_MS;
const CLEANING_ALWAYS = { ratio: 1, slackBytes: 0, share: 0.5 };

/** A cluster with small pages, which are written all the time. */
function cluster(
  nodeCount: number,
  parts: Partial<IndexOptions> = {},
  partsOf: (node: number) => Partial<IndexOptions> = () => ({}),
): SimCluster {
  const rates = { monotonic: 1, epoch: 1 };
  const index = {
    cacheBytes: 100_000,
    pageBytes: 200,
    checkpointMs: 300,
    cleaning: CLEANING_ALWAYS,
    ...parts,
  };
  const made = new SimCluster({
    seed: 1,
    nodeCount,
    ratesOf: () => rates,
    partsOf: (node) => ({ index: { ...index, ...partsOf(node) } }),
  });
  made.time.run(2000);
  return made;
}

function nodeOf(made: SimCluster, number: number): ClusterNode {
  return made.nodes[number]!.node;
}

/** Has the owners execute a request for each of some keys, and waits for the answers. */
function askAll(
  made: SimCluster,
  keys: readonly string[],
  requestFor: (key: string, i: number) => ClusterRequest,
  at = 0,
): ClusterAnswer[] {
  const answers: ClusterAnswer[] = [];
  keys.forEach((key, i) => {
    const owner = nodeOf(made, ownerOf(nodeOf(made, at), key));
    ask(owner, requestFor(key, i), (answer) => answers[i] = answer);
  });
  made.time.run(1000);
  return answers;
}

/** What the keys hold, 0 for nothing; undefined where there was no answer. */
function readAll(made: SimCluster, keys: readonly string[], at = 0): (number | undefined)[] {
  const answers = askAll(made, keys, (key) => getOf(key), at);
  const read = (answer: ClusterAnswer | undefined) => {
    if (answer?.status === Status.FOUND) return answer.value[0];
    return answer?.status === Status.UNMET ? 0 : undefined;
  };
  return keys.map((_, i) => read(answers[i]));
}

const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `key ${i}`);
const KEYS = namesOf(30);

function writeAll(made: SimCluster, number: number, keys = KEYS, at = 0): void {
  const answers = askAll(made, keys, (key) => putOf(key, value(number)), at);
  assert.ok(keys.every((_, i) => answers[i]?.status === Status.OK), "all were written");
}

for (
  const { kind, policy, cacheBytes, roundTrips } of [
    {
      kind: "a cached value costs no round trip",
      policy: "values",
      cacheBytes: 100_000,
      roundTrips: 0,
    },
    { kind: "a shortcut costs one", policy: "shortcuts", cacheBytes: 100_000, roundTrips: 1 },
    { kind: "a miss costs two", policy: "marginal", cacheBytes: 0, roundTrips: 2 },
  ] as const
) {
  test(kind, () => {
    const made = cluster(1, { cachePolicy: policy, cacheBytes, cleaning: CLEANING_DEFAULT });
    writeAll(made, 7);
    // Its index is written then, and nothing is to be merged or cleaned any more.
    made.time.run(SETTLED_MS);
    const node = nodeOf(made, 0);
    assert.ok(node.indexStats!.pageCount > 0 && node.indexStats!.tailBytes === 0);
    const before = { ...node.indexStats! };
    const readsBefore = made.engine.readCount;
    assert.equal(readAll(made, KEYS), KEYS.map(() => 7));
    assert.is(made.engine.readCount - readsBefore, roundTrips * KEYS.length);
    const after = node.indexStats!;
    const grown = (name: keyof typeof after) => after[name] - before[name];
    assert.equal(
      [grown("valueHits"), grown("shortcutRoundTrips"), grown("missRoundTrips")],
      [[KEYS.length, 0, 0], [0, KEYS.length, 0], [0, 0, 2 * KEYS.length]][roundTrips],
    );
  });
}

test("each read of a request counts once, and going through keys is no read of one", () => {
  const made = cluster(1, { cacheBytes: 0, cleaning: CLEANING_DEFAULT });
  writeAll(made, 7);
  made.time.run(SETTLED_MS);
  const node = nodeOf(made, 0);
  const readsOf = ({ valueHits, shortcutHits, misses, absent } = node.indexStats!) =>
    valueHits + shortcutHits + misses + absent;
  const [before, roundTripsBefore] = [readsOf(), node.indexStats!.roundTrips];
  const slots = [...new Set(KEYS.map(slotOfKey))];
  const found: string[] = [];
  node.page(
    { slots, after: undefined, prefix: new Uint8Array(0), bytesMax: 1e6 },
    ({ records }) => found.push(...records.map(({ key }) => Buffer.from(key.bytes).toString())),
  );
  made.time.run(10_000);
  assert.equal(found.sort(), [...KEYS].sort());
  assert.ok(node.indexStats!.roundTrips > roundTripsBefore);
  assert.is(readsOf(), before);
  // Those behind a change are answered with it, by what one of them has found.
  const key = KEYS[0]!;
  ask(node, { ...putOf(key, value(8)), session: 5, number: 1 }, () => {});
  const values: unknown[] = [];
  for (let number = 2; number <= 6; number++) {
    ask(node, { ...getOf(key), session: 5, number }, (answer) => values.push(answer.value[0]));
  }
  made.time.run(1000);
  assert.equal(values, [8, 8, 8, 8, 8]);
  assert.is(readsOf(), before + 5);
});

test("what is in memory does not grow with the keys, and logs not with the changes", () => {
  const made = cluster(1, { cacheBytes: 2000 });
  const keys = namesOf(100);
  for (let round = 1; round <= 6; round++) writeAll(made, round, keys);
  made.time.run(SETTLED_MS);
  const { tailBytes, cacheBytes } = nodeOf(made, 0).indexStats!;
  assert.equal(tailBytes, 0);
  assert.ok(cacheBytes <= 2000, `${cacheBytes} bytes`);
  const { bytes } = made.engine.extent(logStream(0))!;
  const messages = made.engine.messagesOf(logStream(0));
  const written = messages.reduce((sum, { body }) => sum + body.length, 0);
  assert.ok(bytes < written / 2, `${bytes} of ${written} bytes are left`);
  assert.equal(readAll(made, keys), keys.map(() => 6));
});

for (
  const { how, end } of [
    { how: "close", end: (node: ClusterNode) => node.leave() },
    { how: "are killed", end: (node: ClusterNode) => node.stop() },
  ]
) {
  test(`logs do not grow with the lives of nodes that ${how} before their first checkpoint`, () => {
    const made = cluster(2, {}, (node) => node === 1 ? { checkpointMs: Infinity } : {});
    const log = () => made.engine.extent(logStream(1))!;
    const left: number[] = [];
    for (let life = 1; life <= 6; life++) {
      assert.ok(nodeOf(made, 1).servedSlotCount > 0);
      const before = log().last;
      writeAll(made, life);
      assert.ok(log().last > before, "this life has written");
      end(nodeOf(made, 1));
      made.time.run(SIM_LEASE.leaseMs + SETTLED_MS);
      assert.equal(readAll(made, KEYS), KEYS.map(() => life));
      left.push(log().last + 1 - log().first);
      made.startNode(1);
      made.time.run(2 * SIM_LEASE.leaseMs);
      assert.equal(readAll(made, KEYS, 1), KEYS.map(() => life));
    }
    const [first] = left;
    assert.ok(left.every((count) => count <= first!), `messages that are left: ${left.join()}`);
  });
}

test("an owner that is killed is succeeded by one that reads pages and the rest of its log", () => {
  const made = cluster(2);
  writeAll(made, 3);
  made.time.run(2000);
  assert.equal(askAll(made, KEYS.slice(0, 5), (key) => deleteOf(key)).length, 5);
  writeAll(made, 4, KEYS.slice(10));
  made.nodes[1]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs + 2000);
  const expected = KEYS.map((_, i) => i < 5 ? 0 : i < 10 ? 3 : 4);
  assert.equal(readAll(made, KEYS), expected);
  made.startNode(1);
  made.time.run(SETTLED_MS);
  assert.ok(nodeOf(made, 1).servedSlotCount > SLOT_COUNT / 4);
  assert.equal(readAll(made, KEYS), expected);
  assert.ok(made.engine.extent(logStream(0))!.first > 1, "logs are purged");
});

test("a change that a session sends behind a read is not seen by that read", () => {
  const made = cluster(1, { cacheBytes: 0 });
  writeAll(made, 7);
  // Pages and records are not at the replicas yet, so reads have to wait and begin again.
  made.engine.lagMs.fill(1500);
  const key = KEYS[0]!;
  const node = nodeOf(made, 0);
  const seen: (number | undefined)[] = [];
  const asked = { session: 5, number: 1 };
  ask(node, { ...getOf(key), ...asked }, ({ value }) => seen.push(value[0]));
  ask(node, { ...putOf(key, value(8)), ...asked, number: 2 }, () => seen.push(undefined));
  // Its append would wait, too, if it had to find what another read asks for.
  made.time.run(1);
  ask(node, { ...getOf(key), ...asked, number: 3 }, ({ value }) => seen.push(value[0]));
  made.time.run(6000);
  assert.equal(seen, [7, undefined, 8]);
});

test("slots that move take along what is in pages, and what is not", () => {
  const made = cluster(2, { checkpointMs: 1500 });
  const giveAll = (from: number, to: number) => {
    nodeOf(made, from).handOver(Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, to]));
    made.time.run(700);
  };
  for (let round = 1; round <= 6; round++) {
    writeAll(made, round, KEYS, round % 2);
    giveAll(0, 1);
    assert.equal(readAll(made, KEYS), KEYS.map(() => round));
    writeAll(made, round + 100, KEYS.slice(3));
    giveAll(1, 0);
    assert.equal(readAll(made, KEYS), KEYS.map((_, i) => i < 3 ? round : round + 100));
  }
});

test("slots are loaded from what a replica has that lags, when it has it", () => {
  const made = cluster(2, { checkpointMs: 50 });
  for (let round = 1; round <= 6; round++) {
    const from = round % 2;
    writeAll(made, round);
    // The index that was written last is not everywhere.
    made.engine.lagMs[round % 3] = 900;
    const moves = Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, 1 - from] as const);
    writeAll(made, round + 100, KEYS.slice(3));
    nodeOf(made, from).handOver(moves);
    made.time.run(2500);
    made.engine.lagMs.fill(0);
    made.time.run(1500);
    assert.equal(readAll(made, KEYS), KEYS.map((_, i) => i < 3 ? round : round + 100));
  }
});

/**
 * Node 0 offers all of its slots to node 1, which gets what was written just before only after some
 * time.
 */
function offerSlowly(made: SimCluster, keys: readonly string[], number: number, slowMs: number) {
  made.engine.slowMs.set(logStream(0), slowMs);
  const offered: number[] = [];
  for (const key of keys) {
    ask(nodeOf(made, 0), putOf(key, value(number)), ({ status }) => offered.push(status));
  }
  made.time.run(100);
  assert.equal(offered, keys.map(() => Status.OK));
  nodeOf(made, 0).handOver(Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, 1]), true);
}

test("slots that are read ahead are served meanwhile, and come with all that is written", () => {
  const made = cluster(2);
  const [giver, taker] = [nodeOf(made, 0), nodeOf(made, 1)];
  const keys = KEYS.filter((key) => ownerOf(giver, key) === 0);
  const key = keys[0]!;
  writeAll(made, 7);
  offerSlowly(made, keys, 8, 2000);
  let [last, count, lateCount] = [0, 0, 0];
  const beganMs = made.time.nowMs;
  while (ownerOf(taker, key) !== 1) {
    const number = 10 + count++ % 200;
    ask(giver, putOf(key, value(number)), ({ status }) => {
      if (status !== Status.OK) return;
      last = number;
      if (made.time.nowMs - beganMs > 1500) lateCount += 1;
    });
    made.time.run(20);
    assert.ok(count < 1000, "the slots move");
  }
  assert.ok(lateCount > 10, "while the log is read the giver changes keys");
  const seen: (number | undefined)[] = [];
  ask(taker, getOf(key), (answer) => seen.push(answer.value[0]));
  made.time.run(5000);
  assert.equal(seen, [last]);
  assert.equal(readAll(made, keys.slice(1)), keys.slice(1).map(() => 8));
});

test("what was read ahead of a log is answered without a round trip", () => {
  const made = cluster(2, { checkpointMs: 1e9 });
  const [giver, taker] = [nodeOf(made, 0), nodeOf(made, 1)];
  const keys = KEYS.filter((key) => ownerOf(giver, key) === 0);
  writeAll(made, 7);
  giver.handOver(Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, 1]), true);
  made.time.run(3000);
  assert.is(ownerOf(giver, keys[0]!), 1);
  const before = taker.indexStats!;
  assert.equal(readAll(made, keys), keys.map(() => 7));
  const { valueHits, shortcutHits } = taker.indexStats!;
  assert.equal([valueHits - before.valueHits, shortcutHits], [keys.length, before.shortcutHits]);
});

test("slots that are read ahead come with the pages that are the last ones then", () => {
  // Pages are read, have others in their place soon, and are purged: how soon differs.
  for (const [slowMs, rounds, roundMs] of [[5000, 45, 100], [8000, 150, 50]] as const) {
    const made = cluster(2);
    const keys = KEYS.filter((key) => ownerOf(nodeOf(made, 0), key) === 0);
    writeAll(made, 7);
    // What was written now is in no tail of a log any more.
    made.time.run(SETTLED_MS);
    const half = keys.slice(keys.length / 2);
    offerSlowly(made, half, 8, slowMs);
    for (let i = 0; i < rounds; i++) {
      for (const key of half) ask(nodeOf(made, 0), putOf(key, value(10 + i)), () => {});
      made.time.run(roundMs);
      assert.is(ownerOf(nodeOf(made, 0), keys[0]!), 0);
    }
    made.time.run(7000);
    assert.is(ownerOf(nodeOf(made, 0), keys[0]!), 1);
    const owned = keys.map((key) => half.includes(key) ? 9 + rounds : 7);
    assert.equal(readAll(made, keys), owned);
  }
});

test("a node that leaves serves its slots until others have read ahead what there is of them", () => {
  const made = cluster(3);
  const [giver, other] = [nodeOf(made, 0), nodeOf(made, 1)];
  const keys = KEYS.filter((key) => ownerOf(giver, key) === 0);
  writeAll(made, 7);
  // Who begins to read its log gets what is there some time later, and then what is new at once.
  made.engine.slowMs.set(logStream(0), 1500);
  giver.leave();
  let [longestMs, count] = [0, 0];
  let askedMs: number | undefined;
  for (const beganMs = made.time.nowMs; made.time.nowMs < beganMs + 4000;) {
    if (made.time.nowMs > beganMs + 1400) made.engine.slowMs.clear();
    askedMs ??= made.time.nowMs;
    const sinceMs = askedMs;
    const number = 10 + count % 200;
    const owner = ownerOf(other, keys[0]!);
    if (owner >= 0) {
      ask(nodeOf(made, owner), putOf(keys[0]!, value(number)), ({ status }) => {
        if (status !== Status.OK || askedMs !== sinceMs) return;
        longestMs = Math.max(longestMs, made.time.nowMs - sinceMs);
        askedMs = undefined;
        count += 1;
      });
    }
    made.time.run(20);
  }
  assert.ok(giver.hasLeft);
  assert.ok(count > 50, `${count} changes`);
  assert.ok(longestMs > 0 && longestMs < 500, `a change has waited for ${longestMs} ms`);
  assert.equal(readAll(made, keys.slice(1), 1), keys.slice(1).map(() => 7));
});

/** Goes on until a node has read that all slots of some keys are its own. */
function untilOwner(made: SimCluster, number: number, keys: readonly string[]): void {
  const isOwner = (key: string) => ownerOf(nodeOf(made, number), key) === number;
  while (!keys.every(isOwner)) made.time.run(1);
}

test("a node that is stopped answers nothing from slots that it has not read, or had", () => {
  const made = cluster(2, { cacheBytes: 0 });
  writeAll(made, 7);
  const [one, other] = [nodeOf(made, 0), nodeOf(made, 1)];
  assert.ok(KEYS.some((key) => ownerOf(one, key) === 1), "some slots are served");
  one.handOver(Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, 1]));
  untilOwner(made, 1, KEYS);
  // Neither the slots that come are read, nor pages and records of the others.
  made.engine.lagMs.fill(5000);
  const answers: number[] = [];
  for (const key of KEYS) ask(other, getOf(key), ({ status }) => answers.push(status));
  let isListed = false;
  const slots = KEYS.map((key) => slotOfKey(key)).filter((slot) => one.routeOf(slot).owner === 1);
  const asked = { slots, prefix: new Uint8Array(0), after: undefined, bytesMax: 1e6 };
  other.page(asked, ({ isRefused }) => isListed = !isRefused);
  made.time.run(200);
  assert.equal(answers, []);
  other.stop();
  made.time.run(1000);
  assert.equal(answers, KEYS.map(() => ClusterStatus.NOT_OWNER));
  assert.not.ok(isListed);
});

test("what was deleted long ago does not come back with slots of several owners", () => {
  const made = cluster(3);
  const keys = KEYS.filter((key) => ownerOf(nodeOf(made, 0), key) === 1);
  writeAll(made, 3, keys);
  made.nodes[1]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs + 2000);
  askAll(made, keys, (key) => deleteOf(key));
  made.time.run(SETTLED_MS);
  // Its log has the puts; the deletes are in no log that is read. Each of the others gives it
  // slots, and some of them come while it reads its log for others.
  made.engine.lagMs.fill(10);
  made.startNode(1);
  made.time.run(3000);
  assert.ok(keys.some((key) => ownerOf(nodeOf(made, 0), key) === 1));
  assert.equal(readAll(made, keys), keys.map(() => 0));
});

/** Pairs of keys, each of one slot. */
function pairsOfSlots(count: number): [string, string][] {
  const encoder = new KeyEncoder(...HASH_KEY);
  const first = new Map<number, string>();
  const pairs: [string, string][] = [];
  for (let i = 0; pairs.length < count; i++) {
    const slot = encoder.encode(`paired ${i}`) >>> SLOT_SHIFT;
    const other = first.get(slot);
    if (other === undefined) first.set(slot, `paired ${i}`);
    else pairs.push([other, `paired ${i}`]);
  }
  return pairs;
}

test("slots are loaded by directories that not every replica has", () => {
  const made = cluster(2, { checkpointMs: 50 });
  const pairs = pairsOfSlots(24);
  const all = pairs.flat();
  writeAll(made, 7, all);
  // What was written now is in no tail of a log any more.
  made.time.run(SETTLED_MS);
  writeAll(made, 8, pairs.map(([, second]) => second));
  made.engine.readLagMs[1] = made.engine.readLagMs[2] = 2500;
  for (const from of [0, 1]) {
    const moves = Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, 1 - from] as const);
    nodeOf(made, from).handOver(moves);
    made.time.run(600);
  }
  made.time.run(3000);
  assert.equal(readAll(made, all), pairs.flatMap(() => [7, 8]));
});

/**
 * Node 1 is killed, and messages are gone that its slots need; returns when node 0 has found that.
 */
function loseMessages(made: SimCluster): void {
  writeAll(made, 5);
  const key = KEYS.find((name) => ownerOf(nodeOf(made, 0), name) === 1)!;
  const log = logStream(1);
  made.nodes[1]!.process.kill();
  made.engine.purge(log, made.engine.messagesOf(log).length);
  for (let ms = 0; ownerOf(nodeOf(made, 0), key) !== 0 && ms < 10_000; ms++) made.time.run(1);
  made.time.run(200);
}

test("a node that has slots, and needs messages that are gone, fails and says so", () => {
  const made = cluster(2);
  loseMessages(made);
  const node = nodeOf(made, 0);
  assert.is(node.failure, undefined, "its slots may be another one's");
  made.time.run(2000);
  assert.instance(node.failure, LostMessagesError);
  assert.match(String(node.failure), /log of node 1 must have its messages from \d+ on/);
  assert.is(node.servedSlotCount, 0);
});

test("a node that has slots whose directories are gone fails and says so", () => {
  const made = cluster(2, { checkpointMs: 50 });
  writeAll(made, 5);
  made.time.run(SETTLED_MS);
  made.nodes[1]!.process.kill();
  const index = indexStream(1);
  made.engine.purge(index, made.engine.messagesOf(index).length);
  const node = nodeOf(made, 0);
  for (let ms = 0; node.failure === undefined && ms < 10_000; ms += 100) made.time.run(100);
  assert.instance(node.failure, LostMessagesError);
  assert.match(String(node.failure), /index of node 1 must have its messages from \d+ on/);
  assert.is(node.servedSlotCount, 0);
});

test("a node that needs messages that are gone, and finds that it has lost its slots, goes on", () => {
  const made = cluster(2);
  loseMessages(made);
  made.nodes[0]!.process.cutUntilMs = made.time.nowMs + SIM_LEASE.leaseMs + 300;
  made.startNode(1);
  made.time.run(SIM_LEASE.leaseMs + 2000);
  assert.instance(nodeOf(made, 1).failure, LostMessagesError, "the slots are its own");
  assert.is(nodeOf(made, 0).failure, undefined);
  assert.ok(nodeOf(made, 0).isActive, "in another life");
});

test("a copy of a put that comes when its delete was merged does not bring the key back", () => {
  const made = cluster(2);
  writeAll(made, 3);
  const puts = made.engine.messagesOf(logStream(1)).filter(({ subject }) => subject === "records");
  made.time.run(2000);
  askAll(made, KEYS, (key) => deleteOf(key));
  made.time.run(SETTLED_MS);
  for (const { body } of puts) made.engine.store(logStream(1), "records", body, undefined);
  made.time.run(1000);
  made.nodes[1]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs + 2000);
  assert.equal(readAll(made, KEYS), KEYS.map(() => 0));
});

test.run();
