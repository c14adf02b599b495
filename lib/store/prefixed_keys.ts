/**
 * The keys of a namespace: each is stored with the namespace's prefix in front.
 *
 * @module
 */
import { InvalidKeyError } from "../core/errors.ts";
import {
  bytesOf,
  type HeldKey,
  isBytes,
  type Key,
  keyBehind,
  KeyEncoder,
  type StoredKey,
} from "../core/key_encoder.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";

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

  /** Makes an encoder; for the others see {@linkcode KeyEncoder}. */
  constructor(key0: number, key1: number, types: number, prefix: Key) {
    super(key0, key1, types);
    this.#prefix = prefix;
    this.#prefixLength = bytesOf(prefix);
  }

  override encode(key: Key): number {
    // What is no key the base class refuses.
    if (typeof key !== "string" && !isBytes(key)) return super.encode(key);
    if (key.length === 0) throw this.lengthError(joinKeys(this.#prefix, key));
    return super.encode(joinKeys(this.#prefix, key));
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
