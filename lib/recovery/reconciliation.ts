/**
 * Puts the pool's books in order after a thread has died: what it had taken and not used, and what
 * it had promised and not kept.
 *
 * All of it is done while no thread is in the middle of a step, so that the books can be compared
 * with what is really there. Until then, all that a thread leaves behind is out of use, and
 * harmless.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { PoolAddress, SegmentId, Slot } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import { hasUnmerged } from "../far/log/log_merger.ts";
import { IndexSpace, repairIndexSpace } from "../index/index_space.ts";
import { repairOrderedIndex } from "../ordered/tree_repair.ts";
import { recountKeys } from "../index/key_count.ts";
import { SlotTable } from "../index/slot_table.ts";
import { LogWriter } from "../log/log_writer.ts";
import {
  metaKind,
  metaWithKind,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
  SEGMENT_HEADER_BYTES,
} from "../log/record_layout.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_COUNT, AGENT_HOST, AGENT_VICTIM, REPAIR_WANTED } from "../pool/control_layout.ts";
import {
  SEGMENT_AGENT,
  SEGMENT_LIVE_BYTES,
  SEGMENT_LOG_NUMBER,
  SEGMENT_MERGED_BYTES,
  SEGMENT_PINS,
} from "../pool/segment_layout.ts";
import { tryLockCheckpoints, unlockCheckpoints } from "../persistence/checkpoint_lock.ts";
import { isLogged } from "../pool/durability.ts";
import { PauseTimeoutError, whilePaused } from "../pool/gate.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import { repairSegments, SegmentTable } from "../pool/segment_table.ts";
import { isAnswered, type RingHandle } from "../rings/ring_layout.ts";
import { clientLife, isClientThere, recordClient } from "../routing/client_registry.ts";
import { NodeState, stateOfOpener } from "../routing/node_directory.ts";
import type { SegmentLife, StepRecoveryReport } from "./step_recovery.ts";

/** How long the host's thread may wait for others to come to the end of their steps. */
const REPAIR_WAIT_MS_MAX = 50;

/**
 * Seals the segments that a KN has open, for which no thread executes any more; they are as its
 * last step has left them.
 */
export function sealLogs(pool: Pool, agent: number, file: LogFile | undefined): void {
  const segments = new SegmentTable(pool);
  for (const options of [{ file }, { isStaging: true }]) {
    const log = new LogWriter(pool, segments, agent, options);
    log.resume();
    log.seal();
    log.suspend();
  }
}

/** Seals the segments of the log of a far KN that has ended, and whose log is merged. */
export function sealMerged(pool: Pool, agent: number): void {
  assert(!hasUnmerged(pool, agent), "what is not merged stays open");
  const segments = new SegmentTable(pool);
  for (const segment of segments.openSegmentsOf(agent)) {
    const at = pool.segmentAt(segment);
    const isMerged = pool.control[at + SEGMENT_LOG_NUMBER] === 0 ||
      pool.control[at + SEGMENT_MERGED_BYTES] >= segments.usedBytes(segment) ||
      segments.usedBytes(segment) <= SEGMENT_HEADER_BYTES;
    assert(isMerged, "a segment is sealed when all of it is merged");
    // Values that clients have taken since the KN has ended belong to no KN any more.
    if (segments.isStaging(segment)) Atomics.store(pool.control, REPAIR_WANTED, 1);
    segments.seal(segment);
  }
}

/** What a repair looks at. */
export interface RepairOptions {
  readonly pool: Pool;
  /**
   * Executors that have died since the last repair: their agent blocks, and what their ends came
   * to.
   */
  readonly deaths: readonly { readonly agent: number; readonly report: StepRecoveryReport }[];
  /** The rings between a client and the KN of an agent block. */
  readonly ringOf: (client: number, agent: number) => RingHandle;
}

/**
 * Pauses the pool and repairs it. There must be no zombies.
 *
 * @returns false when that is not possible now: a snapshot is written, or a step does not end;
 *   nothing has been done then
 */
export function repairPool(options: RepairOptions): boolean {
  const { pool } = options;
  const repair = () => {
    Atomics.store(pool.control, REPAIR_WANTED, 0);
    for (const { agent, report } of options.deaths) {
      repairIndexSpace(pool, agent);
      repairOrderedIndex(pool, agent);
      for (const life of report.miscounted) recountLive(pool, life);
    }
    releaseClaimed(pool);
    repairReservations(options);
    repairSegments(pool);
    recountKeys(pool);
  };
  // A checkpoint frees segments behind it, and a snapshot has freeing deferred, between two pauses.
  const isDeferred = !isLogged(pool) && new SegmentTable(pool).isFreeingDeferred;
  if (isDeferred || !tryLockCheckpoints(pool, AGENT_HOST)) return false;
  try {
    whilePaused(pool, AGENT_HOST, repair, { waitMsMax: REPAIR_WAIT_MS_MAX });
    return true;
  } catch (error) {
    if (error instanceof PauseTimeoutError) return false;
    throw error;
  } finally {
    unlockCheckpoints(pool);
  }
}

/**
 * Seals the segments that dead threads had claimed, as victims or to go on in them: those that are
 * claimed, and of which no cleaner says that it is its victim, which it does before it claims one.
 */
