/**
 * What transactions read by.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import type { Slot } from "../../core/brands.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import type { OneSidedReader } from "../../index/one_sided_reader.ts";
import type { Pool } from "../../pool/pool.ts";
import type { Entry } from "../arguments/entry.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { DirectPool } from "../parts/used_pool.ts";
import { type AbsenceMark, markAbsence, wasAbsent } from "./absence.ts";

/** A key that a transaction has read. */
export interface KeyRead<V> {
  readonly key: Key;
  readonly entry: Entry<V> | undefined;
  /** How the place of a key was that did not exist, where this thread can see that. */
  readonly mark?: AbsenceMark;
}

/** Keys that were read, and what is known of those that were read before. */
export interface ReadKeys<V> {
  readonly reads: readonly KeyRead<V>[];
  /** Whether there is a moment at which all of them were as they were read. */
  readonly isOfOneMoment: boolean | "unknown";
}

/** Reads for the transactions of one thread. */
export interface TransactionReads<V> {
  /** Reads keys, of which none was read before; `known` are those that were. */
  read(keys: readonly Key[], known: readonly KeyRead<V>[]): Promise<ReadKeys<V>>;
  /** Whether there is a moment since the last of some reads at which all are as they were read. */
  check(reads: readonly KeyRead<V>[]): boolean | Promise<boolean>;
}

/** What reads of a pool in this process need. */
interface DirectParts<V> {
  readonly client: Client;
  readonly lifetime: StoreLifetime;
  /** Of the reads' own. */
  readonly key: KeyEncoder;
  readonly getEntry: (key: Key) => Promise<Entry<V> | undefined>;
}

/** Reads of a pool in this process: see transaction.ts for why they are of one moment. */
export class DirectTransactionReads<V> implements TransactionReads<V> {
  readonly #pool: Pool;
  readonly #reader: OneSidedReader;
  readonly #parts: DirectParts<V>;

  /** Reads a pool. */
  constructor({ pool, reader }: DirectPool, parts: DirectParts<V>) {
    this.#pool = pool;
    this.#reader = reader;
    this.#parts = parts;
  }

  async read(keys: readonly Key[]): Promise<ReadKeys<V>> {
    const reads: KeyRead<V>[] = [];
    for (const key of keys) reads.push(await this.#read(key));
    return { reads, isOfOneMoment: "unknown" };
  }

  check(reads: readonly KeyRead<V>[]): boolean {
    const { key: encoder, lifetime } = this.#parts;
    lifetime.assertOpen();
    return reads.every(({ key, mark, entry }) => {
      encoder.encode(key);
      const exists = this.#reader.read(encoder, false);
      return entry === undefined
        ? !exists && wasAbsent(mark!, markAbsence(this.#pool, encoder))
        : exists && this.#reader.version === entry.version;
    });
  }

  async #read(key: Key): Promise<KeyRead<V>> {
    const { client, key: encoder, lifetime, getEntry } = this.#parts;
    lifetime.assertOpen();
    const slot = (encoder.encode(key) >>> SLOT_SHIFT) as Slot;
    // What this thread has issued changes the slot, too.
    if (client.isSlotPending(slot)) await client.whenSlotSettled(slot);
    lifetime.assertOpen();
    encoder.encode(key);
    const mark = markAbsence(this.#pool, encoder);
    return { key, mark, entry: await getEntry(key) };
  }
}
