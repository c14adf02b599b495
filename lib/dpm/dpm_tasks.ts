/**
 * The tasks of a DPM processor: they run on a thread pool beside the KNs.
 *
 * @module
 */
import type { SegmentId } from "../core/brands.ts";
import { trace, TRACED } from "../platform/debug.ts";
import { epochMs, monotonicMs } from "../platform/runtime.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import { IndexSpace } from "../index/index_space.ts";
import { LogWriter } from "../log/log_writer.ts";
import { writeBackup } from "../persistence/backup.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import type { LogPlace } from "../persistence/checkpointer.ts";
import { IndexCheck, type SegmentFindings } from "../persistence/index_check.ts";
import { loadSegments } from "../persistence/segment_loader.ts";
import { type FileSystem, nodeFileSystem } from "../persistence/file_system.ts";
import { type HeldDirectory, heldFiles } from "../persistence/held_files.ts";
import { type Log, openLog } from "../persistence/open_log.ts";
import type { RestoreTask } from "../persistence/parallel_restore.ts";
import type { StandbyReport } from "../persistence/pool_standby.ts";
import type { SnapshotIdentity } from "../persistence/checkpoint_header.ts";
import { type SnapshotReport, writeSnapshot } from "../persistence/snapshot_writer.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_COPIER, AGENT_DPM, AGENT_MERGERS, GATE_PAUSED } from "../pool/control_layout.ts";
import { SEGMENT_TOUCHED_BYTES } from "../pool/segment_layout.ts";
import { liveTable } from "../agent/live_table.ts";
import { actFor } from "../agent/liveness.ts";
import { agentExecutor } from "../agent/executor.ts";
import { isMergedUpTo, loggedEnd, LogMerger } from "../far/log/log_merger.ts";
import { Gate, waitWhilePaused } from "../pool/gate.ts";
import { Pool, type PoolHandle } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import { StoreState, storeState } from "../routing/client_registry.ts";
import { Cleaner } from "./cleaner.ts";
import { DownwardVictims, EmptiestVictims } from "./compaction.ts";
import { releaseMemory } from "./memory_release.ts";
import { SharedCleaners } from "./shared_cleaners.ts";
import { performStandbyTask, type StandbyTask, type TakenOverPool } from "./standby_tasks.ts";
import { type TaskFailure, taskFailureOf } from "../platform/task_failure.ts";

/** What a DPM processor can be asked to do. */
export type DpmTask =
  | {
    readonly kind: "clean" | "compact";
    readonly pool: PoolHandle;
    readonly log?: LogPlace | undefined;
  }
  | { readonly kind: "release"; readonly pool: PoolHandle }
  | { readonly kind: "sync" | "checkpoint"; readonly pool: PoolHandle; readonly log: LogPlace }
  | RestoreTask
  | StandbyTask
  | {
    readonly kind: "backup";
    readonly pool: PoolHandle;
    readonly directory: HeldDirectory;
    readonly codec: CodecName;
  }
  | { readonly kind: "merge"; readonly pool: PoolHandle; readonly agent: number }
  | { readonly kind: "prefault"; readonly pool: PoolHandle; readonly segment: SegmentId }
  | {
    readonly kind: "snapshot";
    readonly pool: PoolHandle;
    readonly directory: HeldDirectory;
    readonly identity: Omit<SnapshotIdentity, "image">;
  };

/** Bytes of a page: touching one word of each commits the memory. */
const PAGE_BYTES = 4096;
/** Bound of a wait for the end of a pause. */
const PAUSE_WAIT_MS_MAX = 10;
/**
 * How long a cleaner that has caught up looks whether it is needed again, and how often: a writer
 * fills a segment of a small pool in a few milliseconds.
 */
const LINGER_MS = 50;
const LINGER_POLL_MS = 1;
/**
 * How long one task cleans: what else the DPM processors are to do as the same agent waits for it.
 */
const CLEAN_MS_MAX = 1000;

/**
 * What a task comes to: the report of a snapshot, what a check has found, what a standby knows, or
 * a number of segments gained or bytes touched.
 */
