/**
 * What a pool looks like, slot by slot and segment by segment, for those that draw it.
 *
 * @module
 */
import type { OwnerWord, SegmentId } from "../../core/brands.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { OWNER_TABLE } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { SegmentTable } from "../../pool/segment_table.ts";
import { ownerOf } from "../../routing/ownership.ts";

/** Segments that are shown: who looks is told all of them once a second. */
const SEGMENTS_MAX = 2 ** 18;

/** A pool at about one moment. */
export interface PoolPicture {
  /** Which KN owns each slot: identities from 0 to 63. */
  readonly owners: Uint8Array;
  /** One of `SegmentState` for each segment, of the first 262,144. */
  readonly states: Uint8Array;
  /** Which share of each segment is taken by records, in 255ths. */
  readonly used: Uint8Array;
  /** Which share of each segment is taken by records that can be read, in 255ths. */
  readonly live: Uint8Array;
}

/** Looks at every slot and segment. */
export function pictureOf(pool: Pool): PoolPicture {
  const segments = new SegmentTable(pool);
  const { segmentBytes } = pool.geometry;
  const segmentCount = Math.min(pool.segmentLimit, SEGMENTS_MAX);
  const owners = new Uint8Array(SLOT_COUNT);
  // Plain loads, as nothing depends on them but a picture.
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    owners[slot] = ownerOf(pool.control[OWNER_TABLE + slot] as OwnerWord);
  }
  const states = new Uint8Array(segmentCount);
  const used = new Uint8Array(segmentCount);
  const live = new Uint8Array(segmentCount);
  for (let i = 0; i < segmentCount; i++) {
    const segment = i as SegmentId;
    states[i] = segments.state(segment);
    used[i] = share(segments.usedBytes(segment), segmentBytes);
    live[i] = share(segments.liveBytes(segment), segmentBytes);
  }
  return { owners, states, used, live };
}

function share(bytes: number, segmentBytes: number): number {
  return Math.min(255, Math.ceil(255 * bytes / segmentBytes));
}
