/**
 * How long a record may be in a cluster.
 *
 * @module
 */
import { SEGMENT_BYTES_MIN } from "../../core/limits.ts";
import { assert } from "../../core/assert.ts";
import { MESSAGE_BYTES_MAX } from "../messages/log_codec.ts";

/**
 * A client of a cluster takes this for the size of a segment, so that the longest record it
 * sends has room in a message of a log.
 */
export const CLUSTER_SEGMENT_BYTES: number = MESSAGE_BYTES_MAX - 4096;

assert(CLUSTER_SEGMENT_BYTES >= SEGMENT_BYTES_MIN, "records of a cluster can be of any kind");
