/**
 * What the watches of other processes are told: as bytes, words little-endian.
 *
 * Parts are a word each. Changes are an entry list (entry_list.ts) behind two words, of which the
 * first is 1 if changes before them may be missing.
 *
 * @module
 */
import { FrameError } from "../wire/frame.ts";
import type { TakenChange } from "./change_ring.ts";
import { decodeEntries, EntryListWriter, type ListedKey } from "../wire/entry_list.ts";

const LIST = 8;

/** Makes an item of parts. */
export function encodeParts(parts: ReadonlySet<number>): Uint8Array {
  return new Uint8Array(Uint32Array.from(parts).buffer);
}

/**
 * Takes parts.
 *
 * @throws {FrameError} when they are none
 */
export function decodeParts(bytes: Uint8Array): Uint32Array {
  if (bytes.length % 4 !== 0) throw new FrameError("parts must be words");
  return new Uint32Array(bytes.slice().buffer);
}

/** Makes an item of changes. */
export function encodeChanges(isLost: boolean, changes: readonly TakenChange[]): Uint8Array {
  const list = new EntryListWriter();
  for (const { bytes, isBinary, isDelete, version } of changes) {
    list.add(wordsOf(bytes, isBinary), undefined, { version, isGone: isDelete });
  }
  const item = new Uint8Array(LIST + list.byteLength);
  item[0] = isLost ? 1 : 0;
  item.set(list.bytes, LIST);
  return item;
}

/** Changes that have come. */
export interface ToldChanges {
  readonly isLost: boolean;
  readonly changes: readonly TakenChange[];
}

/**
 * Takes changes.
 *
 * @throws {FrameError} when they are none
 */
export function decodeChanges(item: Uint8Array): ToldChanges {
  if (item.length < LIST || item[0]! > 1) throw new FrameError("changes must have their header");
  const changes = decodeEntries(item.subarray(LIST)).map(({ key, version, isGone }) => ({
    bytes: key.bytes.slice(),
    isBinary: key.isBinary,
    isDelete: isGone,
    version,
  }));
  return { isLost: item[0] === 1, changes };
}

/** A key as words. */
export function wordsOf(bytes: Uint8Array, isBinary: boolean): ListedKey {
  const words = new Int32Array((bytes.length + 3) >>> 2);
  new Uint8Array(words.buffer).set(bytes);
  return { words, byteLength: bytes.length, isBinary };
}
