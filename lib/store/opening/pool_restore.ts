/**
 * Fills a store from the files of a pool of one machine, such as a backup.
 *
 * Each key is put on condition that the store does not have it. So nothing that others write
 * meanwhile is replaced, and what was interrupted can be done again: it puts what is missing.
 *
 * @module
 */
import { collectGone } from "../../client/garbage_meter.ts";
import type { ValueCodec, ValueDecoder } from "../../codec/codec.ts";
import { CustomCodecAdapter } from "../../codec/plain_codecs.ts";
import {
  DecodeError,
  describe,
  InvalidArgumentError,
  InvalidKeyError,
  InvalidValueError,
  ValueTooLargeError,
} from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import { keysOfSlots } from "../../index/key_count.ts";
import type { RestoredPool } from "../../persistence/snapshot_reader.ts";
import { garbageCollector } from "../../platform/garbage_collector.ts";
import { processorCount } from "../../platform/processor_count.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import { OWN_WORKERS } from "../../platform/worker_loader.ts";
import type { RestoreOptions, RestoreReport } from "../arguments/copy_options.ts";
import type { KeysOptions, PutOptions } from "../arguments/method_options.ts";
import { entriesOf, type PoolEntry, valueReader } from "./pool_entries.ts";

/** Keys, and bytes of values, that are put at one time. */
const BATCH_KEYS = 512;
const BATCH_BYTES = 1024 * 1024;
/** Threads that read a large pool, at most. */
const THREADS_MAX = 8;

/** The store that is filled. */
export interface FilledStore {
  keys(options: KeysOptions): AsyncIterable<Key>;
  compareAndSet(
    key: Key,
    version: null,
    value: unknown,
    options: PutOptions,
  ): Promise<number | undefined>;
}

/**
 * Puts what a pool has into a store.
 *
 * @param codec the store's
 */
export async function restorePool(
  store: FilledStore,
  codec: ValueCodec<unknown>,
  path: string,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const startMs = monotonicMs();
  const { signal, onProgress, merge = false } = options;
  signal?.throwIfAborted();
  if (!merge) await assertEmpty(store);
  const { pool, codec: codecName } = await readPool(path);
  try {
    const values = codecName === "custom" ? ownCodec(codec) : await valueReader(pool, codecName);
    const total = keysOfSlots(pool);
    const counts = { restored: 0, kept: 0 };
    for (const batch of batchesOf(entriesOf(pool, values, new Uint8Array(0)))) {
      signal?.throwIfAborted();
      await putAbsent(store, batch, counts);
      onProgress?.(Math.min(1, (counts.restored + counts.kept) / total));
    }
    onProgress?.(1);
    return { ...counts, durationMs: monotonicMs() - startMs };
  } finally {
    collectGone(pool.sharedBytes, garbageCollector);
  }
}

async function assertEmpty(store: FilledStore): Promise<void> {
  for await (const key of store.keys({ limit: 1 })) {
    throw new InvalidArgumentError(
      `restore must be called on a store without keys, got one with the key ${describe(key)}: ` +
        "with merge: true the keys that it has stay as they are",
    );
  }
}

/** Reads the files of a pool that no store has open. */
async function readPool(path: string): Promise<RestoredPool> {
  const { nodeFileSystem, resolve, withPathErrors } = await import("./path_modules.ts");
  const { readUnlocked } = await import("../../persistence/unlocked_read.ts");
  const { PoolRestore } = await import("../../persistence/snapshot_reader.ts");
  const { restoreInParallel } = await import("../../persistence/parallel_restore.ts");
  const directory = resolve(path);
  const asStored = { codec: undefined, capacityBytes: undefined, segmentBytes: undefined };
  const read = async () => {
    const restore = new PoolRestore(nodeFileSystem, directory, asStored, {});
    await restoreInParallel(restore, {
      workerCode: OWN_WORKERS.dpm,
      threadCount: Math.min(processorCount(), THREADS_MAX),
      onProgress: undefined,
    });
    return restore.finish();
  };
  return await withPathErrors(
    directory,
    () => readUnlocked(nodeFileSystem, directory, read),
    "read",
  );
}

/** Values of an application's own codec are decoded by that of the store. */
function ownCodec(codec: ValueCodec<unknown>): ValueDecoder<unknown> {
  if (codec instanceof CustomCodecAdapter) return codec;
  throw new InvalidArgumentError(
    "directory must be a pool whose values this store can decode, got one with a codec of the " +
      "application's own, and the store has another one",
  );
}

/** An entry whose value has been decoded. */
interface DecodedEntry {
  readonly key: Key;
  readonly value: unknown;
  readonly expiresAt: number;
}

function* batchesOf(entries: Iterable<PoolEntry>): Generator<DecodedEntry[]> {
  let batch: DecodedEntry[] = [];
  let bytes = 0;
  for (const { key, decode, valueBytes, expiresAtMs: expiresAt } of entries) {
    batch.push({ key, value: atKey(key, decode), expiresAt });
    bytes += valueBytes;
    if (batch.length < BATCH_KEYS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Puts the keys that are not there; all of them have ended when it throws. */
async function putAbsent(
  store: FilledStore,
  batch: readonly DecodedEntry[],
  counts: { restored: number; kept: number },
): Promise<void> {
  const puts = batch.map(({ key, value, expiresAt }) =>
    store.compareAndSet(key, null, value, { expiresAt })
  );
  const ends = await Promise.allSettled(puts);
  ends.forEach((end, i) => {
    if (end.status === "rejected") {
      atKey(batch[i]!.key, () => {
        throw end.reason;
      });
    } else if (end.value === undefined) counts.kept += 1;
    else counts.restored += 1;
  });
}

/** Names the key in an error about what it has. */
function atKey<Result>(key: Key, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    const isAboutKey = error instanceof ValueTooLargeError || error instanceof InvalidKeyError ||
      error instanceof InvalidValueError;
    if (!isAboutKey) throw error instanceof DecodeError ? DecodeError.at(key, error) : error;
    const rule = `directory must be a pool that this store can hold, and ${describe(key)} cannot`;
    throw new InvalidValueError(`${rule} be put: ${error.message}`, { cause: error });
  }
}
