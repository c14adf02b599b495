/**
 * The host's side of the DPM processors: a thread pool that starts with the first task, and ends
 * its threads when there is nothing to do, so that an idle store has none.
 *
 * The last copy of a small pool is written by the host's thread, and where no thread can be
 * started, whatever must be done is done there: copies, and syncs. What others do as well, or what
 * can be done later, is left: cleaning, merging, prefaulting.
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import { SnapshotError } from "../core/errors.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import { monotonicMs, sleep, startTimer, type Timer } from "../platform/runtime.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import { lockCheckpoints, unlockCheckpoints } from "../persistence/checkpoint_lock.ts";
import type { LogPlace } from "../persistence/checkpointer.ts";
import type { HeldDirectory } from "../persistence/held_files.ts";
import type { SnapshotIdentity } from "../persistence/checkpoint_header.ts";
import { abandonCopying } from "../persistence/deferral.ts";
import type { SnapshotReport } from "../persistence/snapshot_writer.ts";
import {
  AGENT_COPIER,
  AGENT_DPM,
  AGENT_HOST,
  CHECKPOINT_UNITS,
  GATE_NODE_COUNT,
  GATE_PROCESSOR_COUNT,
  UNITS_SYNCED,
  UNITS_WRITTEN,
} from "../pool/control_layout.ts";
import { SEGMENT_TOUCHED_BYTES } from "../pool/segment_layout.ts";
import { DurabilityFailure, durabilityFailure } from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import { admitSegments, wantedSegments } from "../pool/segment_growth.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import { unmergedBytes } from "../far/log/far_budget.ts";
import { backlogBytesMax, isFar } from "../pool/placement.ts";
import { activeNodes } from "../routing/node_directory.ts";
import { forgetDeath, hasDied } from "../agent/liveness.ts";
import type { DpmTask } from "./dpm_tasks.ts";
import { ThreadStartError } from "../platform/task_pool.ts";
import { TaskThreads } from "../platform/task_threads.ts";
import type { WorkerCode } from "../platform/worker_loader.ts";
import { abandonMergers, endMerging, hasUnmerged } from "../far/log/log_merger.ts";
import { resultOf } from "../platform/task_failure.ts";

/** After how long a thread without tasks ends. */
const IDLE_TIMEOUT_MS = 2000;
/** After cleaning has gained nothing, how long to wait before trying again. */
const FUTILE_BACKOFF_MS = 100;

/**
 * How often to look whether far KNs have logged so much, as a share of their backlog's limit, that
 * it is to be merged at once.
 */
const MERGE_LOOK_MS = 1;
const MERGE_SHARE = 1 / 8;

/**
 * How long compaction waits for the end of what cleans, which a thread that has failed may hold up;
 * and how often it looks.
 */
const CLEANING_MS_MAX = 5000;
const CLEANING_LOOK_MS = 5;

/** A copy of so many bytes is written in less time than a thread takes to start. */
const SMALL_COPY_BYTES_MAX = 2 ** 20;

/** How long written bytes may stay unsynced. */
const SYNC_INTERVAL_MS = 800;

/**
 * Bytes logged after which a checkpoint is due, unless the capacity is small: what recovery has to
 * replay at most.
 */
const CHECKPOINT_BYTES_DEFAULT = 256 * 1024 * 1024;

/** How the DPM processors of a store work. */
export interface DpmOptions {
  readonly workerCode: WorkerCode;
  readonly threadCount: number;
  readonly prefault: boolean | "auto";
  /** Where writes are logged; undefined if they are not. */
  readonly log: LogPlace | undefined;
  /** Bytes written to the log after which a checkpoint is due; undefined: by the capacity. */
  readonly checkpointBytes: number | undefined;
  /**
   * Called when cleaning has ended in the middle, because it threw or its thread died. Resolves
   * when what it has left behind is in order: until then no other task may clean as a DPM
   * processor.
   */
  readonly onCleaningFailed: () => Promise<void>;
  /** Loads what runs a task in this thread. */
  readonly loadTasks: () => Promise<(task: DpmTask) => unknown>;
}

