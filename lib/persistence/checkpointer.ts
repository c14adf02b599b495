/**
 * Checkpoints of a pool whose writes are logged: what the log need not be replayed for.
 *
 * The image has the records already, so a checkpoint is only the rest: index, slots, segment table.
 *
 * 1. While all agents stand between two steps, copy the segment table, and note the segments that
 *    wait to be freed.
 * 2. With the agents at work again, copy the slots' tables one by one (slot_copy.ts), compute the
 *    CRCs of what has been appended since the last checkpoint, and sync the image.
 * 3. Write the copy beside the previous checkpoint, sync it, and rename it. Until then recovery
 *    uses the previous one and replays more.
 * 4. Free the segments that were noted in 1: no index word, no checkpoint, and no replay needs them
 *    any more (I10). Those that were emptied since then wait for the next checkpoint: their
 *    deletes, or the records that replaced theirs, are younger than this one, and may be nowhere
 *    else. If the pool is to have more segments, those are free from now on that this checkpoint is
 *    the first to name (pool/segment_growth.ts).
 * 5. If the image ends in free segments, cut them off (pool/withheld_segments.ts): beyond the end
 *    of a file there is no frame, so a replay finds as little there as in what is left of an
 *    earlier life. If that fails, or the power goes, they stay: a later checkpoint tries again.
 *
 * The agent that writes one holds the CHECKPOINT_LOCK: a DPM processor mostly; a KN that cannot go
 * on without free segments; and so does the one that writes a backup, which must find the contents
 * of all segments unchanged until it ends.
 *
 * @module
 */
import { join } from "node:path";
import type { SegmentId } from "../core/brands.ts";
import { trace, TRACED } from "../platform/debug.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { DinomoError, SnapshotError } from "../core/errors.ts";
import {
  CHECKPOINT_NUMBER_WORD,
  CHECKPOINT_UNITS,
  IMAGE_NUMBER_WORD,
  UNITS_WRITTEN,
} from "../pool/control_layout.ts";
import {
  durabilityError,
  DurabilityFailure,
  durabilityWord,
  loseDurability,
} from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import { admitSegments } from "../pool/segment_growth.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { WithheldSegments } from "../pool/withheld_segments.ts";
import { segmentCountOf } from "./checkpoint_header.ts";
import type { CodecName } from "./checkpoint_layout.ts";
import {
  abandonCheckpoints,
  lockCheckpoints,
  releaseCheckpoints,
  tryLockCheckpoints,
  unlockCheckpoints,
} from "./checkpoint_lock.ts";
import type { FileSystem } from "./file_system.ts";
import type { HeldDirectory } from "./held_files.ts";
import type { LogFile } from "./log_file.ts";
import { imageFile } from "./pool_directory.ts";
import {
  captureForReplay,
  digestSegments,
  removeOtherImages,
  sealCheckpoint,
  type SnapshotReport,
  writeCheckpoint,
  writeNewCheckpoint,
} from "./snapshot_writer.ts";

/** Share of the image that cutting off its end must give back: it grows again when it is needed. */
const CUT_SHARE_MIN = 1 / 8;

/** Where a logged pool is, as every thread that writes to it is told. */
export interface LogPlace {
  readonly directory: string;
  readonly codec: CodecName;
  /** The directory as it was locked; undefined in simulations, where no other process is there. */
  readonly held?: HeldDirectory | undefined;
}

/** Path of the image of a logged pool. */
export function imagePath(pool: Pool, place: LogPlace): string {
  return join(place.directory, imageFile(pool.control[IMAGE_NUMBER_WORD]));
}

/** Writes checkpoints of one pool from one thread. */
export class Checkpointer {
  readonly #pool: Pool;
  readonly #files: FileSystem;
  readonly #place: LogPlace;
  readonly #file: LogFile;
  readonly #agent: number;
  readonly #segments: SegmentTable;

  /**
   * Makes a checkpointer; `file` is the pool's image, `agent` the agent that writes checkpoints.
   */
  constructor(pool: Pool, files: FileSystem, place: LogPlace, file: LogFile, agent: number) {
    this.#agent = agent;
    this.#pool = pool;
    this.#files = files;
    this.#place = place;
    this.#file = file;
    this.#segments = new SegmentTable(pool);
  }

