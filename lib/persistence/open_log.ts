/**
 * Opens the log of a pool on the machine's file system. Loaded on demand: files and checksums take
 * memory that a store without a path need not spend.
 *
 * @module
 */
import { NumberForm } from "../codec/stored_numbers.ts";
import type { PoolAddress } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import { epochMs } from "../platform/runtime.ts";
import { isDiskFull, systemCodeOf } from "../core/system_code.ts";
import {
  AGENT_HOST,
  CHECKPOINT_NUMBER_WORD,
  DURABILITY_LEVEL,
  GATE_DEFER_FREE,
  IMAGE_NUMBER_WORD,
} from "../pool/control_layout.ts";
import { DurabilityFailure, loseDurability } from "../pool/durability.ts";
import { SessionLedger } from "../log/session_ledger.ts";
import type { LedgerSizes } from "../pool/ledger_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { DeferFree } from "../pool/segment_state.ts";
import type { CodecName } from "./checkpoint_layout.ts";
import { Checkpointer, imagePath, type LogPlace } from "./checkpointer.ts";
import { createAnew, type FileSystem, nodeFileSystem } from "./file_system.ts";
import { heldFiles } from "./held_files.ts";
import { LogFile, startSyncClock } from "./log_file.ts";
import { withPathError } from "./path_error.ts";
import { SessionNumbers } from "./session_numbers.ts";
import type { RestoredPool } from "./snapshot_reader.ts";

/** One thread's access to the log. */
export interface Log {
  readonly file: LogFile;
  readonly checkpointer: Checkpointer;
}

/**
 * Opens the image of a pool for an agent.
 *
 * @throws {PathError} when it cannot be opened; if it is gone, or the directory is, durability is
 *   lost
 */
export function openLog(pool: Pool, place: LogPlace, agent: number): Log {
  const file = openLogFile(pool, place);
  const files = heldFiles(nodeFileSystem, place.held);
  return { file, checkpointer: new Checkpointer(pool, files, place, file, agent) };
}

/**
 * Opens the image of a pool for a thread that writes no checkpoints.
 *
 * @throws {PathError} as {@linkcode openLog}
 */
export function openLogFile(pool: Pool, place: LogPlace): LogFile {
  const path = imagePath(pool, place);
  try {
    return withPathError(
      path,
      () => new LogFile(pool, heldFiles(nodeFileSystem, place.held), path),
    );
  } catch (error) {
    const code = systemCodeOf(error);
    // So is all that was written to it.
    const isGone = code === "ENOENT" || code === "ESTALE";
    if (isGone) loseDurability(pool, DurabilityFailure.CHECKPOINT, error);
    throw error;
  }
}

/** The log of a pool, opened by the host. */
export interface StartedLog extends Log {
  readonly place: LogPlace;
  /** Whether a checkpoint of what was replayed is to be written, now that others can work. */
  readonly isCheckpointDue: boolean;
}

const FIRST_IMAGE = 1;

/**
 * Starts logging for a pool that no thread works on yet: creates the image of a new pool, and
 * writes a checkpoint where there is none or where what was recovered differs from it. If there is
 * no room for it on the disk, a pool that was recovered can be read: durability is lost from the
 * start, and the files stay as they were.
 *
 * The checkpoint of a pool that was restored ahead is left for later, if another replay of the same
 * log would come to the same. What is logged from now on is behind that, in segments that the old
 * checkpoint says are free; nothing is freed before there is a new one. But what was replayed may
 * not have been synced, and may be read from now on, so that is done here (I3).
 *
 * @param level one of `DurabilityLevel`, not MEMORY
 * @param restored what the pool was restored from; undefined for a new one
 * @param ledger sizes of the pool's ledger, if it is to have one (`LEDGER_SIZES`): other
 *   processes are to use it. There is a checkpoint with one then before any session has a number
 */
export function startLog(
  pool: Pool,
  place: LogPlace,
  level: number,
  restored: RestoredPool | undefined,
  files: FileSystem = nodeFileSystem,
  clock: () => number = epochMs,
  ledger: LedgerSizes | undefined = undefined,
): StartedLog {
  const { control } = pool;
  const isFirstLedger = ledger !== undefined && pool.ledger === undefined;
  if (isFirstLedger) pool.addLedger(numberFormOf(place.codec), ledger);
  control[DURABILITY_LEVEL] = level;
  control[IMAGE_NUMBER_WORD] = restored?.image ?? FIRST_IMAGE;
  control[CHECKPOINT_NUMBER_WORD] = restored?.number ?? 0;
  // From now on segments are freed by checkpoints only.
  Atomics.store(control, GATE_DEFER_FREE, DeferFree.YES);
  startSyncClock(pool, clock());
  if (restored === undefined) files.close(createAnew(files, imagePath(pool, place)));
  const file = new LogFile(pool, files, imagePath(pool, place), clock);
  const checkpointer = new Checkpointer(pool, files, place, file, AGENT_HOST);
  let isCheckpointDue = false;
  try {
    // What stands in the place of damage, and of lost frames, is only in the pool so far, and the
    // checkpoint's CRCs are of the pool.
    const { damages = [], lostFrames = [] } = restored?.recovery ?? {};
    for (const { offset, bytes } of [...damages, ...lostFrames]) {
      file.write(((offset / ADDRESS_UNIT_BYTES) | 0) as PoolAddress, bytes);
    }
    // A replay finds sessions only behind a checkpoint that has a ledger.
    const mustCheckpoint = restored === undefined || restored.recovery.mustCheckpoint ||
      isFirstLedger;
    isCheckpointDue = mustCheckpoint && !isFirstLedger && restored?.isAhead === true &&
      restored.recovery.isRepeatable && file.sync();
    if (restored === undefined) checkpointer.writeFirst();
    else if (mustCheckpoint && !isCheckpointDue) checkpointer.checkpoint();
    // The process that renamed the checkpoint may have been killed before it was durable under its
    // name.
    else files.syncDirectory(place.directory);
    if (ledger !== undefined) {
      new SessionNumbers(files, place.directory).begin(SessionLedger.of(pool)!);
    }
  } catch (error) {
    if (restored === undefined || !isDiskFull(error)) {
      file.close();
      throw error;
    }
    loseDurability(pool, DurabilityFailure.CHECKPOINT, error);
  }
  return { place, file, checkpointer, isCheckpointDue };
}

/** How a codec stores numbers. */
function numberFormOf(codec: CodecName): number {
  if (codec === "msgpack") return NumberForm.MSGPACK;
  return codec === "json" ? NumberForm.JSON : NumberForm.NONE;
}
