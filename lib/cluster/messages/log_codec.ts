/**
 * Messages of a log and of the control stream as bytes: one frame each (wire/frame.ts), with magic,
 * version, kind and CRC.
 *
 * A batch of records:
 *
 *     byte 0        8           12         16
 *          +--------+-----------+----------+--------+--------+ - - -
 *          | term   | records   | format   | record | record |
 *          +--------+-----------+----------+--------+--------+ - - -
 *
 * and each record, without padding:
 *
 *     byte 0         8         16       20          24      28      30      32
 *          +---------+---------+--------+-----------+-------+-------+-------+
 *          | version | session | number | confirmed | value | key   | flags |
 *          |         |         |        |           | bytes | bytes |       |
 *          +---------+---------+--------+-----------+-------+-------+-------+
 *          | expiry time, 8 bytes, with the flag EXPIRES | key | value |
 *          +---------------------------------------------+-----+-------+
 *
 * Terms, versions, sessions and times are doubles, and whole numbers; everything is little-endian.
 *
 * A record that is larger than a batch may be has a message to itself, of a kind of its own. The
 * place of such a record is {@linkcode ALONE_PLACE}: so its address says how much is to be read.
 *
 * @module
 */
import { assert } from "../../core/assert.ts";
import type { StoredKey } from "../../core/key_encoder.ts";
import { EXPIRY_MS_MAX, KEY_BYTES_MAX } from "../../core/limits.ts";
import {
  encodeFrame,
  FrameError,
  FrameReader,
  sealFrame,
  WIRE_HEADER_BYTES,
} from "../../wire/frame.ts";
import { BATCH_BYTES_MAX, MESSAGE_BYTES_MAX } from "./message_limits.ts";

const MessageKind = {
  OWN: 16,
  BATCH: 17,
  COMMAND: 18,
  MOVED: 19,
  /** The same as a batch, and as moved records, of one that is larger than a batch may be. */
  ALONE: 20,
  MOVED_ALONE: 21,
} as const;

/** Of batches: one that this code does not know was written by a later release. */
const FORMAT = 1;

const OWN_BYTES = 8;
const BATCH_HEADER_BYTES = 16;
const RECORD_HEADER_BYTES = 32;
const EXPIRY_BYTES = 8;
/** Where the first record of a message begins. */
const FIRST_PLACE = WIRE_HEADER_BYTES + BATCH_HEADER_BYTES;

/** Place of a record that is alone in its message, since it is larger than a batch may be. */
export const ALONE_PLACE = 0;

const Flag = {
  DELETE: 1,
  /** The key was given as bytes, not as a string. */
  BINARY_KEY: 2,
  EXPIRES: 4,
  /** The value is a sum, which its request has to be told. */
  SUM: 8,
} as const;
const FLAGS = Flag.DELETE | Flag.BINARY_KEY | Flag.EXPIRES | Flag.SUM;

/** The request that made a record. */
export interface RecordOrigin {
  /** The client's session, from 1; 0: nobody asks what has become of the request. */
  readonly session: number;
  /** Of the request in its session. */
  readonly number: number;
  /** The number up to which the session had all answers when it sent the request. */
  readonly confirmed: number;
  /** Whether the value is a sum, which the request has to be told. */
  readonly isSum: boolean;
}

/** A change of one key. */
export interface LogRecord {
  readonly key: StoredKey;
  /** Grows with every change of a key, by any node. */
  readonly version: number;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  readonly origin: RecordOrigin;
}

/** A record that no request has made, or one of which nobody asks. */
export const NO_ORIGIN: RecordOrigin = { session: 0, number: 0, confirmed: 0, isSum: false };

/** What a message of a log says. */
export type LogEntry =
  /** Who has this term writes from here on, or nobody. */
  | { readonly kind: "own"; readonly term: number }
  /**
   * What was written under a term; or records that were there before, moved here by who cleans:
   * they are read by who knows their addresses, and change nothing.
   */
  | {
    readonly kind: "batch" | "moved";
    readonly term: number;
    readonly records: readonly LogRecord[];
    /** Where each record begins in the message, in bytes, or {@linkcode ALONE_PLACE}. */
    readonly places: readonly number[];
  };

