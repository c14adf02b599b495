/**
 * The M-node's clock: looks after KNs, clients and the pool at regular intervals, and while the
 * host's thread blocks.
 *
 * @module
 */
import { startTimer, type Timer } from "../core/runtime.ts";
import type { DpmProcessors } from "../dpm/dpm_processors.ts";
import { DurabilityFailure, durabilityFailure } from "../pool/durability.ts";
import { PauseWatch } from "../pool/gate.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import type { ClientWatch } from "./client_watch.ts";
import type { NodeManager } from "./node_manager.ts";

/** What the monitor looks after. */
export interface MonitorOptions {
  readonly pool: Pool;
  readonly nodes: NodeManager;
  readonly clients: ClientWatch;
  readonly dpm: DpmProcessors;
  readonly now: () => number;
  readonly onDurabilityLost: (failure: number) => void;
  readonly onNearlyFull: (liveBytes: number, liveBytesMax: number) => void;
}

/**
 * How often to look: a tenth of how long a KN may make no progress. An idle store spends a
 * millionth of a processor on it.
 */
const INTERVAL_MS = 100;
/** The same while this thread blocks. */
const BUSY_INTERVAL_MS = 10;
/**
 * How long a pause may last: copying the index of tens of millions of keys takes a fraction of it.
 */
const PAUSE_MS_MAX = 2000;
/** Looks between two looks at how full the pool is. */
const LOOKS_PER_COUNT = 10;
/**
 * Shares of the live data that a pool may hold at which it counts as nearly full, and as not so any
 * more.
 */
const NEARLY_FULL_SHARE = 0.9;
const ROOMY_SHARE = 0.8;

/** Watches one store. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  readonly #pauses: PauseWatch;
  #timer: Timer | undefined;
  #lastMs = 0;
  #lookCount = 0;
  #hasLostDurability = false;
  #isNearlyFull = false;

  /** Makes a monitor that is not started. */
  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#segments = new SegmentTable(options.pool);
    this.#budget = new SpaceBudget(options.pool, this.#segments);
    this.#pauses = new PauseWatch(options.pool, PAUSE_MS_MAX);
  }

  /** Looks regularly from now on; keeps no process alive. */
  start(): void {
    this.#timer = startTimer(() => this.#look(), INTERVAL_MS, {
      isRepeated: true,
      keepsAlive: false,
    });
  }

  /** Stops looking. */
  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  /** Looks, unless it has just done so; for threads that block. */
  lookWhileBlocked(): void {
    if (this.#timer === undefined) return;
    if (this.#options.now() - this.#lastMs >= BUSY_INTERVAL_MS) this.#look();
  }

  #look(): void {
    const { nodes, clients, dpm, now } = this.#options;
    this.#lastMs = now();
    this.#pauses.look(this.#lastMs);
    dpm.tend();
    nodes.tend();
    clients.look();
    // What attached clients write does not pass here.
    if (clients.attachedCount > 0) dpm.upkeep();
    if (isFar(this.#options.pool)) void dpm.mergeLogs();
    this.#lookAtDurability();
    if (this.#lookCount++ % LOOKS_PER_COUNT === 0) this.#lookAtSpace();
  }

  #lookAtDurability(): void {
    const failure = durabilityFailure(this.#options.pool);
    if (failure === DurabilityFailure.NONE || this.#hasLostDurability) return;
    this.#hasLostDurability = true;
    this.#options.onDurabilityLost(failure);
  }

  #lookAtSpace(): void {
    const liveBytes = this.#segments.liveBytesTotal();
    const { liveBytesMax } = this.#budget;
    const share = liveBytes / liveBytesMax;
    if (share >= NEARLY_FULL_SHARE && !this.#isNearlyFull) {
      this.#isNearlyFull = true;
      this.#options.onNearlyFull(liveBytes, liveBytesMax);
    }
    if (share < ROOMY_SHARE) this.#isNearlyFull = false;
  }
}
