/**
 * Keys and values of a restored pool, read without KNs.
 *
 * @module
 */
import { epochMs } from "../../platform/runtime.ts";
import type { ValueCodec } from "../../codec/codec.ts";
import type { StructureStore } from "../../codec/shared_structures.ts";
import { BinaryCodec, JsonCodec } from "../../codec/plain_codecs.ts";
import type { Slot } from "../../core/brands.ts";
import { AssertionError } from "../../core/assert.ts";
import { type Key, KeyEncoder, keyOf } from "../../core/key_encoder.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { OneSidedReader } from "../../index/one_sided_reader.ts";
import type { CodecName } from "../../persistence/checkpoint_layout.ts";
import type { Pool } from "../../pool/pool.ts";

/** A key with what a pool has under it. */
export interface PoolEntry {
  readonly key: Key;
  /** Decodes the value; valid until the next entry is taken. */
  readonly decode: () => unknown;
  /** Bytes of the value. */
  readonly valueBytes: number;
  readonly version: number;
  /** When the key will be gone, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/**
 * The codec that reads the values of a pool. Only the application can decode those of its own
 * codec: here they are bytes.
 */
export async function valueReader(
  pool: Pool,
  codec: CodecName,
): Promise<Pick<ValueCodec<unknown>, "decode">> {
  switch (codec) {
    case "msgpack": {
      // Loaded on demand: only a dump needs it.
      const { MsgpackCodec } = await import("../../codec/msgpack_codec.ts");
      return new MsgpackCodec<unknown>(new StructureReader(pool));
    }
    case "json":
      return new JsonCodec<unknown>();
    default:
      return new BinaryCodec();
  }
}

/** Iterates over the keys that begin with a prefix and have not expired. */
export function* entriesOf(
  pool: Pool,
  values: Pick<ValueCodec<unknown>, "decode">,
  prefix: Uint8Array,
): Generator<PoolEntry> {
  const reader = new OneSidedReader(pool, epochMs);
  const encoder = new KeyEncoder(...pool.hashKey);
  const decode = () => values.decode(reader.value, reader.valueBytes);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    for (const stored of reader.collectKeys(slot as Slot, prefix)) {
      encoder.encode(stored.bytes);
      if (!reader.read(encoder, true)) continue;
      const { valueBytes, version, expiresAtMs } = reader;
      yield { key: keyOf(stored), decode, valueBytes, version, expiresAtMs };
      reader.shrinkScratch();
    }
  }
}

/** The msgpack structures of a pool that no thread writes to. */
class StructureReader implements StructureStore {
  readonly #reader: OneSidedReader;
  readonly #key: KeyEncoder;

  constructor(pool: Pool) {
    this.#reader = new OneSidedReader(pool, epochMs);
    this.#key = new KeyEncoder(...pool.hashKey);
    this.#key.encodeSystemKey();
  }

  load(): { readonly json: string; readonly version: number } | undefined {
    if (!this.#reader.read(this.#key, true)) return undefined;
    const { value, valueBytes, version } = this.#reader;
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return { json: decoder.decode(value.subarray(0, valueBytes)), version };
  }

  save(): never {
    throw new AssertionError("nothing is encoded for a pool that is only read");
  }
}
