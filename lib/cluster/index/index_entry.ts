/**
 * What the index has of a key: its newest record's version and address.
 *
 * @module
 */
import type { StoredKey } from "../../core/key_encoder.ts";
import type { RecordAddress } from "../node/record_table.ts";

/** A key in the index. */
export interface IndexEntry {
  readonly key: StoredKey;
  /** The same, as text: see `nameOf`. */
  readonly name: string;
  /** Of the key, as an unsigned number; its slot is in the upper bits. */
  readonly hash: number;
  readonly version: number;
  readonly address: RecordAddress;
  /** Of the record and its key and value, in its log. */
  readonly bytes: number;
  /** Not in pages: what is deleted is not in them. */
  readonly isDelete: boolean;
}

/** A page of the index: the keys of a slot from one hash to the next page's. */
export interface PageRef {
  /**
   * The lowest hash of its keys; the first page of a slot begins with the slot, whatever it says.
   */
  readonly from: number;
  /** In whose index stream it is. */
  readonly node: number;
  /** Of its message. */
  readonly sequence: number;
  /** How many keys it has. */
  readonly count: number;
  /** Bytes of their records. */
  readonly bytes: number;
  /** By node: the first message of its log that the page names. */
  readonly floors: readonly (readonly [node: number, sequence: number])[];
}

/** Describes a page that was stored. */
export function pageRefOf(
  entries: readonly IndexEntry[],
  node: number,
  sequence: number,
): PageRef {
  const floors = new Map<number, number>();
  let bytes = 0;
  for (const { address, bytes: recordBytes } of entries) {
    bytes += recordBytes;
    const floor = floors.get(address.node) ?? Infinity;
    floors.set(address.node, Math.min(floor, address.sequence));
  }
  const from = entries[0]!.hash;
  return { from, node, sequence, count: entries.length, bytes, floors: [...floors] };
}
