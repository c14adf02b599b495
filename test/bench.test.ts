/**
 * The benchmarks run, at their smoke size, and measure everything they are meant to. No test looks
 * at how large a figure is: that depends on the machine.
 *
 * @module
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compare } from "../bench/comparison.ts";
import { measureMicro } from "../bench/micro/measure.ts";
import { type Options, parseOptions, PLANS } from "../bench/options.ts";
import { PEER_ADAPTERS } from "../bench/peers/all.ts";
import { drawCharts } from "../bench/report/charts.ts";
import type { Results, Row } from "../bench/report/results.ts";
import { formatResults } from "../bench/report/tables.ts";
import { SessionGroup } from "../bench/sessions/group.ts";
import type { Session } from "../bench/sessions/session.ts";
import { BASIC_WORKLOADS, YCSB_WORKLOADS } from "../bench/workloads/catalogue.ts";
import { VALUE_BYTES_LARGE, VALUE_BYTES_SMALL } from "../bench/workloads/records.ts";

/** Peers that need nothing that may be missing on a machine or a runtime. */
const PEERS_EVERYWHERE = ["map", "map-msgpack", "dinomo", "sharedmap"];

const LATENCY_WORKLOADS = ["put", "get", ...YCSB_WORKLOADS.map((workload) => workload.id)];

interface Context {
  options: Options;
  results: Results;
}

const test = suite<Context>("comparison");

test.before(async (context) => {
  context.options = parseOptions(["--size", "smoke"]);
  context.results = await compare(context.options, () => {});
});

test("every peer was measured, or is reported with a reason", ({ results }) => {
  for (const { id } of PEER_ADAPTERS) {
    const measured = results.peers.some((peer) => peer.id === id);
    const omission = results.omissions.find((other) => other.peer === id);
    assert.ok(measured || (omission?.reason ?? "") !== "", id);
  }
  for (const id of PEERS_EVERYWHERE) {
    assert.is(results.peers.some((peer) => peer.id === id), true, `${id} runs everywhere`);
  }
});

test("every workload of every peer has a row with positive figures", ({ results }) => {
  for (const peer of results.peers) {
    for (const valueBytes of [VALUE_BYTES_SMALL, VALUE_BYTES_LARGE]) {
      for (const workload of BASIC_WORKLOADS) {
        if (workload.needsSync && !peer.supports.sync) continue;
        assertRow(results, { section: "basic", peer: peer.id, workload: workload.id, valueBytes });
      }
    }
    for (const { id } of YCSB_WORKLOADS) {
      const valueBytes = VALUE_BYTES_LARGE;
      assertRow(results, { section: "ycsb", peer: peer.id, workload: id, valueBytes });
    }
  }
});

test("the cost of operations is measured at every number of records", ({ results }) => {
  for (const keyCount of PLANS.smoke.growthKeyCounts) {
    assertRow(results, { section: "growth", peer: "dinomo", workload: "get-sync", keyCount });
    assertRow(results, { section: "growth", peer: "dinomo", workload: "put-batch", keyCount });
  }
});

test("scaling under load fails no operation, loses no write and moves no bytes", ({ results }) => {
  const { scale } = results;
  assert.ok(scale);
  assert.is(scale.failedCount, 0);
  assert.is(scale.lostCount, 0);
  assert.ok(scale.operationCount > 0);
  assert.equal(scale.steps.map((step) => [step.from, step.to]), [[1, 2], [2, 1]]);
  for (const step of scale.steps) {
    assert.is(step.bytesMoved, 0);
    assertPositive(step.slotsMoved, "slots moved");
    assertPositive(step.durationMs, "duration");
  }
});

test("the memory of an empty store and of a record is measured", ({ results }) => {
  const { memory } = results;
  assert.ok(memory);
  assertPositive(memory.bareBytes, "bare runtime");
  assertPositive(memory.emptyStoreBytes, "empty store");
  assertPositive(memory.usedStoreBytes, "used store");
  assertPositive(memory.indexBytesPerRecord, "index");
  assertPositive(memory.headerBytesPerRecord, "header");
});

test("tables name every peer", ({ results }) => {
  const tables = formatResults(results);
  for (const peer of results.peers) assert.match(tables, peer.name);
});

test("charts are drawn from what the JSON file holds", async ({ results }) => {
  const folder = mkdtempSync(join(tmpdir(), "dinomo-charts-"));
  try {
    const paths = await drawCharts([JSON.parse(JSON.stringify(results))], folder);
    assert.is(paths.length, 4);
    for (const path of paths) {
      assert.ok(existsSync(path));
      assert.match(readFileSync(path, "utf8"), "Dinomo");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a peer that fails is reported, and the others go on", async () => {
  const group = await SessionGroup.start(["good", "broken", "absent"], (id) => {
    if (id === "absent") return Promise.reject(new Error("not installed"));
    return Promise.resolve(fakeSession(id, id === "broken"));
  });
  const dataset = { keyCount: 1, keyCountMax: 1, valueBytes: VALUE_BYTES_SMALL };
  const rows = await group.measure("basic", dataset, BASIC_WORKLOADS, PLANS.smoke, () => {});
  assert.equal(group.omissions, [
    { peer: "absent", reason: "not installed" },
    { peer: "broken", workload: "put", reason: "crashed" },
  ]);
  assert.equal(group.peers.map((peer) => peer.id), ["good"]);
  assert.is(rows.length, BASIC_WORKLOADS.length);
  assert.is(rows.every((row) => row.peer === "good"), true);
});

test("every part and the whole of get and put have a microbenchmark", async () => {
  const rows = await measureMicro("smoke");
  for (const part of ["hash", "key", "ring", "index", "log", "reader", "codec", "store"]) {
    assert.ok(rows.some((row) => row.name.startsWith(`${part}: `)), part);
  }
  for (const row of rows) assertPositive(row.medianNs, row.name);
});

test("options that mean nothing are refused, with what is known", () => {
  assert.throws(() => parseOptions(["--size", "huge"]), /smoke, quick, full, got "huge"/);
  assert.throws(
    () => parseOptions(["--only", "mongodb"]),
    /--only: must be one of .*, got "mongodb"/,
  );
  assert.throws(() => parseOptions(["--seed", "x"]), /--seed: must be a whole number, got "x"/);
});

test.run();

function fakeSession(id: string, broken: boolean): Session {
  const supports = { sync: true, async: true, batch: true };
  return {
    peer: { id, name: id, version: "1", supports },
    open: () => Promise.resolve(),
    run: () =>
      broken ? Promise.reject(new Error("crashed")) : Promise.resolve({ operationsPerSecond: 1 }),
    close: () => Promise.resolve(),
    end: () => Promise.resolve(),
  };
}

/** One row has the fields of `wanted`, and its figures are positive. */
function assertRow(results: Results, wanted: Partial<Row>): void {
  const name = JSON.stringify(wanted);
  const rows = results.rows.filter((row) =>
    Object.entries(wanted).every(([field, value]) => row[field as keyof Row] === value)
  );
  assert.is(rows.length, 1, name);
  const [row] = rows;
  assertPositive(row.operationsPerSecond, name);
  assert.is(row.repetitions.length, PLANS.smoke.repetitionCount, name);
  if (LATENCY_WORKLOADS.includes(row.workload)) {
    assertPositive(row.latency?.p50Us, name);
    assertPositive(row.latency?.p99Us, name);
  }
}

function assertPositive(figure: number | undefined, name: string): void {
  assert.ok(figure !== undefined && figure > 0 && Number.isFinite(figure), `${name}: ${figure}`);
}
