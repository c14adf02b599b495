/**
 * `dinomo/metrics`: the figures are those of `stats()`, and what reads them understands them:
 * a strict parser of Prometheus' format, and the SDK of OpenTelemetry.
 *
 * @module
 */
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError, open } from "dinomo";
import {
  type Metric,
  type MetricDefinition,
  metrics,
  observeStore,
  prometheusText,
} from "dinomo/metrics";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { METRIC_DEFINITIONS } from "../../lib/metrics/metrics.ts";
import { assertThrows } from "../support/errors.ts";

const NAME = /^dinomo(\.[a-z0-9]+)+$/;
/** Units of UCUM, and counts of something. */
const UNIT = /^(By|us|ms|1|\{[a-z]+\})$/;
/** A line of the exposition format; values are decimal numbers. */
const LINE = /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (-?[0-9.e+-]+)$/;

/** One figure, which has to be there. */
function valueOf(measured: readonly Metric[], name: string, attribute?: string): number {
  const metric = measured.find((each) => each.name === `dinomo.${name}`);
  assert.ok(metric !== undefined, name);
  const point = metric.points.find(({ attributes }) => {
    return attribute === undefined || Object.values(attributes).includes(attribute);
  });
  assert.ok(point !== undefined, `${name} ${attribute}`);
  return point.value;
}

test("names, units and descriptions are well-formed, and no name is there twice", () => {
  const names = new Set<string>();
  for (const { name, unit, description } of METRIC_DEFINITIONS) {
    assert.match(name, NAME);
    assert.match(unit, UNIT);
    assert.match(description, /^\S[^\n\\]*\S$/);
    assert.not(names.has(name), name);
    names.add(name);
  }
});

test("docs/metrics.md lists all of them", () => {
  const page = readFileSync(join(PROJECT_ROOT, "docs", "metrics.md"), "utf8");
  const rows = Array.from(
    page.matchAll(/^\| `(dinomo\.\S+)` +\| (\S+) +\| (\S+) +\| (.+?) +\|$/gm),
  );
  assert.equal(
    rows.map(([, name, unit, kind, description]) => ({ kind, name, unit, description })),
    METRIC_DEFINITIONS,
  );
});

test("figures are those of the store", async () => {
  await using store = await open<number>({ capacity: "8MiB", nodes: 2, ordered: true });
  for (let i = 0; i < 10; i++) await store.put(`key ${i}`, i);
  await store.delete("key 0");
  await store.get("key 1");
  await store.get("nothing");
  const measured = metrics(store);
  const stats = store.stats();
  assert.is(valueOf(measured, "keys"), 9);
  assert.is(valueOf(measured, "operations", "put"), 10);
  assert.is(valueOf(measured, "operations", "delete"), 1);
  assert.is(valueOf(measured, "operations", "hit"), 1);
  assert.is(valueOf(measured, "operations", "miss"), 1);
  assert.is(valueOf(measured, "capacity"), stats.capacityBytes);
  assert.is(valueOf(measured, "live"), stats.liveBytes);
  assert.is(valueOf(measured, "order"), stats.orderBytes);
  assert.is(valueOf(measured, "segments", "free"), stats.segments.free);
  assert.is(valueOf(measured, "nodes"), 2);
  assert.is(valueOf(measured, "durable"), 1);
  for (const { id, slots } of stats.nodes) {
    assert.is(valueOf(measured, "node.slots", String(id)), slots);
  }
});

test("what a store does not have is left out", async () => {
  await using plain = await open({ capacity: "1MiB" });
  const has = (measured: readonly MetricDefinition[], name: string) =>
    measured.some((metric) => metric.name === `dinomo.${name}`);
  assert.not(has(metrics(plain), "cache"));
  assert.not(has(metrics(plain), "latency.mean"));
  await using cached = await open({ capacity: "1MiB", cache: 8192 });
  assert.ok(has(metrics(cached), "cache"));
  assert.ok(has(metrics(cached), "cache.reads"));
});