/** A message of records, and where in it each of them is. */
export interface EncodedBatch {
  readonly bytes: Uint8Array;
  /** In bytes, or {@linkcode ALONE_PLACE}. */
  readonly places: readonly number[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Makes the message that begins a term. */
export function encodeOwn(term: number): Uint8Array {
  const body = new Uint8Array(OWN_BYTES);
  new DataView(body.buffer).setFloat64(0, term, true);
  return encodeFrame(MessageKind.OWN, body);
}

/** Bytes that a record takes in a batch. */
export function recordBytes(
  { key, value, expiresAtMs }: Pick<LogRecord, "key" | "value" | "expiresAtMs">,
): number {
  return RECORD_HEADER_BYTES + key.bytes.length + (value?.length ?? 0) +
    (expiresAtMs === Infinity ? 0 : EXPIRY_BYTES);
}

/** Bytes that a record of a key and a value of such lengths takes, at most. */
export function recordBytesMax(keyBytes: number, valueBytes: number): number {
  return RECORD_HEADER_BYTES + EXPIRY_BYTES + keyBytes + valueBytes;
}

/**
 * Makes a message of records.
 *
 * @param batchBytes what they have at most, if there are several
 */
export function encodeBatch(
  term: number,
  records: readonly LogRecord[],
  batchBytes: number = BATCH_BYTES_MAX,
): EncodedBatch {
  return encodeRecords(MessageKind.BATCH, MessageKind.ALONE, term, records, batchBytes);
}

/** Makes a message of records that are moved; for the parameters see {@linkcode encodeBatch}. */
export function encodeMoved(
  term: number,
  records: readonly LogRecord[],
  batchBytes: number = BATCH_BYTES_MAX,
): EncodedBatch {
  return encodeRecords(MessageKind.MOVED, MessageKind.MOVED_ALONE, term, records, batchBytes);
}

function encodeRecords(
  kind: number,
  aloneKind: number,
  term: number,
  records: readonly LogRecord[],
  batchBytes: number,
): EncodedBatch {
  const places: number[] = [];
  let at = FIRST_PLACE;
  for (const record of records) {
    places.push(at);
    at += recordBytes(record);
  }
  const isAlone = at - FIRST_PLACE > batchBytes;
  assert(!isAlone || records.length === 1, "a message that is larger than a batch has one record");
  // One that is large is not copied once more.
  const bytes = new Uint8Array(at);
  const view = new DataView(bytes.buffer);
  view.setFloat64(WIRE_HEADER_BYTES, term, true);
  view.setUint32(WIRE_HEADER_BYTES + 8, records.length, true);
  view.setUint32(WIRE_HEADER_BYTES + 12, FORMAT, true);
  records.forEach((record, i) => putRecord(view, places[i]!, record));
  sealFrame(bytes, isAlone ? aloneKind : kind);
  return { bytes, places: isAlone ? [ALONE_PLACE] : places };
}

function putRecord(view: DataView, at: number, record: LogRecord): void {
  const { key, version, value, expiresAtMs, origin } = record;
  const expires = expiresAtMs !== Infinity;
  view.setFloat64(at, version, true);
  view.setFloat64(at + 8, origin.session, true);
  view.setUint32(at + 16, origin.number, true);
  view.setUint32(at + 20, origin.confirmed, true);
  view.setUint32(at + 24, value?.length ?? 0, true);
  view.setUint16(at + 28, key.bytes.length, true);
  const flags = (value === undefined ? Flag.DELETE : 0) | (key.isBinary ? Flag.BINARY_KEY : 0) |
    (expires ? Flag.EXPIRES : 0) | (origin.isSum ? Flag.SUM : 0);
  view.setUint16(at + 30, flags, true);
  if (expires) view.setFloat64(at + RECORD_HEADER_BYTES, expiresAtMs, true);
  const keyAt = at + RECORD_HEADER_BYTES + (expires ? EXPIRY_BYTES : 0);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(key.bytes, keyAt);
  if (value !== undefined) bytes.set(value, keyAt + key.bytes.length);
}

/** Makes a message of the control stream. */
export function encodeCommand(command: unknown): Uint8Array {
  return encodeFrame(MessageKind.COMMAND, encoder.encode(JSON.stringify(command)));
}

/**
 * Reads a message of a log.
 *
 * @throws {FrameError} when it is none
 */
export function decodeEntry(bytes: Uint8Array): LogEntry {
  const { kind, body } = decodeFrame(bytes);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (kind === MessageKind.OWN && body.length === OWN_BYTES) {
    return { kind: "own", term: wholeNumber(view.getFloat64(0, true)) };
  }
  const isBatch = kind === MessageKind.BATCH || kind === MessageKind.ALONE;
  const isMoved = kind === MessageKind.MOVED || kind === MessageKind.MOVED_ALONE;
  if ((isBatch || isMoved) && body.length >= BATCH_HEADER_BYTES) {
    const batch = decodeBatch(view, bytes.length - body.length);
    const entry = { ...batch, kind: isBatch ? "batch" : "moved" } as const;
    if (kind === MessageKind.BATCH || kind === MessageKind.MOVED) return entry;
    if (batch.records.length === 1) return { ...entry, places: [ALONE_PLACE] };
  }
  throw new FrameError(`a message of a log must be one, got kind ${kind}`);
}

/**
 * Reads a message of the control stream; what it says is still to be checked.
 *
 * @throws {FrameError} when it is none
 */
export function decodeCommand(bytes: Uint8Array): unknown {
  const { kind, body } = decodeFrame(bytes);
  if (kind !== MessageKind.COMMAND) {
    throw new FrameError(`a message of the control stream must be one, got kind ${kind}`);
  }
  const text = textOf(body);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FrameError("a message of the control stream must be JSON", { cause });
  }
}

/**
 * Reads the one frame that a message is.
 *
 * @throws {FrameError} when it is none
 */
export function decodeFrame(bytes: Uint8Array): { kind: number; body: Uint8Array } {
  const reader = new FrameReader(MESSAGE_BYTES_MAX);
  try {
    const frames = reader.read(bytes);
    if (frames.length === 1 && !reader.isInFrame) return frames[0]!;
  } catch (cause) {
    throw new FrameError("a message of the cluster must be a whole frame", { cause });
  }
  throw new FrameError("a message of the cluster must be one frame");
}

function decodeBatch(view: DataView, head: number) {
  const term = wholeNumber(view.getFloat64(0, true));
  const count = view.getUint32(8, true);
  const format = view.getUint32(12, true);
  if (format !== FORMAT) {
    throw new FrameError(
      `a batch must have format ${FORMAT}, as this release writes, got ${format}`,
    );
  }
  const records: LogRecord[] = [];
  const places: number[] = [];
  let at = BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const record = takeRecord(view, at);
    records.push(record);
    places.push(at + head);
    at += recordBytes(record);
  }
  if (at !== view.byteLength) throw cutShort();
  return { term, records, places };
}

