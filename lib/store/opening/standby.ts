/**
 * A pool that this process is going to open, and that another one has open now: its files are read
 * ahead by a thread (dpm/standby_tasks.ts), so that the opening replays only what is new.
 *
 * Nothing depends on it: what cannot be taken over is restored from the beginning.
 *
 * @module
 */
import { PoolLockedError } from "../../core/errors.ts";
import type { StandbyPlace, StandbyTask, TakenOverPool } from "../../dpm/standby_tasks.ts";
import type { HeldDirectory } from "../../persistence/held_files.ts";
import type { StandbyReport } from "../../persistence/pool_standby.ts";
import type { RestoredPool } from "../../persistence/snapshot_reader.ts";
import { monotonicMs, runNextTurn, sleep } from "../../platform/runtime.ts";
import { resultOf, type TaskFailure } from "../../platform/task_failure.ts";
import { TaskThreads } from "../../platform/task_threads.ts";
import type { WorkerCode } from "../../platform/worker_loader.ts";
import { Pool } from "../../pool/pool.ts";
import type { ResolvedStandby } from "../options/standby_options.ts";

/** The thread has what is in memory, so it stays. */
const IDLE_TIMEOUT_MS = 2 ** 31 - 1;
/** Share of the time that looking at the files may take, if `refreshMs` would be less. */
const BUSY_SHARE_MAX = 0.1;
/** How often it is tried to lock the directory. */
const TRY_MS = 25;

/** A pool that is restored ahead. */
export class Standby {
  readonly #place: StandbyPlace;
  readonly #threads: TaskThreads<StandbyTask, unknown>;
  /** What the thread is doing. */
  #running: Promise<unknown> = Promise.resolve();
  readonly #end = new AbortController();

  /** Prepares to read ahead; starts no thread yet. */
  constructor(place: StandbyPlace, workerCode: WorkerCode) {
    this.#place = place;
    this.#threads = new TaskThreads({
      workerCode,
      threadCount: 1,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
    });
  }

  /**
   * Reads what has changed in the files.
   *
   * @returns whether the pool is in memory now
   */
  async refresh(): Promise<boolean> {
    try {
      const report = await this.#run<StandbyReport>({ kind: "refresh", place: this.#place });
      return report.isWarm;
    } catch {
      return false;
    }
  }

  /**
   * Reads what has changed again and again, until it is taken over or closed.
   *
   * @param onWarm is called in a turn of its own: nothing here depends on what it throws
   */
  async keepWarm(refreshMs: number, onWarm?: () => void): Promise<void> {
    const { signal } = this.#end;
    let tell = onWarm;
    while (!signal.aborted) {
      const startMs = monotonicMs();
      const isWarm = await this.refresh();
      if (isWarm && !signal.aborted && tell !== undefined) {
        runNextTurn(tell);
        tell = undefined;
      }
      const restMs = (monotonicMs() - startMs) / BUSY_SHARE_MAX;
      await sleep(Math.max(refreshMs, restMs), { signal, keepsAlive: false });
    }
  }

  /**
   * Restores the pool, whose directory this process has locked.
   *
   * @returns undefined when it has to be restored from the beginning
   */
  async takeOver(held: HeldDirectory): Promise<RestoredPool | undefined> {
    this.#end.abort();
    try {
      const task = { kind: "takeOver", place: this.#place, held } as const;
      const taken = await this.#run<TakenOverPool | undefined>(task);
      return taken && { ...taken, pool: Pool.attach(taken.pool) };
    } catch {
      return undefined;
    }
  }

  /** Ends the thread, and lets go of what it has in memory. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#running;
    await this.#threads.close();
  }

  async #run<Result>(task: StandbyTask): Promise<Result> {
    const running = this.#running.then(() => this.#threads.run(task));
    this.#running = running.catch(() => {});
    return resultOf(await running as Result | TaskFailure);
  }
}

/**
 * Opens a pool when it is free, and reads it ahead until then.
 *
 * @param open opens it, by a standby if it is not free at first; throws `PoolLockedError` while it
 *   is not free
 * @param standby what reads it ahead
 * @throws {PoolLockedError} when it has not been free for as long as `waitMs`
 */
export async function openWhenFree<Opened>(
  { waitMs, refreshMs, onWarm, signal }: ResolvedStandby,
  open: (standby: Standby | undefined) => Promise<Opened>,
  standby: Standby,
): Promise<Opened> {
  const startMs = monotonicMs();
  let isReadAhead = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await open(isReadAhead ? standby : undefined);
      } catch (error) {
        const isLate = monotonicMs() - startMs >= waitMs;
        if (!(error instanceof PoolLockedError) || isLate) throw error;
      }
      if (!isReadAhead) void standby.keepWarm(refreshMs, onWarm);
      isReadAhead = true;
      await sleep(TRY_MS, signal === undefined ? {} : { signal });
    }
  } finally {
    // It has nothing to do any more, and the store need not wait for its end.
    void standby.close();
  }
}
