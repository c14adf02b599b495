/**
 * What a client of a far pool gets back for its reads: private copies of values, from the response
 * rings or from where KNs have staged them.
 *
 * @module
 */
import type { PoolAddress } from "../../core/brands.ts";
import type { DinomoError } from "../../core/errors.ts";
import type { EncodedKey } from "../../core/key_encoder.ts";
import {
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordExpiry,
  recordVersion,
  valueWord,
} from "../../log/record_layout.ts";
import { markTaken } from "../node/staged_values.ts";
import type { Pool } from "../../pool/pool.ts";
import { type ReadValue, ResponseReader } from "../../rings/response_ring.ts";
import { type RingHandle, Status } from "../../rings/ring_layout.ts";
import { type Completion, errorOf } from "../../client/completions.ts";

/** Where the values are that came back for reads. */
export interface ReadSource {
  /**
   * Takes what was read, from where the words of a completion say it is; undefined if there was
   * nothing.
   */
  take(status: number, address: number, end: number, agent: number): ReadValue | undefined;

  /**
   * Reads a key without a request, if this thread can; nothing of its slot may be on its way.
   *
   * @param withValue if not, what is found has no bytes
   * @returns undefined: a request is needed
   */
  readHere?(key: EncodedKey, withValue: boolean): ReadValue | undefined;
}

/** A client's ends of its response rings, by the KNs' agent blocks. */
export class RoutedReads implements ReadSource {
  readonly #pool: Pool;
  readonly #readers: (ResponseReader | undefined)[] = [];

  /** For a client that is connected to no KN yet. */
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Takes the ring from a KN, before the first request to it. */
  connect(agent: number, ring: RingHandle): void {
    this.#readers[agent] = new ResponseReader(ring);
  }

  take(status: number, address: number, end: number, agent: number): ReadValue | undefined {
    if (status === Status.FOUND) return this.#readers[agent]!.take(address, end);
    if (status === Status.FOUND_STAGED) return this.#takeStaged(address as PoolAddress);
    return undefined;
  }

  #takeStaged(address: PoolAddress): ReadValue {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = words[at + RECORD_META];
    const start = (at + valueWord(meta)) * 4;
    const bytes = new Uint8Array(words[at + RECORD_VALUE_BYTES]);
    bytes.set(this.#pool.bytesOf(address).subarray(start, start + bytes.length));
    const value = {
      bytes,
      version: recordVersion(meta, words[at + RECORD_VERSION_LOW]),
      expiresAtMs: recordExpiry(words, at),
    };
    markTaken(this.#pool, address);
    return value;
  }
}

/** Ends a read with what was found, or with whether there is anything. */
export class ReadCompletion implements Completion {
  isSettled = false;
  /** Whether the key exists. */
  exists = false;
  /** What was found; undefined for a read without the value. */
  value: ReadValue | undefined;
  readonly #reads: ReadSource;
  readonly #onEnd: ((completion: ReadCompletion) => void) | undefined;
  /** What the read ended with instead of an answer. */
  error: DinomoError | undefined;

  /**
   * Makes a completion; `onEnd` is called when the read has ended, in the middle of a poll: it must
   * not use the client.
   */
  constructor(reads: ReadSource, onEnd?: (completion: ReadCompletion) => void) {
    this.#reads = reads;
    this.#onEnd = onEnd;
  }

  settle(status: number, address: number, versionLow: number, versionHigh: number): void {
    this.value = this.#reads.take(status, address, versionLow, versionHigh);
    this.exists = this.value !== undefined || status === Status.OK;
    this.#end(errorOf(status, address));
  }

  fail(error: DinomoError): void {
    this.#end(error);
  }

  /** It was read without a request. */
  found(value: ReadValue, withValue: boolean): this {
    this.value = withValue ? value : undefined;
    this.exists = true;
    this.#end(undefined);
    return this;
  }

  #end(error: DinomoError | undefined): void {
    this.error = error;
    this.isSettled = true;
    this.#onEnd?.(this);
  }
}
