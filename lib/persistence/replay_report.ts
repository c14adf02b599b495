/**
 * What a replay has found (frame_replay.ts).
 *
 * @module
 */

/** What was found behind a checkpoint. */
export interface RecoveryReport {
  /** Whole frames, and records in them. */
  readonly frames: number;
  /** See {@linkcode frames}. */
  readonly records: number;
  /**
   * Bytes of frames that were not whole at the ends of segments: they had not been acknowledged as
   * durable.
   */
  readonly droppedBytes: number;
  /** Damage that a repair has dropped. */
  readonly damages: readonly Damage[];
  /**
   * Whether what was found differs from the checkpoint, so that nothing may be logged before there
   * is a new one.
   */
  readonly mustCheckpoint: boolean;
}

/** What a replay came to, for those who begin to log where it has ended. */
export interface ReplayReport extends RecoveryReport {
  /**
   * Where whole frames that had been written and not synced stand behind one that was lost: they
   * must not be found another time.
   */
  readonly lostFrames: readonly LostFrames[];
  /**
   * Whether another replay would find the same again, and what is logged from now on behind it: so
   * there need not be a checkpoint before that.
   */
  readonly isRepeatable: boolean;
}

/** Bytes of frames behind the end of a segment's log. In the pool they are zero. */
export interface LostFrames {
  /** Where they begin in the image, in bytes. */
  readonly offset: number;
  /** How many bytes they take. */
  readonly bytes: number;
}

/** Bytes that had been durable and are not readable any more. */
export interface Damage {
  /** The image. */
  readonly file: string;
  /** Where in it, in bytes. */
  readonly offset: number;
  /** How many bytes were dropped. */
  readonly bytes: number;
  /** What is wrong with them. */
  readonly reason: string;
}
