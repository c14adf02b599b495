/**
 * Keys that expire and that nobody asks for: their owner deletes them, whether it has written them
 * itself, has read them in a log, or has got their slots with an index.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ClusterNodeOptions } from "../../lib/cluster/node/cluster_node.ts";
import { ExpirySweep, KNOWN_BYTES_MAX } from "../../lib/cluster/node/expiry_sweep.ts";
import { KeyTable } from "../../lib/cluster/node/key_table.ts";
import { NO_ORIGIN } from "../../lib/cluster/messages/log_codec.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { ask, HASH_KEY, ownerOf, putOf } from "../support/cluster/cluster_requests.ts";
import { SIM_RESEND_MS } from "../support/cluster/sim_client.ts";
import { SimCluster } from "../support/cluster/sim_cluster.ts";

const KEYS = Array.from({ length: 40 }, (_, i) => `key ${i}`);
const MORE = Array.from({ length: 40 }, (_, i) => `more ${i}`);
/** When what was written is in the index, and the next owner need not read it. */
const SETTLED_MS = 3 * SIM_RESEND_MS;
const PLAIN = { monotonic: 1, epoch: 1 };
const bytes = (text: string) => new TextEncoder().encode(text);

function cluster(index: ClusterNodeOptions["index"]): SimCluster {
  const partsOf = () => index === undefined ? {} : { index };
  const made = new SimCluster({ seed: 1, nodeCount: 2, ratesOf: () => PLAIN, partsOf });
  made.time.run(2000);
  return made;
}

/** Puts half of the keys for ever, and half for a time. */
function putAll(made: SimCluster, ms: number): void {
  const { node, process } = made.nodes[0]!;
  KEYS.forEach((key, i) => {
    const expiresAtMs = i % 2 === 0 ? Infinity : process.epochMs() + ms;
    ask(made.nodes[ownerOf(node, key)]!.node, putOf(key, bytes("1"), expiresAtMs), () => {});
  });
  made.time.run(1000);
}

const keyCount = (made: SimCluster) => made.nodes.reduce((sum, { node }) => sum + node.keyCount, 0);

for (
  const [kind, index] of [["in memory", undefined], ["with an index", {
    cacheBytes: 100_000,
  }]] as const
) {
  test(`who has written keys deletes them when they have expired, ${kind}`, () => {
    const made = cluster(index);
    putAll(made, 5000);
    assert.is(keyCount(made), KEYS.length);
    made.time.run(5000 + SETTLED_MS);
    assert.is(keyCount(made), KEYS.length / 2);
  });

  test(`who gets slots deletes what expires there, ${kind}`, () => {
    const made = cluster(index);
    putAll(made, 5 * SETTLED_MS);
    made.time.run(SETTLED_MS);
    // By later checkpoints, of later changes, no log has to be read for what is in pages.
    for (let i = 0; i < 2; i++) {
      for (const { node } of made.nodes) {
        const name = MORE.find((key) => made.nodes[ownerOf(node, key)]!.node === node)!;
        ask(node, putOf(name, bytes(String(i))), () => {});
      }
      made.time.run(SETTLED_MS);
    }
    const all = Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, 1] as const);
    made.nodes[0]!.node.handOver(all);
    made.time.run(2000);
    assert.is(made.nodes[1]!.node.keyCount, KEYS.length + 2);
    made.time.run(4 * SETTLED_MS);
    assert.is(keyCount(made), KEYS.length / 2 + 2);
  });
}

/** A sweep of a table of its own. */
class Swept {
  nowMs = 0;
  readonly deleted = new Set<string>();
  readonly sweep: ExpirySweep;
  readonly #table = new KeyTable(HASH_KEY);

  constructor(servedSince: (slot: number) => number) {
    const parts = { table: this.#table, epochMs: () => this.nowMs, servedSince };
    this.sweep = new ExpirySweep(parts, new KeyEncoder(...HASH_KEY), ({ bytes: name }) => {
      const text = new TextDecoder().decode(name);
      this.#merge(text, 2, undefined, Infinity);
      this.deleted.add(text);
      return true;
    });
  }

  put(text: string, expiresAtMs: number, version = 1): void {
    this.sweep.note(this.#merge(text, version, bytes("1"), expiresAtMs));
  }

  #merge(text: string, version: number, value: Uint8Array | undefined, expiresAtMs: number) {
    const key = { bytes: bytes(text), isBinary: false };
    const record = { key, version, value, expiresAtMs, origin: NO_ORIGIN };
    this.#table.merge(record, { node: 0, sequence: version, place: 0 });
    return record;
  }

  step(count: number): void {
    for (let i = 0; i < count; i++) this.sweep.step();
  }
}

test("what it has in memory is bounded, and what has no room is found all the same", () => {
  const swept = new Swept(() => 1);
  swept.step(200);
  const long = "x".repeat(1000);
  const count = Math.ceil(KNOWN_BYTES_MAX / 1000);
  for (let i = 0; i < count; i++) swept.put(`${long}${i}`, 5000);
  swept.step(100);
  assert.is(swept.deleted.size, 0);
  swept.nowMs = 6000;
  for (let i = 0; i < 5000 && swept.deleted.size < count; i++) swept.step(1);
  assert.is(swept.deleted.size, count);
});

test("keys of others are left alone, and those that were put again, for longer or for ever", () => {
  const slotOf = (key: string) => new KeyEncoder(...HASH_KEY).encode(key) >>> SLOT_SHIFT;
  const swept = new Swept((slot) => slot % 2);
  const own = KEYS.filter((key) => slotOf(key) % 2 === 1);
  for (const key of KEYS) swept.put(key, 5000);
  swept.put(own[0]!, Infinity, 2);
  swept.put(own[1]!, 9000, 2);
  swept.step(100);
  for (const [ms, from] of [[6000, 2], [9500, 1]] as const) {
    swept.nowMs = ms;
    swept.step(10);
    assert.equal([...swept.deleted].sort(), own.slice(from).sort());
  }
  // A clock that is set back, and a key that has expired when it is put.
  swept.nowMs = 2000;
  swept.step(1);
  swept.put(own[2]!, 1, 3);
  swept.deleted.clear();
  swept.nowMs = 3000;
  swept.step(1);
  assert.equal([...swept.deleted], [own[2]]);
});

test.run();
