/**
 * What transactions read by in another process than the one that has the pool: all that a
 * transaction has read it looks at again with each read, in one call, as of one moment.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import type { Slot } from "../../core/brands.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import type { Entry } from "../../store/arguments/entry.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { Found } from "../../store/reads/consistent_reads.ts";
import type { KeyRead, ReadKeys, TransactionReads } from "../../store/reads/transaction_reads.ts";
import type { RemoteCalls } from "../remote_calls.ts";
import { readAtOneMoment } from "./remote_moment.ts";

/** What they need. */
export interface RemoteTransactionParts<V> {
  readonly calls: RemoteCalls;
  readonly client: Client;
  readonly lifetime: StoreLifetime;
  /** Of the reads' own. */
  readonly key: KeyEncoder;
  readonly getEntry: (key: Key) => Promise<Entry<V> | undefined>;
  readonly decode: (found: Found, key: Key) => Promise<Entry<V> | undefined>;
}

/** Reads for the transactions of one thread. */
export class RemoteTransactionReads<V> implements TransactionReads<V> {
  readonly #parts: RemoteTransactionParts<V>;

  /** Reads by calls. */
  constructor(parts: RemoteTransactionParts<V>) {
    this.#parts = parts;
  }

  async read(keys: readonly Key[], known: readonly KeyRead<V>[]): Promise<ReadKeys<V>> {
    const { getEntry, decode, calls, key: encoder } = this.#parts;
    if (keys.length === 1 && known.length === 0) {
      const key = keys[0]!;
      return { reads: [{ key, entry: await getEntry(key) }], isOfOneMoment: true };
    }
    for (const key of keys) await this.#whenSettled(key);
    const wanted = [
      ...keys.map((key) => ({ key, withValue: true })),
      ...known.map(({ key }) => ({ key, withValue: false })),
    ];
    const found = await readAtOneMoment(calls, wanted, encoder);
    const isOfOneMoment = areSame(known, found.slice(keys.length));
    const reads: KeyRead<V>[] = [];
    for (const [i, key] of keys.entries()) {
      reads.push({ key, entry: await decode(found[i], key) });
    }
    return { reads, isOfOneMoment };
  }

  async check(reads: readonly KeyRead<V>[]): Promise<boolean> {
    const { calls, key: encoder } = this.#parts;
    const wanted = reads.map(({ key }) => ({ key, withValue: false }));
    return areSame(reads, await readAtOneMoment(calls, wanted, encoder));
  }

  /** Resolves when what this thread has issued for the slot of a key has ended. */
  async #whenSettled(key: Key): Promise<void> {
    const { client, lifetime, key: encoder } = this.#parts;
    lifetime.assertOpen();
    const slot = (encoder.encode(key) >>> SLOT_SHIFT) as Slot;
    if (client.isSlotPending(slot)) await client.whenSlotSettled(slot);
    lifetime.assertOpen();
  }
}

/** Whether keys are as they were read: a version of a key is given once (I9). */
function areSame(reads: readonly KeyRead<unknown>[], found: readonly Found[]): boolean {
  return reads.every(({ entry }, i) => entry?.version === found[i]?.version);
}
