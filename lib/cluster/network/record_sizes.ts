/**
 * How long a record may be in a cluster, and what is sent with it.
 *
 * @module
 */
import { assert } from "../../core/assert.ts";
import { REMOTE_BYTES_MAX, SEGMENT_BYTES_MIN } from "../../core/limits.ts";
import { PLAIN_MESSAGE_BYTES_MAX } from "../messages/message_limits.ts";

/** What a message of a log needs beside a record, and a record in a ring less than in a log. */
const ROOM_BYTES = 4096;

assert(
  PLAIN_MESSAGE_BYTES_MAX - ROOM_BYTES >= SEGMENT_BYTES_MIN,
  "records of a cluster can be of any kind",
);

/**
 * What a client of a cluster takes for the size of a segment, so that the longest record it sends
 * has room in a message of so many bytes.
 */
export function clientSegmentBytes(messageBytes: number): number {
  return messageBytes - ROOM_BYTES;
}

/**
 * Bytes of a frame between a thread and a node where messages have so many bytes: it may have one
 * record that fills a message, and beside it as much as may be open, with how each is routed.
 */
export function clusterFrameBytesMax(messageBytes: number): number {
  return clientSegmentBytes(messageBytes) + 2 * REMOTE_BYTES_MAX;
}
