/**
 * Where a log's writer sends what it has appended, if that is to outlive the process.
 *
 * @module
 */
import type { PoolAddress, SegmentId } from "../core/brands.ts";

/** The file of a log, as its writers know it; persistence/log_file.ts has one. */
export interface LogSink {
  /** Whether nothing is durable any more. */
  readonly hasFailed: boolean;
  /** Whether a sync is due that no other thread has done. */
  readonly isSyncOverdue: boolean;
  /** Completes the header of a segment. */
  sealSegmentHeader(segment: SegmentId): void;
  /** Completes a frame whose records are all there. */
  sealFrame(segment: SegmentId, address: PoolAddress, payloadBytes: number): void;
  /** Writes part of a segment; false when durability is lost. */
  write(address: PoolAddress, byteLength: number): boolean;
  /** Makes durable what all threads have written; false when durability is lost. */
  sync(): boolean;
}
