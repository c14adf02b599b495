/**
 * Metrics for a meter of OpenTelemetry, which asks for them when it exports.
 *
 * The package `@opentelemetry/api` is the application's: what is used of a meter is described here.
 *
 * @module
 */
import { assertStore, STORE_WITH_FIGURES } from "../store/store_nature.ts";
import { type MeasuredStore, METRIC_DEFINITIONS, metrics } from "./metrics.ts";

/** What is used of a `Meter` of `@opentelemetry/api`. */
export interface StoreMeter<Instrument> {
  /** See `Meter.createObservableCounter`. */
  createObservableCounter(name: string, options: InstrumentOptions): Instrument;
  /** See `Meter.createObservableGauge`. */
  createObservableGauge(name: string, options: InstrumentOptions): Instrument;
  /** See `Meter.addBatchObservableCallback`. */
  addBatchObservableCallback(
    callback: (result: InstrumentObserver<Instrument>) => void,
    instruments: Instrument[],
  ): void;
  /** See `Meter.removeBatchObservableCallback`. */
  removeBatchObservableCallback(
    callback: (result: InstrumentObserver<Instrument>) => void,
    instruments: Instrument[],
  ): void;
}

/** What an instrument is made with. */
export interface InstrumentOptions {
  /** What it means. */
  description: string;
  /** A unit of UCUM. */
  unit: string;
}

/** Takes values: a `BatchObservableResult`. */
export interface InstrumentObserver<Instrument> {
  /** See `BatchObservableResult.observe`. */
  observe(instrument: Instrument, value: number, attributes?: Record<string, string>): void;
}

/**
 * Makes instruments for all figures of a store, and observes them whenever the meter exports.
 *
 * @param attributes attributes of every value, such as `{ store: "sessions" }`
 * @returns a function that ends it; to be called before the store is closed
 * @throws {InvalidArgumentError} when `store` is no store
 *
 * @example
 * ```ts ignore
 * import { metrics } from "@opentelemetry/api";
 * import { open } from "dinomo";
 * import { observeStore } from "dinomo/metrics";
 *
 * const store = await open({ capacity: "64MiB" });
 * const stop = observeStore(metrics.getMeter("my-server"), store);
 * ```
 */
export function observeStore<Instrument>(
  meter: StoreMeter<Instrument>,
  store: MeasuredStore,
  attributes: Readonly<Record<string, string>> = {},
): () => void {
  assertStore(store, STORE_WITH_FIGURES);
  const instruments = new Map(METRIC_DEFINITIONS.map(({ kind, name, description, unit }) => {
    const options = { description, unit };
    return [
      name,
      kind === "counter"
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options),
    ];
  }));
  const observe = (result: InstrumentObserver<Instrument>) => {
    for (const { name, points } of metrics(store)) {
      const instrument = instruments.get(name)!;
      for (const point of points) {
        result.observe(instrument, point.value, { ...attributes, ...point.attributes });
      }
    }
  };
  const all = [...instruments.values()];
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}
