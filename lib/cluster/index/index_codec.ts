/**
 * Messages of an index stream as bytes: frames like those of logs. All numbers are little-endian;
 * versions and sequences are doubles.
 *
 *     page        u32 keys; each: version, sequence, u32 hash, u32 place, u32 bytes of the record,
 *                 u16 node, u16 key bytes, u16 1: the key was given as bytes, key
 *     directory   version, u32 pages; each: sequence, bytes of records, u32 from, u32 keys, u16 node,
 *                 u16 floors; each: sequence, u16 node
 *     checkpoint  u32 slots; each: sequence of its directory, u16 slot, u16 node
 *
 * @module
 */
import type { StoredKey } from "../../core/key_encoder.ts";
import { KEY_BYTES_MAX, NODE_ID_COUNT, SLOT_COUNT } from "../../core/limits.ts";
import { encodeFrame, FrameError } from "../../wire/frame.ts";
import { decodeFrame } from "../messages/log_codec.ts";
import { nameOf } from "../node/key_table.ts";
import type { IndexEntry, PageRef } from "./index_entry.ts";

const MessageKind = { PAGE: 24, DIRECTORY: 25, CHECKPOINT: 26 } as const;
const ENTRY_BYTES = 34;
const PAGE_REF_BYTES = 28;
const FLOOR_BYTES = 10;
const SLOT_BYTES = 12;

/** The pages of a slot, and up to where they have its changes. */
export interface Directory {
  /** Every change of the slot up to this version is in the pages. */
  readonly version: number;
  readonly pages: readonly PageRef[];
}

/** Where a slot's directory is. */
export interface DirectoryRef {
  readonly slot: number;
  /** In whose index stream. */
  readonly node: number;
  readonly sequence: number;
}

/** Bytes that a key takes in a page. */
export function entryBytes(entry: IndexEntry): number {
  return ENTRY_BYTES + entry.key.bytes.length;
}

/** Makes a page. */
export function encodePage(entries: readonly IndexEntry[]): Uint8Array {
  const writer = new Writer(4 + entries.reduce((sum, entry) => sum + entryBytes(entry), 0));
  writer.u32(entries.length);
  for (const { key, hash, version, address, bytes } of entries) {
    writer.f64(version);
    writer.f64(address.sequence);
    writer.u32(hash);
    writer.u32(address.place);
    writer.u32(bytes);
    writer.u16(address.node);
    writer.u16(key.bytes.length);
    writer.u16(key.isBinary ? 1 : 0);
    writer.put(key.bytes);
  }
  return encodeFrame(MessageKind.PAGE, writer.bytes);
}

/** Reads a page. @throws {FrameError} when it is none */
export function decodePage(message: Uint8Array): IndexEntry[] {
  return decode(message, MessageKind.PAGE, (reader) => {
    return reader.list(() => {
      const version = reader.whole();
      const sequence = reader.whole();
      const hash = reader.u32();
      const place = reader.u32();
      const bytes = reader.u32();
      const node = reader.below(NODE_ID_COUNT);
      const keyBytes = reader.below(KEY_BYTES_MAX + 1);
      const isBinary = reader.u16() === 1;
      const key: StoredKey = { bytes: reader.take(keyBytes), isBinary };
      const address = { node, sequence, place };
      return { key, name: nameOf(key), hash, version, address, bytes, isDelete: false };
    });
  });
}

/** Makes a directory. */
export function encodeDirectory({ version, pages }: Directory): Uint8Array {
  const floors = pages.reduce((sum, page) => sum + page.floors.length, 0);
  const writer = new Writer(12 + pages.length * PAGE_REF_BYTES + floors * FLOOR_BYTES);
  writer.f64(version);
  writer.u32(pages.length);
  for (const page of pages) {
    writer.f64(page.sequence);
    writer.f64(page.bytes);
    writer.u32(page.from);
    writer.u32(page.count);
    writer.u16(page.node);
    writer.u16(page.floors.length);
    for (const [node, sequence] of page.floors) {
      writer.f64(sequence);
      writer.u16(node);
    }
  }
  return encodeFrame(MessageKind.DIRECTORY, writer.bytes);
}

/** Reads a directory. @throws {FrameError} when it is none */
export function decodeDirectory(message: Uint8Array): Directory {
  return decode(message, MessageKind.DIRECTORY, (reader) => {
    const version = reader.whole();
    const pages = reader.list(() => {
      const sequence = reader.whole();
      const bytes = reader.whole();
      const from = reader.u32();
      const count = reader.u32();
      const node = reader.below(NODE_ID_COUNT);
      const floors: (readonly [number, number])[] = [];
      for (let left = reader.u16(); left > 0; left--) {
        const floor = reader.whole();
        floors.push([reader.below(NODE_ID_COUNT), floor]);
      }
      return { from, node, sequence, count, bytes, floors };
    });
    return { version, pages };
  });
}

/** Makes a checkpoint. */
export function encodeCheckpoint(directories: readonly DirectoryRef[]): Uint8Array {
  const writer = new Writer(4 + directories.length * SLOT_BYTES);
  writer.u32(directories.length);
  for (const { slot, node, sequence } of directories) {
    writer.f64(sequence);
    writer.u16(slot);
    writer.u16(node);
  }
  return encodeFrame(MessageKind.CHECKPOINT, writer.bytes);
}

/** Reads a checkpoint. @throws {FrameError} when it is none */
export function decodeCheckpoint(message: Uint8Array): DirectoryRef[] {
  return decode(message, MessageKind.CHECKPOINT, (reader) => {
    return reader.list(() => {
      const sequence = reader.whole();
      return { slot: reader.below(SLOT_COUNT), node: reader.below(NODE_ID_COUNT), sequence };
    });
  });
}

function decode<T>(message: Uint8Array, expected: number, read: (reader: Reader) => T): T {
  const { kind, body } = decodeFrame(message);
  if (kind !== expected) throw new FrameError(`an index must have kind ${expected}, got ${kind}`);
  const reader = new Reader(body);
  const value = read(reader);
  if (!reader.isAtEnd) throw cutShort();
  return value;
}

function cutShort(): FrameError {
  return new FrameError("a message of an index must have what it says");
}

class Writer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  u16(value: number): void {
    this.#view.setUint16(this.#step(2), value, true);
  }

  u32(value: number): void {
    this.#view.setUint32(this.#step(4), value, true);
  }

  f64(value: number): void {
    this.#view.setFloat64(this.#step(8), value, true);
  }

  put(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#step(bytes.length));
  }

  #step(length: number): number {
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  list<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.u32(); left > 0; left--) items.push(item());
    return items;
  }

  u16(): number {
    return this.#view.getUint16(this.#step(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#step(4), true);
  }

  below(limit: number): number {
    const value = this.u16();
    if (value < limit) return value;
    throw cutShort();
  }

  whole(): number {
    const value = this.#view.getFloat64(this.#step(8), true);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw cutShort();
  }

  take(length: number): Uint8Array {
    const at = this.#step(length);
    return this.#bytes.slice(at, at + length);
  }

  #step(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw cutShort();
    this.#at += length;
    return at;
  }
}