test("Prometheus reads the text", async () => {
  await using store = await open<number>({ capacity: "1MiB", nodes: 2 });
  await store.put("a", 1);
  const label = 'a "quoted"\\ name\nof two lines';
  const lines = prometheusText(store, { store: label }).split("\n");
  assert.is(lines.pop(), "", "the last line ends, too");
  const samples = new Set<string>();
  let declared = "";
  for (const line of lines) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, text] = comment as unknown as [string, string, string, string];
      if (kind === "HELP") declared = name;
      else {
        assert.is(name, declared);
        assert.is(text, name.endsWith("_total") ? "counter" : "gauge");
      }
      continue;
    }
    const sample = LINE.exec(line);
    assert.ok(sample !== null, line);
    assert.is(sample[1], declared);
    assert.ok(sample[2]!.includes('store="a \\"quoted\\"\\\\ name\\nof two lines"'), line);
    assert.not(samples.has(sample[1]! + sample[2]!), line);
    samples.add(sample[1]! + sample[2]!);
  }
  const text = prometheusText(store);
  assert.match(text, /^dinomo_keys 1$/m);
  assert.match(text, /^dinomo_capacity_bytes 1048576$/m);
  assert.match(text, /^dinomo_operations_total\{kind="put"\} 1$/m);
  assert.match(text, /^dinomo_sync_time_seconds_total 0$/m);
});

test("what has no figures is refused", async () => {
  await using store = await open({ capacity: "1MiB" });
  for (const other of [undefined, null, {}, "store", store.namespace("a:")]) {
    const refusal = {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^store must be a store of this thread, got /,
    };
    assertThrows(() => metrics(other as never), refusal);
    assertThrows(() => prometheusText(other as never), refusal);
    assertThrows(() => observeStore({} as never, other as never), refusal);
  }
});

test("labels that Prometheus would not read are refused", async () => {
  await using store = await open<number>({ capacity: "1MiB" });
  const refusal = (says: RegExp) => {
    return { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT", says };
  };
  for (const labels of [5, "sessions", null, ["a"]]) {
    const says = refusal(/^labels must be an object of strings, got/);
    assertThrows(() => prometheusText(store, labels as never), says);
  }
  for (const value of [5, undefined, null, new Date(0)]) {
    const says = refusal(/^label "port" must be a string, got/);
    assertThrows(() => prometheusText(store, { port: value } as never), says);
  }
  for (const name of ["", "1st", "a-b", "a b", "é", 'a="1",b']) {
    assertThrows(
      () => prometheusText(store, { [name]: "x" }),
      refusal(/^the name of a label must/),
    );
  }
  assert.match(prometheusText(store, { _A1: "" }), /^dinomo_keys\{_A1=""\} 0$/m);
});

test("OpenTelemetry exports the figures, until it is told to stop", async () => {
  await using store = await open<number>({ capacity: "1MiB" });
  await store.put("a", 1);
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
  const provider = new MeterProvider({ readers: [reader] });
  let asked = 0;
  const counted = { stats: () => (asked++, store.stats()) };
  const stop = observeStore(provider.getMeter("test"), counted, { store: "s" });
  await reader.forceFlush();
  const exported = exporter.getMetrics()[0]!.scopeMetrics[0]!.metrics;
  const byName = new Map(exported.map((metric) => [metric.descriptor.name, metric]));
  for (const { name, unit, points } of metrics(store)) {
    const metric = byName.get(name);
    assert.is(metric?.descriptor.unit, unit, name);
    assert.is(metric!.dataPoints.length, points.length, name);
    for (const { attributes } of metric!.dataPoints) assert.is(attributes["store"], "s");
  }
  assert.is(byName.get("dinomo.keys")!.dataPoints[0]!.value, 1);
  assert.is(asked, 1, "all figures are those of one moment");

  stop();
  await reader.forceFlush();
  assert.is(asked, 1);
  await provider.shutdown();
});

test.run();
