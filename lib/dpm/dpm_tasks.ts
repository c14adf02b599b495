/**
 * The tasks of a DPM processor: they run on a thread pool beside the KNs.
 *
 * @module
 */
import type { SegmentId } from "../core/brands.ts";
import { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import { LogWriter } from "../log/log_writer.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import {
  type SnapshotIdentity,
  type SnapshotReport,
  writeSnapshot,
} from "../persistence/snapshot_writer.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_DPM, GATE_PAUSED, SEGMENT_TOUCHED_BYTES } from "../pool/control_layout.ts";
import { Gate } from "../pool/gate.ts";
import { Pool, type PoolHandle } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import { Cleaner } from "./cleaner.ts";

/** What a DPM processor can be asked to do. */
export type DpmTask =
  | { readonly kind: "clean"; readonly pool: PoolHandle }
  | { readonly kind: "prefault"; readonly pool: PoolHandle; readonly segment: SegmentId }
  | {
    readonly kind: "snapshot";
    readonly pool: PoolHandle;
    readonly directory: string;
    readonly identity: SnapshotIdentity;
  };

/** Bytes of a page: touching one word of each commits the memory. */
const PAGE_BYTES = 4096;
/** Bound of a wait for the end of a pause. */
const PAUSE_WAIT_MS_MAX = 10;

/** Runs one task; returns the report of a snapshot, the number of segments gained, or the bytes touched. */
export function runDpmTask(task: DpmTask): SnapshotReport | number {
  const pool = Pool.attach(task.pool);
  switch (task.kind) {
    case "clean":
      return clean(pool);
    case "prefault":
      return prefault(pool, task.segment);
    case "snapshot":
      return writeSnapshot(pool, nodeFileSystem, task.directory, task.identity);
  }
}

/** Cleans until segments are no longer scarce, or nothing is left to clean; returns how many became free. */
function clean(pool: Pool): number {
  const gate = new Gate(pool, AGENT_DPM);
  const segments = new SegmentTable(pool);
  const budget = new SpaceBudget(pool, segments);
  const log = new LogWriter(pool, segments, AGENT_DPM);
  const table = new SlotTable(pool, new IndexSpace(pool, AGENT_DPM));
  const freeBefore = segments.freeCount;
  const cleaner = new Cleaner(pool, segments, table, log, Date.now);
  // Records of unlucky sizes can be moved for ever without a segment becoming free; once round is enough.
  const cleanedMax = pool.geometry.segmentCount;
  while (budget.isScarce && cleaner.cleanedCount < cleanedMax) {
    if (!gate.enter()) {
      Atomics.wait(pool.control, GATE_PAUSED, 1, PAUSE_WAIT_MS_MAX);
      continue;
    }
    const work = cleaner.doWork();
    gate.leave();
    if (work === 0) break;
  }
  while (!gate.enter()) Atomics.wait(pool.control, GATE_PAUSED, 1, PAUSE_WAIT_MS_MAX);
  cleaner.abandon();
  log.seal();
  gate.leave();
  const counters = new AgentCounters(pool, AGENT_DPM);
  counters.add(AgentCounter.SEGMENTS_CLEANED, cleaner.cleanedCount);
  counters.add(AgentCounter.BYTES_MOVED, cleaner.movedBytes);
  return segments.freeCount - freeBefore;
}

/**
 * Commits the pages of a segment that was never used, so that the KN that opens it does not have to.
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
