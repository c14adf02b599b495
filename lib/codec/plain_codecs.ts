/**
 * The codecs without state: JSON, bytes, and codecs of the application's own.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  DecodeError,
  describe,
  DinomoError,
  InvalidArgumentError,
  InvalidValueError,
  ReentrantCallError,
} from "../core/errors.ts";
import { type CustomCodec, undefinedValue, type ValueCodec, type ValueDecoder } from "./codec.ts";
import { enterCodec, leaveCodec } from "./nesting.ts";
import { type PickedParts, pickFrom } from "./picked_parts.ts";
import { NumberForm } from "./stored_numbers.ts";

abstract class WholeBufferCodec {
  bytes: Uint8Array = new Uint8Array(0);
  readonly start = 0;
  readonly numberForm: number = NumberForm.NONE;

  get end(): number {
    return this.bytes.length;
  }

  abstract decode(bytes: Uint8Array, length: number): unknown;

  /** Decodes values whole, and picks then. */
  pick(parts: PickedParts): ValueDecoder<unknown> {
    return { decode: (bytes, length) => pickFrom(this.decode(bytes, length), parts) };
  }
}

/** JSON text in UTF-8. */
export class JsonCodec<V> extends WholeBufferCodec implements ValueCodec<V> {
  override readonly numberForm: number = NumberForm.JSON;

  encode(value: V): void {
    if (value === undefined) throw undefinedValue();
    let text: string | undefined;
    enterCodec();
    try {
      text = JSON.stringify(value, refuseUnrepresentable);
    } catch (error) {
      if (error instanceof DinomoError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new InvalidValueError(
        `value must be representable as JSON, got ${describe(value)} (${reason})`,
        {
          cause: error,
        },
      );
    } finally {
      leaveCodec();
    }
    if (text === undefined) {
      throw new InvalidValueError(`value must be representable as JSON, got ${describe(value)}`);
    }
    this.bytes = Buffer.from(text);
  }

  decode(bytes: Uint8Array, length: number): V {
    try {
      return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, length).toString()) as V;
    } catch (error) {
      throw new DecodeError(
        "the stored bytes are not JSON: was the value written with another codec?",
        {
          cause: error,
        },
      );
    }
  }
}

/** JSON.stringify leaves functions and symbols out silently; a store must not. */
function refuseUnrepresentable(_key: string, value: unknown): unknown {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new InvalidValueError(
      `value must be representable as JSON, got one that contains ${describe(value)}`,
    );
  }
  return value;
}

/** Bytes as they are; every read returns a fresh copy. */
export class BinaryCodec extends WholeBufferCodec implements ValueCodec<Uint8Array> {
  encode(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) {
      throw new InvalidValueError(
        `value must be a Uint8Array with the codec "binary", got ${describe(value)}`,
      );
    }
    this.bytes = value;
  }

  decode(bytes: Uint8Array, length: number): Uint8Array {
    return copyOf(bytes, length);
  }

  override pick(): never {
    throw new InvalidArgumentError(
      'pick must be called on a store whose values are objects, got one with the codec "binary"',
    );
  }
}

/** Calls the application's codec, and checks what it returns. */
export class CustomCodecAdapter<V> extends WholeBufferCodec implements ValueCodec<V> {
  readonly #codec: CustomCodec<V>;

  /** Wraps a codec. */
  constructor(codec: CustomCodec<V>) {
    super();
    this.#codec = codec;
  }

  encode(value: V): void {
    if (value === undefined) throw undefinedValue();
    let bytes: unknown;
    enterCodec();
    try {
      bytes = this.#codec.encode(value);
    } catch (error) {
      if (error instanceof ReentrantCallError) throw error;
      throw new InvalidValueError(`codec.encode failed on ${describe(value)}`, { cause: error });
    } finally {
      leaveCodec();
    }
    if (!(bytes instanceof Uint8Array)) {
      throw new InvalidValueError(`codec.encode must return a Uint8Array, got ${describe(bytes)}`);
    }
    this.bytes = bytes;
  }

  decode(bytes: Uint8Array, length: number): V {
    enterCodec();
    try {
      return this.#codec.decode(copyOf(bytes, length));
    } catch (error) {
      if (error instanceof ReentrantCallError) throw error;
      throw new DecodeError("codec.decode failed on the stored bytes", { cause: error });
    } finally {
      leaveCodec();
    }
  }
}

function copyOf(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}
