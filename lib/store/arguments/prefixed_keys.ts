/**
 * The keys of a namespace: each is stored with the namespace's prefix in front.
 *
 * @module
 */
import { InvalidKeyError } from "../../core/errors.ts";
import {
  bytesOf,
  type HeldKey,
  isBytes,
  type Key,
  keyBehind,
  KeyEncoder,
  type StoredKey,
} from "../../core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../../core/key_types.ts";
import { KEY_BYTES_MAX } from "../../core/limits.ts";

/** Puts two parts of a key together; a part of the other type becomes one. */
export function joinKeys(prefix: Key, key: Key): Key {
  if (typeof prefix === "string" && typeof key === "string") return prefix + key;
  return joinBytes(toBytes(prefix), toBytes(key));
}

/** Bytes behind each other. */
export function joinBytes(head: Uint8Array, tail: Uint8Array): Uint8Array {
  if (head.length === 0) return tail;
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

const textEncoder = new TextEncoder();

/** The bytes of a key. */
export function toBytes(key: Key): Uint8Array {
  return typeof key === "string" ? textEncoder.encode(key) : key;
}

/** Encodes keys behind a prefix. */
export class PrefixedKeyEncoder extends KeyEncoder {
  readonly #prefix: Key;
  readonly #prefixLength: number;
  /** The prefix as text behind which ASCII is put without making a string of both; or empty. */
  readonly #text: string;

  /** Makes an encoder; for the others see {@linkcode KeyEncoder}. */
  constructor(key0: number, key1: number, types: number, prefix: Key) {
    super(key0, key1, types);
    this.#prefix = prefix;
    this.#prefixLength = bytesOf(prefix);
    const isText = typeof prefix === "string" && prefix.length === this.#prefixLength;
    this.#text = isText && types !== KEY_TYPE_NUMBERS.bytes ? prefix : "";
  }

  override encode(key: Key): number {
    // What is no key the base class refuses.
    if (typeof key !== "string" && !isBytes(key)) return super.encode(key);
    if (key.length === 0) throw this.lengthError(joinKeys(this.#prefix, key));
    const isEncoded = typeof key === "string" && this.#text !== "" && this.#encodeAscii(key);
    return isEncoded ? this.hashWords() : super.encode(joinKeys(this.#prefix, key));
  }

  /** Encodes a key that is ASCII; false, and it is still to be encoded, if it is not. */
  #encodeAscii(key: string): boolean {
    const { words, buffer } = this;
    const text = this.#text;
    const start = text.length;
    const end = start + key.length;
    if (end > KEY_BYTES_MAX) return false;
    words[end >>> 2] = 0;
    for (let i = 0; i < start; i++) buffer[i] = text.charCodeAt(i);
    let seen = 0;
    for (let i = start, from = 0; i < end; i++) {
      const c = key.charCodeAt(from++);
      seen |= c;
      buffer[i] = c;
    }
    this.byteLength = end;
    this.isBinary = false;
    return seen <= 0x7f;
  }

  override keyOf({ bytes, isBinary }: StoredKey): Key {
    return super.keyOf({ bytes: bytes.subarray(this.#prefixLength), isBinary });
  }

  override keyIn(held: HeldKey): Key {
    return keyBehind(this.#prefixLength, held);
  }

  protected override lengthError(key: Key): InvalidKeyError {
    const length = this.#prefixLength;
    return new InvalidKeyError(
      `key must have 1 to ${
        KEY_BYTES_MAX - length
      } bytes behind the ${length} of the prefix of its namespace, got ${
        bytesOf(key) - length
      } bytes`,
    );
  }
}
