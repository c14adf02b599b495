/**
 * What the M-node makes of what clients and KNs have counted: every operation is in one window, and
 * in one only.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { StatisticsCollector } from "../../lib/mnode/statistics_collector.ts";
import { StepMeter } from "../../lib/agent/step_meter.ts";
import { AgentCounters } from "../../lib/pool/agent_counters.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { NodeState, setNode } from "../../lib/routing/node_directory.ts";
import { ClientStatistics } from "../../lib/statistics/client_statistics.ts";
import {
  CLIENT_HISTOGRAM,
  CLIENT_SAMPLES,
  clientOffset,
} from "../../lib/statistics/statistics_layout.ts";
import { bucketOf } from "../../lib/statistics/latency_histogram.ts";
import { createStatistics } from "../../lib/statistics/statistics_region.ts";
import { SAMPLES_PER_STRIDE } from "../../lib/statistics/stride_sampler.ts";
import { SEED } from "../support/random.ts";

const MICRO = 1000;
const CLIENTS = 3;

class Bench {
  readonly pool = Pool.create(geometryOf(64 * 1024, 4 * 1024), [1, 2]);
  readonly statistics = createStatistics(CLIENTS, true);
  nowMs = 1000;
  readonly collector: StatisticsCollector;
  readonly clients = Array.from(
    { length: CLIENTS },
    (_, i) => new ClientStatistics(this.statistics, i),
  );

  constructor(nodes: readonly number[] = []) {
    for (const node of nodes) this.setNode(node, NodeState.ACTIVE);
    const now = () => this.nowMs;
    this.collector = new StatisticsCollector({ pool: this.pool, statistics: this.statistics, now });
  }

  /** Node n has agent block n. */
  setNode(node: number, state: number): void {
    setNode(this.pool, node, node as NodeId, state);
  }

  /** Lets so many steps of a KN pass, each of them that long. */
  work(node: number, steps: number, stepMs: number, executor = 1): void {
    let workMs = 0;
    const counters = new AgentCounters(this.pool, node);
    const meter = new StepMeter(this.statistics, counters, executor, false, () => workMs);
    for (let i = 0; i < steps; i++) {
      meter.begin();
      workMs += stepMs;
      meter.end();
    }
  }

  close() {
    this.nowMs += 1000;
    return this.collector.closeWindow();
  }
}

test("latencies of all clients, each in the window in which it was recorded, and in no other", () => {
  const bench = new Bench();
  assert.is(bench.close().meanMicros, undefined);
  bench.clients[0]!.recordLatency(10 * MICRO, 1);
  bench.clients[2]!.recordLatency(30 * MICRO, 1);
  const first = bench.close();
  assert.is(first.sampledCount, 2);
  assert.ok(Math.abs(first.meanMicros! - 20) < 20 / 64, `${first.meanMicros}`);
  assert.ok(Math.abs(first.p99Micros! - 30) < 30 / 64, `${first.p99Micros}`);
  bench.clients[0]!.recordLatency(50 * MICRO, 1);
  const second = bench.close();
  assert.is(second.sampledCount, 1, "the first ones are not counted again");
  assert.ok(Math.abs(second.meanMicros! - 50) < 50 / 64, `${second.meanMicros}`);
  const third = bench.close();
  assert.equal([third.sampledCount, third.meanMicros, third.p99Micros], [0, undefined, undefined]);
  assert.equal([first.number, second.number, third.number], [1, 2, 3]);
  assert.equal([third.durationMs, third.endMs], [1000, 5000]);
});

test("a latency stands for as many as it weighs", () => {
  const bench = new Bench();
  bench.clients[0]!.recordLatency(10 * MICRO, 99);
  bench.clients[1]!.recordLatency(1000 * MICRO, 1);
  const { meanMicros, p99Micros, sampledCount } = bench.close();
  assert.is(sampledCount, 2);
  assert.ok(Math.abs(meanMicros! - 19.9) < 19.9 / 64, `${meanMicros}`);
  assert.ok(Math.abs(p99Micros! - 10) < 10 / 64, `${p99Micros}`);
});

