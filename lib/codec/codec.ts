/**
 * Codecs: how values become bytes and back.
 *
 * @module
 */
import { InvalidValueError } from "../core/errors.ts";
import type { PickedParts } from "./picked_parts.ts";

/** A codec of the application's own. */
export interface CustomCodec<V> {
  /** Turns a value into bytes; the store copies them before the call returns to the application. */
  encode(value: V): Uint8Array;
  /** Turns bytes back into a value; the bytes are a private copy that the codec may keep. */
  decode(bytes: Uint8Array): V;
}

/** What `open` accepts as `codec`. */
export type CodecOption<V> = "msgpack" | "json" | "binary" | CustomCodec<V>;

/** Turns bytes into values, or into parts of them. */
export interface ValueDecoder<V> {
  /**
   * Decodes a value from the first `length` bytes; keeps no reference to them.
   *
   * @throws {DecodeError} when they are not a value of this codec
   */
  decode(bytes: Uint8Array, length: number): V;
}

/**
 * A codec as the store uses it: encoded bytes are described by fields, so that nothing is
 * allocated.
 */
export interface ValueCodec<V> extends ValueDecoder<V> {
  /**
   * Where the last encoded value is: `bytes[start]` to `bytes[end - 1]`, valid until the next call.
   */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** How it stores numbers, one of `NumberForm`. */
  readonly numberForm: number;
  /**
   * Encodes a value.
   *
   * @throws {InvalidValueError} when the codec cannot represent it
   */
  encode(value: V): void;
  /**
   * Makes a decoder of parts of values.
   *
   * @throws {InvalidArgumentError} when its values have no parts
   */
  pick(parts: PickedParts): ValueDecoder<unknown>;
  /** Lets go of what it has of its store, which is closed: the codec is not used any more. */
  letGo?(): void;
}

/** The error for `undefined`, which `get` returns for keys that do not exist. */
export function undefinedValue(): InvalidValueError {
  return new InvalidValueError(
    "value must not be undefined, which stands for a key that does not exist; use delete(key) to remove a key",
  );
}