/** Runs DPM tasks for one store. */
export class DpmProcessors {
  readonly #pool: Pool;
  readonly #options: DpmOptions;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  readonly #threads: TaskThreads<DpmTask, unknown>;
  readonly #tasks = new Set<Promise<unknown>>();
  /** Settles when the task ends that cleans or compacts; undefined if there is none. */
  #cleaning: Promise<unknown> | undefined;
  /** Compaction is under way, or waits for the end of that; one at a time. */
  #isCompacting = false;
  #cleanAfterMs = 0;
  #isPrefaulting = false;
  #isCheckpointing = false;
  /** Settles when the snapshots, checkpoints and backups have ended that were asked for. */
  #copying: Promise<unknown> = Promise.resolve();
  #isClosing = false;
  readonly #isFar: boolean;
  /** Merging tasks, by the agent blocks of the KNs. */
  readonly #merging = new Map<number, Promise<unknown>>();
  #mergeAfterMs = 0;
  #syncTimer: Timer | undefined;

  /** Makes the host's side; starts no thread. */
  constructor(pool: Pool, options: DpmOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#segments = new SegmentTable(pool);
    this.#budget = new SpaceBudget(pool, this.#segments);
    this.#isFar = isFar(pool);
    const { workerCode, threadCount } = options;
    this.#threads = new TaskThreads({ workerCode, threadCount, idleTimeoutMs: IDLE_TIMEOUT_MS });
  }