test("counters that wrap are subtracted all the same", () => {
  const bench = new Bench();
  const words = new Int32Array(bench.statistics.buffer);
  const bucket = clientOffset(0) + CLIENT_HISTOGRAM + bucketOf(MICRO);
  words[bucket] = -2;
  words[clientOffset(0) + CLIENT_SAMPLES] = -1;
  bench.close();
  for (let i = 0; i < 5; i++) bench.clients[0]!.recordLatency(MICRO, 1);
  const { sampledCount, meanMicros } = bench.close();
  assert.is(sampledCount, 5);
  assert.ok(Math.abs(meanMicros! - 1) < 1 / 64);
});

test("keys of all clients are added up, for requests and for reads", () => {
  const bench = new Bench();
  const key = new KeyEncoder(...bench.pool.hashKey);
  const offer = (sketch: "requestedKeys" | "readKeys", client: number, name: string) => {
    key.encode(name);
    const entry = bench.clients[client]![sketch].offer(key, 1);
    bench.clients[client]![sketch].addLatency(entry, key.hash, (client + 1) * MICRO);
  };
  for (let i = 0; i < 3; i++) offer("requestedKeys", 0, "a");
  for (let i = 0; i < 5; i++) offer("requestedKeys", 1, "a");
  offer("requestedKeys", 2, "b");
  offer("readKeys", 2, "c");
  const { requestedKeys, readKeys } = bench.close();
  const figures = requestedKeys.keys.map(({ key, count, error, keyBytes, meanMicros }) =>
    [key, count, error, keyBytes, meanMicros] as const
  );
  assert.equal(figures, [["a", 8, 0, 1, 13 / 8], ["b", 1, 0, 1, 3]]);
  assert.is(requestedKeys.total, 9);
  key.encode("a");
  assert.is(requestedKeys.keys[0]!.hash, key.hash);
  assert.equal(readKeys.keys.map(({ key }) => key), ["c"]);
  assert.equal(bench.close().requestedKeys, { total: 0, keys: [] }, "the next window");
});

test("occupancy is the share of the window that a KN's steps took, whoever executed them", () => {
  const bench = new Bench([0, 1]);
  bench.work(0, 100, 2);
  bench.work(0, 50, 2, 7);
  const first = bench.close().nodes;
  assert.equal(first.map(({ node }) => node), [0, 1]);
  assert.ok(Math.abs(first[0]!.occupancy! - 0.3) < 1e-9, `${first[0]!.occupancy}`);
  assert.is(first[1]!.occupancy, 0);
  bench.work(1, 10, 10);
  const second = bench.close().nodes;
  assert.is(second[0]!.occupancy, 0, "the first window's steps are not counted again");
  assert.ok(Math.abs(second[1]!.occupancy! - 0.1) < 1e-9);
});

test("most steps are not timed, and are counted all the same", () => {
  const bench = new Bench([0]);
  const steps = 100 * SAMPLES_PER_STRIDE;
  bench.work(0, steps, 500 / steps);
  const { occupancy } = bench.close().nodes[0]!;
  assert.ok(occupancy! > 0.4 && occupancy! < 0.6, `${occupancy} of 0.5, seed ${SEED}`);
});

test("a KN that was started within the window has no occupancy yet, one that has gone is not listed", () => {
  const bench = new Bench([0]);
  bench.setNode(5, NodeState.ACTIVE);
  bench.work(5, 1, 900);
  bench.setNode(0, NodeState.GONE);
  assert.equal(bench.close().nodes, [{ node: 5, occupancy: undefined }]);
  assert.equal(bench.close().nodes, [{ node: 5, occupancy: 0 }]);
});

test("no KN is occupied for more than the whole window", () => {
  const bench = new Bench([0]);
  bench.work(0, 2, 900);
  assert.is(bench.close().nodes[0]!.occupancy, 1);
});

test.run();
