/**
 * The figures of a store for Prometheus and OpenTelemetry.
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "dinomo/metrics";
 *
 * await using store = await open({ capacity: "64MiB" });
 *
 * // What a server answers to GET /metrics.
 * function metricsResponse(): Response {
 *   return new Response(prometheusText(store), {
 *     headers: { "content-type": PROMETHEUS_CONTENT_TYPE },
 *   });
 * }
 * console.log(metricsResponse().status); // 200
 * ```
 *
 * @module
 */
export {
  type MeasuredStore,
  type Metric,
  type MetricDefinition,
  type MetricPoint,
  metrics,
} from "./metrics.ts";
export {
  type InstrumentObserver,
  type InstrumentOptions,
  observeStore,
  type StoreMeter,
} from "./open_telemetry.ts";
export { PROMETHEUS_CONTENT_TYPE, prometheusText } from "./prometheus.ts";
