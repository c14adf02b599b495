/**
 * How long messages of a cluster may be.
 *
 * Records that are written together are one message, of 512 KiB at most: who reads one of them
 * reads all. One record alone may fill a message up to what the cluster's servers take: that is
 * agreed on when the cluster is made, and stands in its settings.
 *
 * @module
 */
import { assert } from "../../core/assert.ts";
import { SEGMENT_BYTES_DEFAULT } from "../../core/limits.ts";

/** Bytes of every message but one of a single record, at most. Every cluster takes as many. */
export const PLAIN_MESSAGE_BYTES_MAX: number = 512 * 1024;
/**
 * Bytes of any message, at most: as much as a segment of one machine has, and what NATS advises
 * servers to take at most.
 */
export const MESSAGE_BYTES_MAX: number = SEGMENT_BYTES_DEFAULT;
/** What a message has beside its records, and some more. */
const HEAD_BYTES = 1024;
/** What servers of NATS count as a part of a message, beside it. */
const NATS_BYTES = 1024;
/** Limits of messages are multiples of this, as sizes of segments are. */
const UNIT_BYTES = 4096;

/** Bytes of the records of one message, if there are several. */
export const BATCH_BYTES_MAX: number = PLAIN_MESSAGE_BYTES_MAX - HEAD_BYTES;

assert(PLAIN_MESSAGE_BYTES_MAX <= MESSAGE_BYTES_MAX, "a plain message is none that is too long");

/** What the records of a node's messages have at most. */
export interface MessageLimits {
  /** Bytes of those of one message, if there are several. */
  readonly batchBytes: number;
  /** Bytes of one. */
  readonly recordBytes: number;
}

/**
 * The limits where a message may have so many bytes.
 *
 * @param messageBytes from {@linkcode PLAIN_MESSAGE_BYTES_MAX} on
 */
export function limitsOf(messageBytes: number): MessageLimits {
  return { batchBytes: BATCH_BYTES_MAX, recordBytes: messageBytes - HEAD_BYTES };
}

/** Bytes of a message that has so many bytes of records, at most. */
export function messageBytesOf(recordBytes: number): number {
  return recordBytes + HEAD_BYTES;
}

/** Bytes that the messages of a cluster may have whose servers take so many. */
export function messageBytesFor(payloadBytes: number): number {
  const bytes = Math.floor((payloadBytes - NATS_BYTES) / UNIT_BYTES) * UNIT_BYTES;
  return Math.min(bytes, MESSAGE_BYTES_MAX);
}

/** What servers have to take where messages have so many bytes. */
export function payloadBytesFor(messageBytes: number): number {
  return messageBytes + NATS_BYTES;
}
