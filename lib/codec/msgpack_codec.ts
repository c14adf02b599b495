/**
 * The default codec: MessagePack by msgpackr, with the key names of objects kept once per pool.
 *
 * msgpackr can replace the key names of an object by the number of a shared *structure*: objects
 * get smaller, and decode two to three times faster, by code generated for the structure. The
 * structures of a pool are stored in the pool itself, under the empty key that no application can
 * use, and change by compare-and-set, so that all threads agree on them and they survive together
 * with the values that need them. Their number is limited; objects beyond the limit carry their key
 * names.
 *
 * @module
 */
import { Packr } from "msgpackr/pack";
import { DecodeError, describe, DinomoError, InvalidValueError } from "../core/errors.ts";
import { STRUCTURE_CHARS_MAX, STRUCTURE_KEYS_MAX, STRUCTURES_MAX } from "../core/limits.ts";
import { undefinedValue, type ValueCodec } from "./codec.ts";
import { enterCodec, leaveCodec } from "./nesting.ts";

/** Where structures are kept. */
export interface StructureStore {
  /**
   * Loads the structures, and a version for {@linkcode save}; undefined when there are none yet.
   */
  load(): { readonly json: string; readonly version: number } | undefined;
  /**
   * Saves structures if the stored version is still `version`, or if there are none and it is null.
   */
  save(json: string, version: number | null): boolean;
}

/** The options of msgpackr that are used here; its own types lack or misstate some of them. */
interface PackrOptions {
  readonly copyBuffers: boolean;
  readonly moreTypes: boolean;
  readonly maxSharedStructures: number;
  shouldShareStructure(keys: readonly string[]): boolean;
  getStructures(): string[][];
  saveStructures(structures: unknown[], isCompatible?: (existing: unknown) => boolean): boolean;
  writeFunction(value: unknown): never;
}

/**
 * Values from this size on are worth loading msgpackr's native string decoder for, which takes 10
 * MiB.
 */
const NATIVE_BYTES_MIN = 256;

let isNativeWanted = false;

/**
 * Loads msgpackr's native string decoder, where there is one: it halves the time to decode 1 KiB.
 * The main module of msgpackr installs it into the module that is used here; until it is loaded,
 * and where it cannot be, strings are decoded in JavaScript.
 */
function wantNativeDecoder(): void {
  isNativeWanted = true;
  import("msgpackr").catch(() => {});
}

/**
 * msgpackr's RESET_BUFFER_MODE: encode to the same place every time. (Its REUSE_BUFFER_MODE saves a
 * subarray, and makes encoding 1 KiB six times slower on Deno 2.9.)
 */
const RESET_BUFFER = 1024;

/**
 * Name in the last structure of a pool that gets no more of them; no property can be called that by
 * accident.
 */
const CLOSED = "\0closed";

/** MessagePack with shared structures. */
export class MsgpackCodec<V> implements ValueCodec<V> {
  bytes: Uint8Array = new Uint8Array(0);
  readonly start = 0;
  end = 0;
  readonly #packr: Packr;
  #structures: StructureStore;
  /** Whether no structures are added any more. */
  #isClosed = false;

  /** Makes a codec whose structures are in `structures`. */
  constructor(structures: StructureStore) {
    this.#structures = structures;
    const options: PackrOptions = {
      // Decoded values must not point into the buffer that the next read overwrites.
      copyBuffers: true,
      moreTypes: true,
      maxSharedStructures: STRUCTURES_MAX,
      shouldShareStructure: (keys) => !this.#isClosed && shouldShareStructure(keys),
      getStructures: () => this.#load(),
      saveStructures: (structures, isCompatible) => this.#save(structures, isCompatible),
      writeFunction: refuseFunction,
    };
    this.#packr = new Packr(options as object);
  }

  encode(value: V): void {
    if (value === undefined) throw undefinedValue();
    if (value instanceof Promise) {
      throw new InvalidValueError(
        "value must be representable as msgpack, got a Promise: await it first",
      );
    }
    enterCodec();
    try {
      this.bytes = this.#packr.pack(value, RESET_BUFFER);
    } catch (error) {
      throw refusal(error, value);
    } finally {
      leaveCodec();
    }
    this.end = this.bytes.length;
  }

  decode(bytes: Uint8Array, length: number): V {
    if (length >= NATIVE_BYTES_MIN && !isNativeWanted) wantNativeDecoder();
    try {
      return this.#packr.unpack(bytes, length as unknown as { end: number }) as V;
    } catch (error) {
      throw new DecodeError(
        "the stored bytes are not a msgpack value: was it written with another codec?",
        {
          cause: error,
        },
      );
    }
  }

  /**
   * Adds no structures any more, for ever: after structures may have been lost, a new one must not
   * get the number of an old one, or values that need that would come back with the names of this
   * one.
   */
  closeStructures(): void {
    for (let isClosed = this.#isClosed; !isClosed;) {
      const stored = this.#structures.load();
      const existing = stored === undefined ? [] : JSON.parse(stored.json) as string[][];
      isClosed = existing.at(-1)?.[0] === CLOSED ||
        this.#structures.save(JSON.stringify([...existing, [CLOSED]]), stored?.version ?? null);
    }
    this.#isClosed = true;
  }

  /** msgpackr remembers whose value it has decoded last, and so this codec. */
  letGo(): void {
    this.#structures = undefined as never;
  }

  #load(): string[][] {
    const stored = this.#structures.load();
    if (stored === undefined) return [];
    const structures = JSON.parse(stored.json) as string[][];
    if (structures.at(-1)?.[0] === CLOSED) {
      this.#isClosed = true;
      structures.pop();
    }
    return structures;
  }

  #save(structures: unknown[], isCompatible?: (existing: unknown) => boolean): boolean {
    const stored = this.#structures.load();
    const existing = stored === undefined ? undefined : JSON.parse(stored.json) as string[][];
    // Another thread was first: msgpackr loads its structures and encodes again.
    if (isCompatible && !isCompatible(existing)) return false;
    return this.#structures.save(JSON.stringify(structures), stored?.version ?? null);
  }
}

/** Dictionaries have key sets that rarely repeat; sharing them would only use up the structures. */
function shouldShareStructure(keys: readonly string[]): boolean {
  if (keys.length > STRUCTURE_KEYS_MAX) return false;
  let chars = 0;
  for (const key of keys) chars += key.length;
  return chars <= STRUCTURE_CHARS_MAX;
}

function refuseFunction(value: unknown): never {
  throw new InvalidValueError(
    `value must be representable as msgpack, got one that contains ${describe(value)}`,
  );
}

function refusal(error: unknown, value: unknown): DinomoError {
  if (error instanceof DinomoError) return error;
  const reason = error instanceof RangeError && /call stack/i.test(error.message)
    ? "one that refers to itself or is nested too deeply"
    : `${describe(value)} (${error instanceof Error ? error.message : String(error)})`;
  return new InvalidValueError(`value must be representable as msgpack, got ${reason}`, {
    cause: error,
  });
}
