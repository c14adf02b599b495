/**
 * Metrics as text, in the exposition format of Prometheus, version 0.0.4.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../core/errors.ts";
import { type MeasuredStore, type Metric, type MetricPoint, metrics } from "./metrics.ts";

/** What the response to a scrape has as its `content-type`. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Units that Prometheus wants in names, and as base units: suffix, and by what is multiplied. */
const BASE_UNITS: Readonly<Record<string, readonly [suffix: string, factor: number]>> = {
  By: ["_bytes", 1],
  ms: ["_seconds", 1e-3],
  us: ["_seconds", 1e-6],
};

/** What Prometheus takes as the name of a label. */
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * The figures of a store, as Prometheus scrapes them.
 *
 * @param labels labels for every line, such as `{ store: "sessions" }`
 * @throws {InvalidArgumentError} when `store` is no store, or a label not a string, or its name not
 *   of letters of ASCII, digits and `_`
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { prometheusText } from "dinomo/metrics";
 *
 * await using store = await open({ capacity: "64MiB" });
 * await store.put("a", 1);
 * const line = prometheusText(store).split("\n").find((line) => line.startsWith("dinomo_keys "));
 * console.log(line); // dinomo_keys 1
 * ```
 */
export function prometheusText(
  store: MeasuredStore,
  labels: Readonly<Record<string, string>> = {},
): string {
  assertLabels(labels);
  return metrics(store).map((metric) => metricText(metric, labels)).join("");
}

function assertLabels(labels: unknown): void {
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) {
    throw new InvalidArgumentError(`labels must be an object of strings, got ${describe(labels)}`);
  }
  for (const [name, value] of Object.entries(labels)) {
    if (!LABEL.test(name)) {
      throw new InvalidArgumentError(
        `the name of a label must be of letters of ASCII, digits and _, and begin with no digit, ` +
          `got ${describe(name)}`,
      );
    }
    if (typeof value !== "string") {
      throw new InvalidArgumentError(`label "${name}" must be a string, got ${describe(value)}`);
    }
  }
}

function metricText(metric: Metric, labels: Readonly<Record<string, string>>): string {
  const [suffix, factor] = BASE_UNITS[metric.unit] ?? ["", 1];
  const total = metric.kind === "counter" ? "_total" : "";
  const name = metric.name.replaceAll(".", "_") + suffix + total;
  const lines = metric.points.map((point) => {
    return `${name}${labelText(labels, point)} ${point.value * factor}\n`;
  });
  return `# HELP ${name} ${metric.description}\n# TYPE ${name} ${metric.kind}\n${lines.join("")}`;
}

function labelText(labels: Readonly<Record<string, string>>, { attributes }: MetricPoint): string {
  const all = Object.entries({ ...labels, ...attributes });
  if (all.length === 0) return "";
  return `{${all.map(([label, value]) => `${label}="${escaped(value)}"`).join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
