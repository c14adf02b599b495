/**
 * The statistics of a store, evaluated at regular intervals in the thread that opened it, and the
 * M-node's decisions from them.
 *
 * @module
 */
import { type AutoscaleDecision, Autoscaler, decisionLine } from "../../mnode/autoscaler.ts";
import type { KeyActuator, NodeActuator } from "../../mnode/autoscaler.ts";
import { StatisticsCollector, type StatisticsWindow } from "../../mnode/statistics_collector.ts";
import { monotonicMs, runNextTurn, startTimer, type Timer } from "../../platform/runtime.ts";
import type { Pool } from "../../pool/pool.ts";
import type { StatisticsRegion } from "../../statistics/statistics_region.ts";
import type { ResolvedAutoscale } from "../options/autoscale_options.ts";

/** How long a window is if nothing is decided by it. */
const WINDOW_MS_DEFAULT = 1000;

/** What statistics are evaluated for. */
export interface StoreStatisticsOptions {
  readonly pool: Pool;
  readonly region: StatisticsRegion;
  /** Undefined: they are for `stats()` only. */
  readonly autoscale: ResolvedAutoscale | undefined;
  readonly nodes: NodeActuator;
  /** Undefined if keys of the pool cannot be shared. */
  readonly keys: KeyActuator | undefined;
  readonly onDecision: (decision: AutoscaleDecision) => void;
}

/** Evaluates one store's statistics. */
export class StoreStatistics {
  readonly #collector: StatisticsCollector;
  readonly #autoscaler: Autoscaler | undefined;
  readonly #timer: Timer;
  #window: StatisticsWindow | undefined;

  /** Opens the first window; keeps no process alive. */
  constructor({ pool, region, autoscale, nodes, keys, onDecision }: StoreStatisticsOptions) {
    const now = monotonicMs;
    this.#collector = new StatisticsCollector({ pool, statistics: region, now });
    this.#autoscaler = autoscale && new Autoscaler({
      settings: autoscale.settings,
      isDryRun: autoscale.isDryRun,
      now,
      nodes,
      keys,
      onDecision: (decision) => {
        onDecision(decision);
        const { log } = autoscale;
        if (log !== undefined) runNextTurn(() => log(decisionLine(decision), decision));
      },
    });
    this.#timer = startTimer(() => this.#tick(), autoscale?.periodMs ?? WINDOW_MS_DEFAULT, {
      isRepeated: true,
      keepsAlive: false,
    });
  }

  /** The last window that has ended; undefined before the first one has. */
  get window(): StatisticsWindow | undefined {
    return this.#window;
  }

  /** The KNs have been changed, by whomever. */
  noteChange(): void {
    this.#autoscaler?.noteChange();
  }

  /** Measures and decides nothing any more. */
  stop(): void {
    this.#timer.stop();
    this.#autoscaler?.stop();
  }

  #tick(): void {
    // What is being done to the KNs belongs to the window in which it began.
    if (this.#autoscaler?.isReady === false) return;
    this.#window = this.#collector.closeWindow();
    void this.#autoscaler?.step(this.#window);
  }
}