function releaseClaimed(pool: Pool): void {
  const segments = new SegmentTable(pool);
  const victims = new Set<number>();
  for (let agent = 0; agent < AGENT_COUNT; agent++) {
    victims.add(pool.control[pool.agentAt(agent) + AGENT_VICTIM] - 1);
  }
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    const segment = i as SegmentId;
    if (segments.state(segment) !== SegmentState.CLEANING || victims.has(i)) continue;
    segments.seal(segment);
  }
}

/** Whether a segment is as it was; the log of a far KN may have been sealed since. */
function isSameSegment(
  pool: Pool,
  segments: SegmentTable,
  segment: SegmentId,
  word: number,
): boolean {
  if (segments.stateWord(segment) === word) return true;
  return isFar(pool) && segments.state(segment) === SegmentState.SEALED &&
    segments.isOfLife(segment, word);
}

/** Counts what is live in a segment anew, unless that life of it has ended. */
function recountLive(pool: Pool, { segment, word }: SegmentLife): void {
  const segments = new SegmentTable(pool);
  if (segments.isStaging(segment) || !isSameSegment(pool, segments, segment, word)) return;
  const table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
  let liveBytes = 0;
  forEachRecord(pool, segments, segment, (words, at, bytes) => {
    const kind = metaKind(words[at + RECORD_META]);
    const hash = words[at + RECORD_HASH];
    const slotAt = pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    const address = ((pool.segmentAddress(segment) >>> 0) +
      (at - pool.wordAt(pool.segmentAddress(segment))) / 2) | 0;
    const isLive = kind === RecordKind.RESERVATION ||
      (kind === RecordKind.PUT && table.findAddress(slotAt, hash, address as PoolAddress));
    if (isLive) liveBytes += bytes;
  });
  Atomics.store(pool.control, pool.segmentAt(segment) + SEGMENT_LIVE_BYTES, liveBytes);
}

/**
 * Counts reservations anew, and gives up those that no client will commit: of clients that have
 * ended, and of KNs that have died before they told the client.
 */
function repairReservations({ pool, ringOf }: RepairOptions): void {
  const segments = new SegmentTable(pool);
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    const segment = i as SegmentId;
    const at = pool.segmentAt(segment);
    const isStaging = segments.isStaging(segment);
    if (segments.state(segment) === SegmentState.FREE) continue;
    const pins = pool.control[at + SEGMENT_PINS];
    if (pins === 0 && !isStaging) continue;
    let count = 0;
    let liveBytes = 0;
    forEachRecord(pool, segments, segment, (words, word, bytes) => {
      if (metaKind(words[word + RECORD_META]) !== RecordKind.RESERVATION) return;
      if (isWanted(pool, words, word, segment, ringOf)) {
        count += 1;
        liveBytes += bytes;
        return;
      }
      words[word + RECORD_META] = metaWithKind(words[word + RECORD_META], RecordKind.PUT);
      if (!isStaging) segments.subtractLive(pool.segmentAddress(segment), bytes);
    });
    Atomics.store(pool.control, at + SEGMENT_PINS, count);
    // A thread may have died while it gave one back, before or after it had counted that.
    if (!isStaging && count < pins) {
      recountLive(pool, { segment, word: segments.stateWord(segment) });
    }
    if (isStaging) Atomics.store(pool.control, at + SEGMENT_LIVE_BYTES, liveBytes);
  }
}

/** Whether a client may still commit a reservation. */
function isWanted(
  pool: Pool,
  words: Int32Array,
  at: number,
  segment: SegmentId,
  ringOf: RepairOptions["ringOf"],
): boolean {
  const { client, life } = recordClient(words[at + RECORD_CLIENT]);
  if (!isClientThere(pool, client) || clientLife(pool, client) !== life) return false;
  // A value that was read, and that its client has taken: the KN gives its place back, unless it is
  // retired.
  const state = stateOfOpener(pool, segment);
  const isTaken = isFar(pool) && Atomics.load(words, at + RECORD_REPLACES) !== 0;
  if (isTaken && state !== NodeState.ACTIVE) return false;
  // A KN that is not there any more has answered, or this was given up by the repair that its block
  // had to wait for. Its rings say nothing about that: they are those of the block's next KN.
  if (state === NodeState.NONE) return true;
  const agent = pool.control[pool.segmentAt(segment) + SEGMENT_AGENT];
  return isAnswered(ringOf(client, agent), words[at + RECORD_REQUEST_POSITION]);
}

function forEachRecord(
  pool: Pool,
  segments: SegmentTable,
  segment: SegmentId,
  visit: (words: Int32Array, at: number, bytes: number) => void,
): void {
  const start = pool.segmentAddress(segment);
  const words = pool.wordsOf(start);
  const first = pool.wordAt(start);
  const end = first + segments.usedBytes(segment) / 4;
  for (let at = first + SEGMENT_HEADER_BYTES / 4; at < end;) {
    const meta = words[at + RECORD_META];
    const length = recordWords(meta, words[at + RECORD_VALUE_BYTES]);
    if (length <= 0) return;
    visit(words, at, length * 4);
    at += length;
  }
}