  /**
   * Starts what the pool needs: cleaning when segments are scarce, prefaulting of the segment that
   * comes next, and, where writes are logged, checkpoints and syncs.
   */
  upkeep(): void {
    if (this.#isFar) this.#mergeLarge();
    if (this.#options.log !== undefined) this.#keepLog(this.#options.log);
    if (this.#threads.areFailing) return;
    const mayClean = this.#cleaning === undefined && !this.#isCompacting;
    if (mayClean && this.#budget.isCleaningDue && monotonicMs() >= this.#cleanAfterMs) {
      this.#clean();
    }
    if (!this.#isPrefaulting && this.#mayPrefault()) this.#prefaultNext();
  }

  /** Merges what far KNs have logged by now, as far as no other thread does. */
  async mergeLogs(): Promise<void> {
    const agents = activeNodes(this.#pool).map(({ agent }) => agent);
    await Promise.all(agents.map((agent) => this.#mergeLog(agent)));
  }

  /**
   * Writes a snapshot.
   *
   * @param isLast the store closes, and nothing else runs; a small one is written by this thread
   */
  snapshot(
    directory: HeldDirectory,
    identity: Omit<SnapshotIdentity, "image">,
    isLast = false,
  ): Promise<SnapshotReport> {
    const task: DpmTask = { kind: "snapshot", pool: this.#pool.handle, directory, identity };
    return this.#report(task, isLast);
  }

  /**
   * Writes a checkpoint of a pool whose writes are logged.
   *
   * @param isLast the store closes, and nothing else runs; a small one is written by this thread
   */
  checkpoint(log: LogPlace, isLast = false): Promise<SnapshotReport> {
    return this.#report({ kind: "checkpoint", pool: this.#pool.handle, log }, isLast);
  }

  /** Writes a copy of the pool. */
  backup(directory: HeldDirectory, codec: CodecName): Promise<SnapshotReport> {
    return this.#report({ kind: "backup", pool: this.#pool.handle, directory, codec });
  }

  /**
   * Moves live records to the pool's start, after what is being cleaned. Resolves to the number of
   * segments that were emptied; to 0 if there is no thread for it, or it has failed: then the rest
   * stays where it is, and what the thread has left is in order.
   */
  async compact(): Promise<number> {
    // Cleaning would begin again at once; KNs that run out of segments clean by themselves.
    this.#isCompacting = true;
    try {
      if (!await this.#cleaningEnds() || this.#isClosing) return 0;
      return await this.#cleanBy("compact");
    } catch {
      await this.#cleaningEnds();
      return 0;
    } finally {
      this.#isCompacting = false;
    }
  }

  /**
   * Admits the segments that the pool is to have: with a checkpoint that names them where writes
   * are logged, otherwise at once, in this thread.
   *
   * @throws {SnapshotError} when the checkpoint is not written
   */
  async admitWanted(): Promise<void> {
    if (this.#options.log !== undefined) {
      await this.checkpoint(this.#options.log);
      return;
    }
    // Only what this thread has asked for has the lock meanwhile, and a repair, which is this
    // thread's.
    const admitted = this.#copying.then(() => {
      lockCheckpoints(this.#pool, AGENT_HOST);
      admitSegments(this.#pool, wantedSegments(this.#pool));
      unlockCheckpoints(this.#pool);
    });
    this.#copying = admitted.catch(() => {});
    await admitted;
  }

  /**
   * Gives the memory of free segments back to the operating system, where the runtime can do that.
   * Resolves to the number of bytes; to 0 if that has failed.
   */
  async releaseMemory(): Promise<number> {
    const task: DpmTask = { kind: "release", pool: this.#pool.handle };
    return await this.#report<number>(task).catch(() => 0);
  }

  /** Syncs the log; resolves to whether all that has been written is durable now. */
  async sync(log: LogPlace): Promise<boolean> {
    return await this.#runSurely({ kind: "sync", pool: this.#pool.handle, log }) === 1;
  }

  /**
   * Copies one after the other: all DPM processors are one agent, and what a dead one held is told
   * from what another one holds.
   */
  #report<Result = SnapshotReport>(task: DpmTask, isLast = false): Promise<Result> {
    const report = this.#copying.then(() => this.#copy<Result>(task, isLast));
    this.#copying = report.catch(() => {});
    return report;
  }

  async #copy<Result>(task: DpmTask, isLast: boolean): Promise<Result> {
    try {
      const isHere = isLast && this.#isSmall;
      const report = isHere ? (await this.#options.loadTasks())(task) : await this.#runSurely(task);
      return report as Result;
    } catch (error) {
      this.#endCopying();
      // Errors lose their class on the way between threads.
      throw new SnapshotError(error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    }
  }

  /**
   * Hears of a DPM processor that has died while it copied; called while this thread blocks, too.
   */
  tend(): void {
    if (hasDied(this.#pool, AGENT_COPIER)) this.#endCopying();
  }

  /**
   * Gives back what was held by one that has failed: if it threw, it has done so itself; if its
   * thread has ended, it has not.
   */
  #endCopying(): void {
    forgetDeath(this.#pool, AGENT_COPIER);
    abandonMergers(this.#pool, AGENT_DPM);
    abandonCopying(this.#pool, AGENT_DPM);
  }

  /** Ends all threads, without a wait: this thread ends. */
  abandon(): void {
    this.#threads.abandon();
  }

  /** Ends all threads, after their tasks. */
  async close(): Promise<void> {
    this.#cleanAfterMs = Infinity;
    this.#isClosing = true;
    this.#isPrefaulting = true;
    this.#isCheckpointing = true;
    this.#syncTimer?.stop();
    await this.#copying;
    // A thread that is ended while it still loads its modules takes the process with it on Node 20.
    await Promise.allSettled(this.#tasks);
    await this.#threads.close();
  }

  /**
   * Waits until nothing cleans any more, and what a thread has left that has failed is in order;
   * false if that takes too long. Keeps the process alive, which neither the task nor the monitor
   * does.
   */
  async #cleaningEnds(): Promise<boolean> {
    const deadlineMs = monotonicMs() + CLEANING_MS_MAX;
    while (this.#cleaning !== undefined && monotonicMs() < deadlineMs) {
      await sleep(CLEANING_LOOK_MS);
    }
    return this.#cleaning === undefined;
  }

  /** Merges the logs of far KNs when enough has been logged to be worth a task. */
  #mergeLarge(): void {
    const nowMs = monotonicMs();
    if (nowMs < this.#mergeAfterMs) return;
    this.#mergeAfterMs = nowMs + MERGE_LOOK_MS;
    const wanted = backlogBytesMax(this.#pool) * MERGE_SHARE;
    if (unmergedBytes(this.#pool, this.#segments) >= wanted) void this.mergeLogs();
  }

  /** Merges the log of one KN; one task at a time. */
  async #mergeLog(agent: number): Promise<void> {
    if (this.#isClosing || this.#threads.areFailing || !hasUnmerged(this.#pool, agent)) return;
    let task = this.#merging.get(agent);
    if (task === undefined) {
      // One that fails is tried again; and KNs help when no DPM processor merges.
      task = this.#run({ kind: "merge", pool: this.#pool.handle, agent })
        .catch((error) => {
          if (!(error instanceof ThreadStartError)) endMerging(this.#pool, agent);
        })
        .finally(() => this.#merging.delete(agent));
      this.#merging.set(agent, task);
    }
    await task;
  }

  #keepLog(log: LogPlace): void {
    const { control } = this.#pool;
    this.#keepSynced(log);
    if (this.#isCheckpointing || durabilityFailure(this.#pool) !== DurabilityFailure.NONE) return;
    const written = Atomics.load(control, UNITS_WRITTEN);
    const bytes = ((written - control[CHECKPOINT_UNITS]) >>> 0) * ADDRESS_UNIT_BYTES;
    const frees = this.#segments.pendingCount > 0 &&
      this.#segments.freeCount < this.#budget.dueCount;
    const { checkpointBytes = Math.min(CHECKPOINT_BYTES_DEFAULT, this.#pool.capacityBytes / 4) } =
      this.#options;
    if (bytes < checkpointBytes && !frees) return;
    this.#isCheckpointing = true;
    // A checkpoint that fails ends durability, which every later write reports.
    this.checkpoint(log).then(() => true, () => false).then((isWritten) => {
      this.#isCheckpointing = false;
      if (isWritten) this.#keepSynced(log);
    });
  }

  /**
   * Has what is written synced some time later. To be called again when a sync or a checkpoint has
   * ended: what was written meanwhile has found it in progress, and may be the last for long.
   */
  #keepSynced(log: LogPlace): void {
    const { control } = this.#pool;
    if (Atomics.load(control, UNITS_WRITTEN) === Atomics.load(control, UNITS_SYNCED)) return;
    if (this.#syncTimer !== undefined || this.#isCheckpointing || this.#isClosing) return;
    const sync = () => {
      this.sync(log).then(() => true, () => false).then((isSynced) => {
        this.#syncTimer = undefined;
        const hasFailed = durabilityFailure(this.#pool) !== DurabilityFailure.NONE;
        if (isSynced && !hasFailed) this.#keepSynced(log);
      });
    };
    // What has been written survives the process without it.
    this.#syncTimer = startTimer(sync, SYNC_INTERVAL_MS, { keepsAlive: false });
  }

  #clean(): void {
    const backOff = () => this.#cleanAfterMs = monotonicMs() + FUTILE_BACKOFF_MS;
    // A KN that runs out of segments cleans by itself, so a failed task delays no KN; it is tried
    // again.
    this.#cleanBy("clean").then((gained) => gained > 0 ? undefined : backOff(), backOff);
  }

  /** Runs a task that cleans; what one leaves that fails is put in order before the next. */
  #cleanBy(kind: "clean" | "compact"): Promise<number> {
    const task = this.#run({ kind, pool: this.#pool.handle, log: this.#options.log });
    this.#cleaning = task.catch((error) =>
      error instanceof ThreadStartError ? undefined : this.#options.onCleaningFailed()
    ).finally(() => this.#cleaning = undefined);
    return task as Promise<number>;
  }

  /** Prefaulting pays when a processor is free beside the client and the KNs. */
  #mayPrefault(): boolean {
    if (this.#options.prefault !== "auto") return this.#options.prefault;
    const { control } = this.#pool;
    return Atomics.load(control, GATE_PROCESSOR_COUNT) > Atomics.load(control, GATE_NODE_COUNT) + 1;
  }

  #prefaultNext(): void {
    const segment = this.#segments.nextFree;
    if (segment === NO_SEGMENT) return;
    const touched = this.#pool.control[this.#pool.segmentAt(segment) + SEGMENT_TOUCHED_BYTES];
    if (touched !== 0) return;
    this.#isPrefaulting = true;
    this.#run({ kind: "prefault", pool: this.#pool.handle, segment })
      // Prefaulting is a courtesy: without it the KN touches the pages itself.
      .catch(() => 0)
      .finally(() => this.#isPrefaulting = false);
  }

  /** Whether a copy of the pool takes less time than a thread takes to start. */
  get #isSmall(): boolean {
    let bytes = 0;
    for (let segment = 0, end = this.#pool.segmentLimit; segment < end; segment++) {
      bytes += this.#segments.usedBytes(segment as SegmentId);
    }
    return bytes <= SMALL_COPY_BYTES_MAX;
  }

  /** Runs a task on a thread, or here if there is none. */
  async #runSurely(task: DpmTask): Promise<unknown> {
    try {
      return await this.#run(task);
    } catch (error) {
      if (!(error instanceof ThreadStartError)) throw error;
      const runHere = await this.#options.loadTasks().catch(() => undefined);
      if (runHere === undefined) throw error;
      return runHere(task);
    }
  }

  /** Runs a task on a thread. */
  async #run(task: DpmTask): Promise<unknown> {
    const running = this.#threads.run(task);
    this.#tasks.add(running);
    try {
      return resultOf<unknown>(await running);
    } finally {
      this.#tasks.delete(running);
    }
  }
}