  /**
   * Writes a checkpoint, unless another agent is writing one, or durability is lost; returns
   * whether it did.
   */
  tryCheckpoint(): boolean {
    if (!tryLockCheckpoints(this.#pool, this.#agent)) return false;
    try {
      this.#write();
    } catch {
      // It may have been freeing segments.
      abandonCheckpoints(this.#pool, this.#agent);
      return false;
    }
    unlockCheckpoints(this.#pool);
    return true;
  }

  /**
   * Writes the first checkpoint of a pool that no agent has worked on.
   *
   * @throws {SnapshotError} when a file operation fails
   */
  writeFirst(): void {
    const { control } = this.#pool;
    const { directory, codec } = this.#place;
    const identity = { number: 1, image: control[IMAGE_NUMBER_WORD], codec };
    try {
      writeNewCheckpoint(this.#pool, identity, this.#files, directory);
    } catch (error) {
      throw this.#snapshotError(error);
    }
    control[CHECKPOINT_NUMBER_WORD] = identity.number;
    removeOtherImages(this.#files, directory, identity.image);
  }

  /**
   * Writes a checkpoint, after the agent that is writing one.
   *
   * @throws {SnapshotError} when a file operation fails; the previous checkpoint is valid then
   * @throws {DurabilityError} when durability is lost
   */
  checkpoint(): SnapshotReport {
    lockCheckpoints(this.#pool, this.#agent);
    try {
      const report = this.#write();
      unlockCheckpoints(this.#pool);
      return report;
    } catch (error) {
      releaseCheckpoints(this.#pool, this.#agent);
      throw this.#snapshotError(error);
    }
  }

  #snapshotError(error: unknown): unknown {
    if (error instanceof DinomoError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return new SnapshotError(
      `a checkpoint of ${this.#place.directory} was not written: ${reason}`,
      { cause: error },
    );
  }

  #write(): SnapshotReport {
    const { control } = this.#pool;
    this.#assertDurable();
    const startMs = monotonicMs();
    const number = control[CHECKPOINT_NUMBER_WORD] + 1;
    const image = control[IMAGE_NUMBER_WORD];
    let pending: SegmentId[] = [];
    let written = 0;
    const identity = { number, image, codec: this.#place.codec };
    const { checkpoint, pauseMs } = captureForReplay(this.#pool, this.#agent, identity, () => {
      pending = this.#segments.pendingSegments();
      written = Atomics.load(control, UNITS_WRITTEN);
    });
    const imageBytes = digestSegments(this.#pool, checkpoint);
    if (!this.#file.sync()) this.#assertDurable();
    sealCheckpoint(checkpoint);
    try {
      writeCheckpoint(this.#files, this.#place.directory, checkpoint);
    } catch (error) {
      // Whether it has replaced its predecessor is not known, so nothing may be freed from here on.
      loseDurability(this.#pool, DurabilityFailure.CHECKPOINT, error);
      throw error;
    }
    control[CHECKPOINT_NUMBER_WORD] = number;
    control[CHECKPOINT_UNITS] = written;
    this.#segments.releasePending(pending);
    admitSegments(this.#pool, segmentCountOf(checkpoint));
    this.#cutTail();
    removeOtherImages(this.#files, this.#place.directory, image);
    if (TRACED.checkpoint) {
      trace(
        "checkpoint",
        `${number} written, ${checkpoint.length} bytes, ${pending.length} segments freed, pause ${pauseMs} ms`,
      );
    }
    return {
      number,
      imageBytes,
      checkpointBytes: checkpoint.length,
      pauseMs,
      durationMs: monotonicMs() - startMs,
    };
  }

  /** Cuts off the free segments at the image's end, if they are a part of it that counts. */
  #cutTail(): void {
    const { segmentBytes } = this.#pool.geometry;
    const withheld = new WithheldSegments(this.#pool);
    // What fails here but the file has left segments withheld, which a repair returns: the caller
    // asks for one.
    const endBytes = withheld.withholdTail() * segmentBytes;
    try {
      const { byteLength } = this.#file;
      const cutBytes = byteLength - endBytes;
      if (cutBytes >= Math.max(segmentBytes, byteLength * CUT_SHARE_MIN)) {
        this.#file.shorten(endBytes);
      }
    } catch {
      // The file is as it was, or shorter.
    }
    withheld.giveBack();
  }

  #assertDurable(): void {
    const word = durabilityWord(this.#pool);
    if (word !== 0) throw durabilityError("durability is lost", word);
  }
}
