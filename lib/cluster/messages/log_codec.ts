/**
 * Messages of a log and of the control stream as bytes: one frame each (wire/frame.ts), with magic,
 * version, kind and CRC.
 *
 * A batch of records:
 *
 *     byte 0        8           12
 *          +--------+-----------+--------+--------+ - - -
 *          | term   | records   | record | record |
 *          +--------+-----------+--------+--------+ - - -
 *
 * and each record, without padding:
 *
 *     byte 0         8           12         13          15
 *          +---------+-----------+----------+-----------+-----+-------+
 *          | version | value     | 1: is a  | key bytes | key | value |
 *          |         | bytes     | delete   |           |     |       |
 *          +---------+-----------+----------+-----------+-----+-------+
 *
 * Terms and versions are doubles, and whole numbers; everything is little-endian.
 *
 * @module
 */
import { KEY_BYTES_MAX } from "../../core/limits.ts";
import { encodeFrame, FrameError, FrameReader } from "../../wire/frame.ts";

/** Most bytes of a message: half of what nats-server takes unless it is told otherwise. */
export const MESSAGE_BYTES_MAX: number = 512 * 1024;

const MessageKind = { OWN: 16, BATCH: 17, COMMAND: 18 } as const;

const OWN_BYTES = 8;
const BATCH_HEADER_BYTES = 12;
const RECORD_HEADER_BYTES = 15;

/** A change of one key. */
export interface LogRecord {
  readonly key: string;
  /** Grows with every change of a key, by any node. */
  readonly version: number;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
}

/** What a message of a log says. */
export type LogEntry =
  /** Who has this term writes from here on, or nobody. */
  | { readonly kind: "own"; readonly term: number }
  /** What was written under a term. */
  | { readonly kind: "batch"; readonly term: number; readonly records: readonly LogRecord[] };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Makes the message that begins a term. */
export function encodeOwn(term: number): Uint8Array {
  const body = new Uint8Array(OWN_BYTES);
  new DataView(body.buffer).setFloat64(0, term, true);
  return encodeFrame(MessageKind.OWN, body);
}

/** Bytes that a record takes in a batch, at most. */
export function recordBytesMax(key: string, value: Uint8Array | undefined): number {
  return RECORD_HEADER_BYTES + key.length * 3 + (value?.length ?? 0);
}

/** Makes a message of records. */
export function encodeBatch(term: number, records: readonly LogRecord[]): Uint8Array {
  const keys = records.map(({ key }) => encoder.encode(key));
  const bytes = records.reduce(
    (sum, { value }, i) => sum + RECORD_HEADER_BYTES + keys[i]!.length + (value?.length ?? 0),
    BATCH_HEADER_BYTES,
  );
  const body = new Uint8Array(bytes);
  const view = new DataView(body.buffer);
  view.setFloat64(0, term, true);
  view.setUint32(8, records.length, true);
  let at = BATCH_HEADER_BYTES;
  records.forEach(({ version, value }, i) => {
    const key = keys[i]!;
    view.setFloat64(at, version, true);
    view.setUint32(at + 8, value?.length ?? 0, true);
    view.setUint8(at + 12, value === undefined ? 1 : 0);
    view.setUint16(at + 13, key.length, true);
    body.set(key, at + RECORD_HEADER_BYTES);
    if (value !== undefined) body.set(value, at + RECORD_HEADER_BYTES + key.length);
    at += RECORD_HEADER_BYTES + key.length + (value?.length ?? 0);
  });
  return encodeFrame(MessageKind.BATCH, body);
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
  if (kind === MessageKind.BATCH && body.length >= BATCH_HEADER_BYTES) return decodeBatch(view);
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

function decodeFrame(bytes: Uint8Array): { kind: number; body: Uint8Array } {
  const reader = new FrameReader(MESSAGE_BYTES_MAX);
  try {
    const frames = reader.read(bytes);
    if (frames.length === 1 && !reader.isInFrame) return frames[0]!;
  } catch (cause) {
    throw new FrameError("a message of the cluster must be a whole frame", { cause });
  }
  throw new FrameError("a message of the cluster must be one frame");
}

function decodeBatch(view: DataView): LogEntry {
  const term = wholeNumber(view.getFloat64(0, true));
  const count = view.getUint32(8, true);
  const records: LogRecord[] = [];
  let at = BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    if (at + RECORD_HEADER_BYTES > view.byteLength) throw cutShort();
    const version = wholeNumber(view.getFloat64(at, true));
    const valueBytes = view.getUint32(at + 8, true);
    const isDelete = view.getUint8(at + 12) === 1;
    const keyBytes = view.getUint16(at + 13, true);
    const keyAt = at + RECORD_HEADER_BYTES;
    const valueAt = keyAt + keyBytes;
    at = valueAt + valueBytes;
    if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX || at > view.byteLength) throw cutShort();
    const bytesAt = (from: number, length: number) =>
      new Uint8Array(view.buffer, view.byteOffset + from, length);
    const value = isDelete ? undefined : bytesAt(valueAt, valueBytes);
    records.push({ key: textOf(bytesAt(keyAt, keyBytes)), version, value });
  }
  if (at !== view.byteLength) throw cutShort();
  return { kind: "batch", term, records };
}

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new FrameError("a text must be UTF-8", { cause });
  }
}

function wholeNumber(value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new FrameError(`terms and versions must be whole numbers, got ${value}`);
}

function cutShort(): FrameError {
  return new FrameError("a batch must have the records that it says");
}