export type DpmResult =
  | SnapshotReport
  | SegmentFindings
  | StandbyReport
  | TakenOverPool
  | number
  | undefined;

/** Runs one task for another thread; returns what it came to, or why it has failed. */
export function runDpmTask(task: DpmTask): DpmResult | TaskFailure {
  try {
    return performTask(task);
  } catch (error) {
    return taskFailureOf(error);
  }
}

/** Runs one task; returns what it came to. */
export function performTask(task: DpmTask): DpmResult {
  if (task.kind === "refresh" || task.kind === "takeOver") return performStandbyTask(task);
  const pool = Pool.attach(task.pool);
  // One at a time (dpm_processors.ts).
  const copy = <Result>(write: () => Result) => actFor(pool, AGENT_COPIER, write);
  switch (task.kind) {
    case "clean":
      return actFor(pool, AGENT_DPM, () => withLog(pool, task.log, (log) => clean(pool, log)));
    case "compact":
      return actFor(pool, AGENT_DPM, () => withLog(pool, task.log, (log) => compact(pool, log)));
    case "release":
      return copy(() => releaseMemory(pool, AGENT_DPM));
    case "sync":
      return withLog(pool, task.log, (log) => log!.file.sync() ? 1 : 0);
    case "checkpoint":
      return copy(() => withLog(pool, task.log, (log) => log!.checkpointer.checkpoint()));
    case "load":
      loadSegments(pool, nodeFileSystem, task.source, task.from, task.to);
      return task.to - task.from;
    case "check":
      return new IndexCheck(pool, task.path, task.mustCount).checkSegments(task.from, task.to);
    case "backup":
      return copy(() => writeBackup(pool, filesOf(task), task.directory.path, task.codec));
    case "merge":
      return actFor(pool, AGENT_MERGERS + task.agent, () => merge(pool, task.agent));
    case "prefault":
      return prefault(pool, task.segment);
    case "snapshot":
      return copy(() => writeSnapshot(pool, filesOf(task), task.directory.path, task.identity));
  }
}

/** The files of the directory that a task writes to. */
function filesOf({ directory }: { readonly directory: HeldDirectory }): FileSystem {
  return heldFiles(nodeFileSystem, directory);
}

/** Runs part of a task with the pool's log open, if it has one. */
function withLog<Result>(
  pool: Pool,
  place: LogPlace | undefined,
  run: (log: Log | undefined) => Result,
): Result {
  const log = place === undefined ? undefined : openLog(pool, place, AGENT_DPM);
  try {
    return run(log);
  } finally {
    log?.file.close();
  }
}

/**
 * Cleans until enough segments are free, or nothing is left to clean; and again as long as that
 * does not last: while a writer works the next segments are ready before it needs them.
 *
 * @returns segments cleaned; 0 if that has come to nothing
 */
function clean(pool: Pool, opened: Log | undefined): number {
  const gate = new Gate(pool, AGENT_DPM);
  const segments = new SegmentTable(pool);
  const budget = new SpaceBudget(pool, segments);
  const log = new LogWriter(pool, segments, AGENT_DPM, { file: opened?.file });
  const table = liveTable(pool, new IndexSpace(pool, AGENT_DPM));
  log.resume();
  const cleaner = new Cleaner(pool, segments, table, log, epochMs);
  // Records of unlucky sizes can be moved for ever without a segment becoming free; once round is
  // enough.
  let cleanedMax = pool.segmentLimit;
  const startMs = monotonicMs();
  let endMs = startMs + LINGER_MS;
  while (cleaner.cleanedCount < cleanedMax) {
    if (monotonicMs() - startMs >= CLEAN_MS_MAX) break;
    if (!budget.isCleaningDue) {
      if (monotonicMs() >= endMs || storeState(pool) !== StoreState.OPEN) break;
      cleanedMax = cleaner.cleanedCount + pool.segmentLimit;
      sleepSync(LINGER_POLL_MS);
      continue;
    }
    endMs = monotonicMs() + LINGER_MS;
    if (!gate.enter()) {
      waitWhilePaused(pool, PAUSE_WAIT_MS_MAX);
      continue;
    }
    const work = cleaner.doWork();
    gate.leave();
    // Outside of the step, so that no pause waits for the disk.
    if (work === 0 && !(cleaner.needsSync && opened?.file.sync())) break;
  }
  gate.enterAfterPause();
  cleaner.abandon();
  table.giveBack();
  log.publish();
  // The next task goes on with the open segment.
  log.suspend();
  gate.leave();
  countCleaning(pool, cleaner);
  if (TRACED.cleaning) {
    trace(
      "cleaning",
      `${cleaner.cleanedCount} segments cleaned, ${cleaner.movedBytes} bytes moved`,
    );
  }
  return cleaner.cleanedCount < cleanedMax ? cleaner.cleanedCount : 0;
}

