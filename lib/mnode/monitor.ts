/**
 * The M-node's clock: looks after KNs, clients and the pool at regular intervals, and while the
 * host's thread blocks.
 *
 * @module
 */
import { isCompactionDue } from "../dpm/compaction.ts";
import type { DpmProcessors } from "../dpm/dpm_processors.ts";
import { startTimer, type Timer } from "../platform/runtime.ts";
import { DurabilityFailure, durabilityFailure } from "../pool/durability.ts";
import { PauseWatch } from "../pool/gate.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import type { ClientWatch } from "./client_watch.ts";
import { FullnessWatch } from "./fullness_watch.ts";
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
  /** Called again and again while the pool occupies much more than it needs. */
  readonly onSparse: () => void;
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
/** Looks between two looks at how full the pool is where nothing says that it is fuller. */
const LOOKS_PER_COUNT = 10;
/** Watches one store. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #fullness: FullnessWatch;
  readonly #segments: SegmentTable;
  readonly #pauses: PauseWatch;
  #timer: Timer | undefined;
  /** Runs while attached threads fill the pool. */
  #fillTimer: Timer | undefined;
  #lastMs = 0;
  #lookCount = 0;
  /** Segments that had been taken by the last look. */
  #openedCount: number;
  #hasLostDurability = false;

  /** Makes a monitor that is not started. */
  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#fullness = new FullnessWatch(options.pool, options.onNearlyFull);
    this.#openedCount = this.#fullness.openedCount;
    this.#segments = new SegmentTable(options.pool);
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
    this.#setFillTimer(false);
  }

  /** Looks whether what this thread writes has nearly filled the pool; called with each flush. */
  lookAfterFlush(): void {
    this.#fullness.lookIfFilled();
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
    this.#fullness.lookIfFilled();
    const isFilled = this.#fullness.openedCount !== this.#openedCount;
    this.#openedCount = this.#fullness.openedCount;
    if (this.#lookCount++ % LOOKS_PER_COUNT === 0) {
      this.#fullness.lookNow();
      if (isCompactionDue(this.#options.pool, this.#segments)) this.#options.onSparse();
    }
    this.#setFillTimer(isFilled && clients.attachedCount > 0);
  }

  /** In the time between two looks threads that are attached may fill a small pool. */
  #setFillTimer(isWanted: boolean): void {
    if (isWanted === (this.#fillTimer !== undefined)) return;
    this.#fillTimer?.stop();
    this.#fillTimer = isWanted && this.#timer !== undefined
      ? startTimer(() => this.#fullness.lookIfFilled(), BUSY_INTERVAL_MS, {
        isRepeated: true,
        keepsAlive: false,
      })
      : undefined;
  }

  #lookAtDurability(): void {
    const failure = durabilityFailure(this.#options.pool);
    if (failure === DurabilityFailure.NONE || this.#hasLostDurability) return;
    this.#hasLostDurability = true;
    this.#options.onDurabilityLost(failure);
  }
}
