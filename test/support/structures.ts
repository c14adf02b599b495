/**
 * A place for msgpack structures outside any pool: one record with a version, changed by
 * compare-and-set, shared by as many codecs as a test makes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import type { StructureStore } from "../../lib/codec/shared_structures.ts";

/** Structures in memory. */
export class MemoryStructures implements StructureStore {
  /** Saves that were refused because somebody else was first. */
  conflictCount = 0;
  /** Called before each save; what it throws is thrown by the save. */
  beforeSave: () => void = () => {};
  #stored: { json: string; version: number } | undefined;

  /** The structures saved so far. */
  get structures(): string[][] {
    return this.#stored === undefined ? [] : JSON.parse(this.#stored.json);
  }

  load(): { json: string; version: number } | undefined {
    return this.#stored;
  }

  save(json: string, version: number | null): boolean {
    this.beforeSave();
    if ((this.#stored?.version ?? null) !== version) {
      this.conflictCount += 1;
      return false;
    }
    this.#stored = { json, version: (version ?? 0) + 1 };
    return true;
  }
}

/** Encodes a value with one codec and decodes a private copy of the bytes with another. */
export function roundTrip<V>(from: MsgpackCodec<V>, to: MsgpackCodec<V>, value: V): V {
  const { bytes, length } = encoded(from, value);
  return to.decode(bytes, length);
}

/**
 * The encoded bytes, in the middle of nowhere: the buffer is longer than the value, as a reader's
 * is.
 */
export function encoded<V>(
  codec: MsgpackCodec<V>,
  value: V,
): { bytes: Uint8Array; length: number } {
  codec.encode(value);
  const length = codec.end - codec.start;
  // A Buffer, as a reader's scratch is: what is decoded from it must not be one.
  const bytes = Buffer.from(new ArrayBuffer(length + 100)).fill(0xc1);
  bytes.set(codec.bytes.subarray(codec.start, codec.end));
  return { bytes, length };
}
