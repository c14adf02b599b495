/**
 * Keeps the msgpack structures of a pool in the pool, under the empty key.
 *
 * @module
 */
import { epochMs } from "../../platform/runtime.ts";
import type { Client } from "../../client/client.ts";
import { ReadCompletion, type RoutedReads } from "../../far/client/routed_reads.ts";
import { SyncCompletion } from "../../client/completions.ts";
import type { StructureStore } from "../../codec/shared_structures.ts";
import { KeyEncoder } from "../../core/key_encoder.ts";
import { OneSidedReader } from "../../index/one_sided_reader.ts";
import { isLogged } from "../../pool/durability.ts";
import type { Pool } from "../../pool/pool.ts";
import { Condition } from "../../rings/ring_layout.ts";

/** Structures as JSON text in one record. */
export class StoredStructures implements StructureStore {
  readonly #client: Client;
  readonly #isLogged: boolean;
  readonly #key: KeyEncoder;
  /** A reader of its own: structures are loaded while a value is being decoded from the store's. */
  readonly #reader: OneSidedReader;
  readonly #reads: RoutedReads | undefined;

  /** Keeps the structures of a pool; of a far one, where they are read by requests. */
  constructor(pool: Pool, client: Client, reads?: RoutedReads) {
    this.#client = client;
    this.#reads = reads;
    this.#isLogged = isLogged(pool);
    this.#reader = new OneSidedReader(pool, epochMs);
    this.#key = new KeyEncoder(...pool.hashKey);
    this.#key.encodeSystemKey();
  }

  load(): { readonly json: string; readonly version: number } | undefined {
    if (this.#reads !== undefined) return this.#loadRouted(this.#reads);
    if (!this.#reader.read(this.#key, true)) return undefined;
    const { value, valueBytes, version } = this.#reader;
    return { json: textOf(value.subarray(0, valueBytes)), version };
  }

  #loadRouted(reads: RoutedReads): { readonly json: string; readonly version: number } | undefined {
    const completion = new ReadCompletion(reads);
    this.#client.get(this.#key, true, completion);
    this.#client.waitFor(completion);
    if (completion.error) throw completion.error;
    const { value } = completion;
    return value && { json: textOf(value.bytes), version: value.version };
  }

  save(json: string, version: number | null): boolean {
    const bytes = new TextEncoder().encode(json);
    const completion = new SyncCompletion();
    const condition = version === null ? Condition.ABSENT : Condition.VERSION;
    const value = { bytes, start: 0, end: bytes.length };
    // Values that need a structure may be in another KN's log: it must not be lost where they are
    // not.
    this.#client.put(
      this.#key,
      value,
      Infinity,
      condition,
      version ?? 0,
      completion,
      this.#isLogged,
    );
    this.#client.waitFor(completion);
    completion.throwError();
    return completion.isApplied;
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