/** Compacts the pool; returns segments emptied. */
function compact(pool: Pool, opened: Log | undefined): number {
  const gate = new Gate(pool, AGENT_DPM);
  const segments = new SegmentTable(pool);
  const file = opened?.file;
  const log = new LogWriter(pool, segments, AGENT_DPM, { file });
  const table = liveTable(pool, new IndexSpace(pool, AGENT_DPM));
  const executor = agentExecutor(AGENT_DPM);
  const shared = new SharedCleaners({
    pool,
    segments,
    agent: AGENT_DPM,
    executor,
    file,
    clock: epochMs,
  });
  // What cleaners hold open may be at the pool's end.
  shared.seal();
  let count = 0;
  for (const policy of [EmptiestVictims, DownwardVictims]) {
    // What is not on the disk is not moved.
    file?.sync();
    const victims = new policy(pool, segments);
    const cleaner = new Cleaner(pool, segments, table, log, epochMs, victims);
    gate.enterAfterPause();
    log.resume();
    log.seal();
    gate.leave();
    for (let work = 1; work > 0 && storeState(pool) === StoreState.OPEN;) {
      gate.enterAfterPause();
      work = cleaner.doWork();
      gate.leave();
    }
    gate.enterAfterPause();
    cleaner.abandon();
    table.giveBack();
    log.publish();
    log.suspend();
    gate.leave();
    countCleaning(pool, cleaner);
    count += cleaner.cleanedCount;
  }
  return count;
}

function countCleaning(pool: Pool, cleaner: Cleaner): void {
  const counters = new AgentCounters(pool, AGENT_DPM);
  counters.add(AgentCounter.SEGMENTS_CLEANED, cleaner.cleanedCount);
  counters.add(AgentCounter.BYTES_MOVED, cleaner.movedBytes);
}

/**
 * Merges what a far KN has logged by now, unless another thread does; returns how many records.
 *
 * If it throws, or its thread ends, the merger is left in the middle of a step
 * (recovery/merger_recovery.ts).
 */
function merge(pool: Pool, agent: number): number {
  const executor = agentExecutor(AGENT_MERGERS + agent);
  const merger = new LogMerger({ pool, agent, clock: epochMs, executor });
  const end = loggedEnd(pool, agent);
  while (!isMergedUpTo(pool, agent, end)) {
    if (merger.doWork() > 0) continue;
    if (Atomics.load(pool.control, GATE_PAUSED) === 0) break;
    waitWhilePaused(pool, PAUSE_WAIT_MS_MAX);
  }
  merger.end();
  return merger.mergedCount;
}

/**
 * Commits the pages of a segment that was never used, so that the KN that opens it does not have
 * to.
 *
 * Adds 0 to a word of each page: harmless even if the segment has been opened in the meantime.
 */
function prefault(pool: Pool, segment: SegmentId): number {
  const { segmentBytes } = pool.geometry;
  const address = pool.segmentAddress(segment);
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  for (let byte = 0; byte < segmentBytes; byte += PAGE_BYTES) Atomics.add(words, at + byte / 4, 0);
  pool.control[pool.segmentAt(segment) + SEGMENT_TOUCHED_BYTES] = segmentBytes;
  return segmentBytes;
}
