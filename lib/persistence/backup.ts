/**
 * A copy of a pool in another directory, as of one moment, while writes go on.
 *
 * @module
 */
import { join } from "node:path";
import { SnapshotError } from "../core/errors.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { AGENT_DPM, GATE_DEFER_FREE } from "../pool/control_layout.ts";
import { isLogged } from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import { DeferFree } from "../pool/segment_state.ts";
import { lockCheckpoints, releaseCheckpoints } from "./checkpoint_lock.ts";
import type { CodecName } from "./checkpoint_layout.ts";
import type { FileSystem } from "./file_system.ts";
import { imageFile } from "./pool_directory.ts";
import {
  captureCheckpoint,
  digestSegments,
  sealCheckpoint,
  type SnapshotReport,
  writeCheckpoint,
  writeImage,
  writeSnapshot,
} from "./snapshot_writer.ts";

const FIRST = 1;

/**
 * Writes a backup into an empty directory.
 *
 * No segment is reused meanwhile: a pool that is logged frees segments behind checkpoints only, and
 * no other agent writes one while this has the lock; any other defers freeing, as for a snapshot.
 *
 * @throws {SnapshotError} when a file operation fails; what was written is not a pool then
 */
export function writeBackup(
  pool: Pool,
  files: FileSystem,
  directory: string,
  codec: CodecName,
): SnapshotReport {
  if (!isLogged(pool)) return writeSnapshot(pool, files, directory, { number: FIRST, codec });
  const startMs = monotonicMs();
  lockCheckpoints(pool, AGENT_DPM);
  try {
    const identity = { number: FIRST, image: FIRST, codec };
    const { checkpoint, pauseMs } = captureCheckpoint(pool, identity, () => {
      Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.YES);
    });
    digestSegments(pool, checkpoint);
    const imageBytes = writeImage(pool, files, join(directory, imageFile(FIRST)), checkpoint);
    sealCheckpoint(checkpoint);
    writeCheckpoint(files, directory, checkpoint);
    const durationMs = monotonicMs() - startMs;
    return { number: FIRST, imageBytes, checkpointBytes: checkpoint.length, pauseMs, durationMs };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapshotError(`the backup to ${directory} was not written: ${reason}`, {
      cause: error,
    });
  } finally {
    releaseCheckpoints(pool, AGENT_DPM);
  }
}