/**
 * Reads the record at a place of a message; key and value are views of it.
 *
 * @throws {FrameError} when there is none
 */
export function decodeRecordAt(message: Uint8Array, place: number): LogRecord {
  const at = place === ALONE_PLACE ? FIRST_PLACE : place;
  return takeRecord(new DataView(message.buffer, message.byteOffset, message.byteLength), at);
}

function takeRecord(view: DataView, at: number): LogRecord {
  if (at + RECORD_HEADER_BYTES > view.byteLength) throw cutShort();
  const version = wholeNumber(view.getFloat64(at, true));
  const session = view.getFloat64(at + 8, true);
  const valueBytes = view.getUint32(at + 24, true);
  const keyBytes = view.getUint16(at + 28, true);
  const flags = view.getUint16(at + 30, true);
  const expires = (flags & Flag.EXPIRES) !== 0;
  const keyAt = at + RECORD_HEADER_BYTES + (expires ? EXPIRY_BYTES : 0);
  const end = keyAt + keyBytes + valueBytes;
  if (keyBytes > KEY_BYTES_MAX || end > view.byteLength) throw cutShort();
  const expiresAtMs = expires ? view.getFloat64(at + RECORD_HEADER_BYTES, true) : Infinity;
  const isDelete = (flags & Flag.DELETE) !== 0;
  const isPossible = (flags & ~FLAGS) === 0 && isWhole(session) &&
    (!expires || isWhole(expiresAtMs) && expiresAtMs <= EXPIRY_MS_MAX) &&
    !(isDelete && (valueBytes > 0 || expires));
  if (!isPossible) throw new FrameError("a record must have possible words");
  const bytesAt = (from: number, length: number) =>
    new Uint8Array(view.buffer, view.byteOffset + from, length);
  return {
    key: { bytes: bytesAt(keyAt, keyBytes), isBinary: (flags & Flag.BINARY_KEY) !== 0 },
    version,
    value: isDelete ? undefined : bytesAt(keyAt + keyBytes, valueBytes),
    expiresAtMs,
    origin: {
      session,
      number: view.getUint32(at + 16, true),
      confirmed: view.getUint32(at + 20, true),
      isSum: (flags & Flag.SUM) !== 0,
    },
  };
}

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new FrameError("a text must be UTF-8", { cause });
  }
}

function wholeNumber(value: number): number {
  if (isWhole(value) && value > 0) return value;
  throw new FrameError(`terms and versions must be whole numbers, got ${value}`);
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function cutShort(): FrameError {
  return new FrameError("a batch must have the records that it says");
}
