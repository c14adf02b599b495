/**
 * Values that carry the id of the write that made them, in every byte: a value that was torn, or
 * put together from two, is noticed by whoever reads it.
 *
 * @module
 */
import { ABSENT } from "../linearizability/operation.ts";

/** Bytes of a payload at least: an id and a length. */
export const PAYLOAD_BYTES_MIN = 16;

/** Writes of one client that have ids of their own. */
const IDS_PER_CLIENT = 2 ** 32;
/** Every so many writes one stores an object, whose shape the codec shares between threads. */
const OBJECT_EVERY = 5;

/** The id of a client's n-th write. */
export function writeId(client: number, n: number): number {
  return client * IDS_PER_CLIENT + n;
}

/** The value that a write stores. */
export function payloadOf(id: number, bytes: number): unknown {
  if (id % OBJECT_EVERY === 0) return { id, bytes, text: textOf(id, bytes) };
  const payload = new Uint8Array(Math.max(bytes, PAYLOAD_BYTES_MIN));
  const view = new DataView(payload.buffer);
  view.setFloat64(0, id);
  view.setUint32(8, payload.length);
  for (let i = PAYLOAD_BYTES_MIN; i < payload.length; i++) payload[i] = id + i;
  return payload;
}

/**
 * The id of the write that stored a value, {@linkcode ABSENT} for none.
 *
 * @throws {Error} when no write can have stored it
 */
export function idOf(value: unknown): number {
  if (value === undefined) return ABSENT;
  const id = value instanceof Uint8Array ? idOfBytes(value) : idOfObject(value);
  if (id === undefined) throw new Error(`torn value: ${show(value)}`);
  return id;
}

function idOfBytes(payload: Uint8Array): number | undefined {
  if (payload.length < PAYLOAD_BYTES_MIN) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const id = view.getFloat64(0);
  if (view.getUint32(8) !== payload.length) return undefined;
  for (let i = PAYLOAD_BYTES_MIN; i < payload.length; i++) {
    if (payload[i] !== ((id + i) & 0xff)) return undefined;
  }
  return id;
}

function idOfObject(value: unknown): number | undefined {
  const { id, bytes, text } = (value ?? {}) as { id?: unknown; bytes?: unknown; text?: unknown };
  if (typeof id !== "number" || typeof bytes !== "number") return undefined;
  return text === textOf(id, bytes) ? id : undefined;
}

function textOf(id: number, bytes: number): string {
  return String.fromCharCode(97 + (id % 26)).repeat(bytes);
}

function show(value: unknown): string {
  if (!(value instanceof Uint8Array)) return String(JSON.stringify(value)).slice(0, 200);
  return `${value.length} bytes, ${[...value.subarray(0, 64)].join(" ")}`;
}
