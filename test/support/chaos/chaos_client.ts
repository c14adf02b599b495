/**
 * What one client does in a round: a seeded mix of everything, awaited, pipelined and blocking,
 * with a bounded number of operations in progress.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import type { Pool } from "../../../lib/pool/pool.ts";
import type { Store } from "../../../mod.ts";
import type { HistoryRecorder } from "../linearizability/history_recorder.ts";
import type { Random } from "../random.ts";
import { Accounts } from "./accounts.ts";
import type { Workload } from "./chaos_settings.ts";
import { churn, iterate } from "./fillers.ts";
import { OwnKeys } from "./own_keys.ts";
import { SharedKeys } from "./shared_keys.ts";
import type { SlowList } from "./slow_operations.ts";

/** What a client works with. */
export interface ChaosClientOptions {
  readonly store: Store<unknown>;
  readonly pool: Pool;
  /** Number of the client, different for each that there is in a round. */
  readonly client: number;
  readonly random: Random;
  readonly workload: Workload;
  readonly recorder: HistoryRecorder;
  readonly slow: SlowList;
  /** What all clients of a round have traded. */
  readonly traded: Int32Array;
  /** Called between two turns. */
  readonly isStopWanted: () => boolean;
  /** Called between two turns; may throw. */
  readonly onTurn: () => void;
}

/** Operations that a turn records, and the reading of all keys at the end, at most. */
const TURN_OPERATIONS_MAX = 200;
/** Operations that follow from each other in one turn. */
const LANE_OPERATIONS = 10;
/** Of so many turns one is trading, where that is done; and so much is traded in one. */
const TRADE_EVERY = 4;
const TRADES_MAX = 12;

/** Works on a store until it is told to stop. */
export class ChaosClient {
  readonly #options: ChaosClientOptions;
  readonly #shared: SharedKeys;
  readonly #own: OwnKeys;
  readonly #accounts: Accounts;

  /** Prepares a client. */
  constructor(options: ChaosClientOptions) {
    this.#options = options;
    this.#shared = new SharedKeys(options);
    this.#own = new OwnKeys(options);
    const { isOrdered } = options.workload;
    this.#accounts = new Accounts({ ...options, isOrdered });
  }

  /**
   * Resolves when it was told to stop and all of its operations have ended; rejects if one of them
   * was wrong.
   */
  async run(): Promise<void> {
    const { isStopWanted, onTurn, random, recorder, store, workload } = this.#options;
    while (!isStopWanted() && recorder.rowsLeft > TURN_OPERATIONS_MAX) {
      await this.#turn();
      if (workload.evicts) await churn(store, random, workload);
      onTurn();
      // Timers and messages get their turn, too.
      await setImmediate();
    }
  }

  /** Reads all shared keys, at the end of a round. */
  readAll(): Promise<void> {
    return this.#shared.readAll();
  }

  /** Looks whether nothing was lost in trading, at the end of a round. */
  checkSums(): Promise<void> {
    return this.#accounts.checkSums();
  }

  async #turn(): Promise<void> {
    const { random, store, workload } = this.#options;
    const { concurrentMax } = workload;
    if (workload.trades && random.below(TRADE_EVERY) === 0) return await this.#trade(concurrentMax);
    const kind = random.below(100);
    if (kind < 35) {
      for (let i = random.between(1, 150); i > 0; i--) this.#shared.issueSync();
    } else if (kind < 40) {
      for (let i = random.between(1, 10); i > 0; i--) await this.#shared.issue();
    } else if (kind < 80) {
      await this.#together(concurrentMax);
    } else if (kind < 88) {
      await this.#own.pipeline();
    } else if (kind < 94) {
      await this.#own.expire();
    } else if (kind < 99 || random.below(10) > 0) {
      await churn(store, random, workload);
    } else {
      await iterate(store, workload);
    }
  }

  async #trade(lanes: number): Promise<void> {
    const lane = async () => {
      for (let i = this.#options.random.between(1, TRADES_MAX); i > 0; i--) {
        await this.#accounts.turn();
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** Several operations at a time, the end of each giving way to the next. */
  async #together(lanes: number): Promise<void> {
    const lane = async () => {
      for (let i = 0; i < LANE_OPERATIONS; i++) await this.#shared.issue();
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }
}
