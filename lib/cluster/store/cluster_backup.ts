/**
 * Copies a cluster into a pool of one machine.
 *
 * Nodes are asked for all their keys, page by page (cluster_scan.ts). What comes is put into a
 * store that is in this process's memory only, and when all is there a backup of that one is
 * written, as of any store. So the directory holds a pool when everything is in it, and nothing
 * before.
 *
 * **Each key is as it was at some moment between begin and end**, and what was acknowledged before
 * the begin, to whichever thread, is in it, unless it was replaced since:
 *
 * 1. A page says of each key of a stretch of a slot what it had while the page was read, or that it
 *    was absent. The node served the slot then, and its lease held at the end: so nobody else
 *    changed the slot meanwhile, and the node had all that was acknowledged
 *    (docs/protocols/cluster.md, "Why it is right", 5 and 7).
 * 2. The stretches of a slot adjoin: a page begins behind the last key of the one before, at
 *    whichever node owns the slot by then, and a slot is done when a page has come to its end. Of a
 *    page that is lost nothing is taken, and the same stretch is asked for again.
 * 3. So each key is in one stretch, and as it was at a moment in the middle of the call.
 *
 * Two keys may be of two moments: of changes that were made one after the other the copy may have
 * the later one only.
 *
 * @module
 */
import { DecodeError, PathError, PoolFullError } from "../../core/errors.ts";
import { type Key, keyOf } from "../../core/key_encoder.ts";
import { CAPACITY_BYTES_MAX } from "../../core/limits.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import type { ValueDecoder } from "../../codec/codec.ts";
import type { SnapshotReport } from "../../persistence/snapshot_writer.ts";
import { decodePage } from "../../remote/calls/key_page.ts";
import type { BackupOptions } from "../../store/arguments/copy_options.ts";
import type { PutEntry } from "../../store/arguments/method_options.ts";
import type { OpenOptions } from "../../store/options/options.ts";
import type { Store } from "../../store/store.ts";
import type { ListedEntry } from "../../wire/entry_list.ts";
import type { ClusterScan } from "./cluster_scan.ts";

const NO_BYTES = new Uint8Array(0);
/** All keys with their values. */
const EVERYTHING = {
  op: "page",
  prefix: NO_BYTES,
  from: NO_BYTES,
  to: undefined,
  isReverse: false,
  position: undefined,
  keysMax: Infinity,
  withValues: true,
} as const;

/** The store that takes the copy. */
export type CopyStore<V> = Pick<
  Store<V, Key>,
  "putMany" | "grow" | "stats" | "backup" | "close"
>;

/** What a backup is made with. */
export interface ClusterBackupParts<V> {
  /** Begins an iteration. */
  readonly scan: () => ClusterScan;
  readonly codec: ValueDecoder<V>;
  /** Opens an empty store in memory, with keys and codec of the cluster. */
  readonly openCopy: () => Promise<CopyStore<V>>;
}

/** Options of the store that takes the copy: it grows with what is put into it. */
export const COPY_OPTIONS = {
  capacity: "1GiB",
  capacityMax: CAPACITY_BYTES_MAX,
  prefault: false,
} as const satisfies OpenOptions;

/**
 * Writes a backup into an empty directory.
 *
 * @throws {UnavailableError} when there is no node that owns some keys for RESEND_MS
 * @throws {PathError} when the directory cannot be used
 */
export async function backUpCluster<V>(
  { scan, codec, openCopy }: ClusterBackupParts<V>,
  directory: string,
  { signal, onProgress }: BackupOptions,
): Promise<SnapshotReport> {
  const startMs = monotonicMs();
  signal?.throwIfAborted();
  await assertUsable(directory);
  const copy = await openCopy();
  try {
    await fillCopy(copy, scan(), codec, { signal, onProgress });
    const report = await copy.backup(directory, { signal });
    return { ...report, pauseMs: 0, durationMs: monotonicMs() - startMs };
  } finally {
    await copy.close();
  }
}

/** Refuses a directory before everything is copied that cannot be written then. */
async function assertUsable(directory: string): Promise<void> {
  const { createPoolDirectory, inspectPoolDirectory, nodeFileSystem, resolve } = await import(
    "../../store/opening/path_modules.ts"
  );
  const path = resolve(directory);
  if (inspectPoolDirectory(nodeFileSystem, path)) {
    throw new PathError(
      `directory must be empty or not exist yet, got ${JSON.stringify(path)}, which holds a pool`,
    );
  }
  createPoolDirectory(nodeFileSystem, path);
}

/** Puts all that nodes have into a store. */
export async function fillCopy<V>(
  copy: Pick<CopyStore<V>, "putMany" | "grow" | "stats">,
  scan: ClusterScan,
  codec: ValueDecoder<V>,
  { signal, onProgress }: BackupOptions,
): Promise<void> {
  for (let isLast = false; !isLast;) {
    const [page] = await scan.read(EVERYTHING, undefined, signal);
    const { entries, position } = decodePage(page!);
    isLast = position === undefined;
    await putAll(copy, entries.map((entry) => decoded(entry, codec)));
    // All of it is when the files are there.
    if (!isLast) onProgress?.(scan.share);
  }
}

function decoded<V>(
  { key: stored, value, expiresAtMs: expiresAt }: ListedEntry,
  codec: ValueDecoder<V>,
): PutEntry<V, Key> {
  const key = keyOf(stored);
  try {
    return [key, codec.decode(value!, value!.length), { expiresAt }];
  } catch (error) {
    throw DecodeError.at(key, error);
  }
}

/** Puts entries, again if the store has to be larger. */
async function putAll<V>(
  copy: Pick<CopyStore<V>, "putMany" | "grow" | "stats">,
  entries: readonly PutEntry<V, Key>[],
): Promise<void> {
  for (;;) {
    try {
      return await copy.putMany(entries);
    } catch (error) {
      const { capacityBytes, capacityBytesMax } = copy.stats();
      if (!(error instanceof PoolFullError) || capacityBytes === capacityBytesMax) throw error;
      await copy.grow(Math.min(2 * capacityBytes, capacityBytesMax));
    }
  }
}
