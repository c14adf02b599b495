/**
 * The pool that a store works on: a new one, or the one at a path.
 *
 * @module
 */
import { epochMs } from "../../platform/runtime.ts";
import { collectGone } from "../../client/garbage_meter.ts";
import { InvalidOptionError, PathError } from "../../core/errors.ts";
import { garbageCollector } from "../../platform/garbage_collector.ts";
import { KEY_TYPE_NUMBERS } from "../../core/key_types.ts";
import { fillRandomly } from "../../platform/random_bytes.ts";
import type { FileSystem } from "../../persistence/file_system.ts";
import type { RecoveryReport, ReplayReport } from "../../persistence/replay_report.ts";
import type { StartedLog } from "../../persistence/open_log.ts";
import type { PoolLock, PoolLockOptions } from "../../persistence/pool_lock.ts";
import type { RestoredPool } from "../../persistence/snapshot_reader.ts";
import { DURABILITY_LEVELS, DurabilityFailure, loseDurability } from "../../pool/durability.ts";
import { HEADER_IS_READ_ONLY, HEADER_KEY_TYPES } from "../../pool/control_layout.ts";
import { allocatePool } from "../../pool/allocate_pool.ts";
import { LEDGER_SIZES } from "../../pool/ledger_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { codecName } from "./client_parts.ts";
import { nodeCountMax, segmentCountFor, sizesOf } from "../arguments/pool_sizes.ts";
import type { ResolvedOptions } from "../options/resolved_options.ts";
import type { Standby } from "./standby.ts";
import type { ResolvedStandby } from "../options/standby_options.ts";

/** Threads that restore a large pool, at most. */
const RESTORE_THREADS_MAX = 8;

/** A pool, and where it comes from. */
export interface OpenedPool {
  readonly pool: Pool;
  /** Number of its last snapshot; 0 without one. */
  readonly number: number;
  /** Absolute; undefined for a pool in memory only. */
  readonly path: string | undefined;
  readonly lock: PoolLock | undefined;
  /** The directory at the path; undefined for a pool in memory only. */
  readonly source: { readonly device: bigint; readonly inode: bigint } | undefined;
  readonly recovery: RecoveryReport | undefined;
  readonly log: StartedLog | undefined;
}

/** The options that a pool depends on. */
export type PoolOptions =
  & Pick<
    ResolvedOptions<unknown>,
    | "nodes"
    | "capacityBytes"
    | "capacityBytesMax"
    | "segmentBytes"
    | "evictedEntriesMax"
    | "codec"
    | "keys"
    | "durability"
    | "repair"
    | "onProgress"
    | "processorCount"
    | "workers"
    | "processes"
  >
  & {
    /** Which KNs there may be later, if that is decided by itself. */
    readonly autoscale?: { readonly settings: { readonly max: number } } | undefined;
  };

/**
 * Creates an empty pool.
 *
 * @throws {InvalidOptionError} when the sizes contradict each other, or the number of KNs
 */
export function createPool(options: PoolOptions): Pool {
  const { capacityBytes, segmentBytes } = sizesOf(options);
  const { capacityBytesMax } = options;
  const segmentCount = Math.floor(capacityBytes / segmentBytes);
  assertNodesFit("nodes", options.nodes, segmentCount);
  const [key0, key1] = fillRandomly(new Int32Array(2));
  const sizes = { segmentBytes, segmentCount, capacityBytesMax };
  const pool = allocatePool(sizes, [key0!, key1!]);
  pool.control[HEADER_KEY_TYPES] = KEY_TYPE_NUMBERS[options.keys];
  return pool;
}

/**
 * Restores the pool at a path, or creates one there. If less capacity is wanted than it has, it is
 * copied into a smaller one.
 *
 * @param lockOptions where the path is, and for tests how it is locked
 * @param standby what has been restored ahead
 * @throws {PathError} for everything that a call of the operating system fails with; the directory
 *   can be opened again then
 */
export async function openPath(
  relativePath: string,
  options: PoolOptions,
  lockOptions: PoolLockOptions = {},
  standby: Standby | undefined = undefined,
): Promise<OpenedPool> {
  const modules = await import("./path_modules.ts");
  const { assertNoLostCheckpoint, heldFiles, inspectPoolDirectory, PoolLock, withPathErrors } =
    modules;
  const { files = modules.nodeFileSystem } = lockOptions;
  const path = modules.resolve(relativePath);
  // A path or options that are refused leave no directory and no lock behind.
  const isPool = inspectPoolDirectory(files, path);
  const fresh = isPool ? undefined : createPool(options);
  if (!isPool) modules.createPoolDirectory(files, path);
  const { processes } = options;
  const lock = await PoolLock.acquire(path, { ...lockOptions, mayOnlyRead: isPool, processes });
  try {
    return await withPathErrors(path, async () => {
      // Again: another process that had it open until now may have written the first snapshot.
      const isRestored = inspectPoolDirectory(files, path);
      if (!isRestored) assertNoLostCheckpoint(heldFiles(files, lock.held), path);
      const pool = isRestored ? undefined : fresh ?? createPool(options);
      const read = await readPool(heldFiles(files, lock.held), lock, pool, options, standby);
      return { ...read, path, lock, source: lock.held };
    });
  } catch (error) {
    await lock.release().catch(() => {});
    throw error;
  }
}

/**
 * Restores the pool at a path to be read only, as it is at one moment. Nothing is written, and
 * nothing is held of the directory afterwards.
 *
 * @param files where the path is
 * @throws {PathError} when there is no pool at the path, or it cannot be read
 * @throws {PoolLockedError} when a store has it open to be changed
 */
export async function openPathToRead(
  relativePath: string,
  options: PoolOptions,
  files?: FileSystem,
): Promise<OpenedPool> {
  const { nodeFileSystem, resolve, withPathErrors } = await import("./path_modules.ts");
  const { readUnlocked } = await import("../../persistence/unlocked_read.ts");
  const path = resolve(relativePath);
  const used = files ?? nodeFileSystem;
  return await withPathErrors(path, async () => {
    const read = async () => {
      const { device, inode } = used.info(path)!;
      return { ...await restorePool(used, path, options, false), source: { device, inode } };
    };
    const { pool, number, recovery, source } = await readUnlocked(used, path, read);
    pool.control[HEADER_IS_READ_ONLY] = 1;
    const report = reportOf(recovery);
    return { pool, number, recovery: report, source, path, lock: undefined, log: undefined };
  }, "read");
}

/**
 * Opens the pool at a path when no other process has it open any more, and restores it ahead until
 * then.
 *
 * @throws {PoolLockedError} when it has not been free in time
 */
export async function openPathWhenFree(
  path: string,
  options: PoolOptions,
  standby: ResolvedStandby,
): Promise<OpenedPool> {
  const { openWhenFree } = await import("./standby.ts");
  const ahead = await prepareStandby(path, options);
  return await openWhenFree(standby, (standby) => openPath(path, options, {}, standby), ahead);
}

/** What may restore the pool at a path ahead; no thread is started yet. */
export async function prepareStandby(path: string, options: PoolOptions): Promise<Standby> {
  const { resolve } = await import("./path_modules.ts");
  const { Standby } = await import("./standby.ts");
  const place = {
    directory: resolve(path),
    requested: {
      keys: options.keys,
      codec: codecName(options.codec),
      capacityBytes: options.capacityBytes,
      capacityBytesMax: options.capacityBytesMax,
      segmentBytes: options.segmentBytes,
    },
    isLogged: options.durability !== "memory",
    repair: options.repair,
  };
  return new Standby(place, options.workers.dpm);
}

/** Restores the pool of a locked directory, unless there is a fresh one, and starts its log. */
async function readPool(
  files: FileSystem,
  lock: PoolLock,
  fresh: Pool | undefined,
  options: PoolOptions,
  standby: Standby | undefined,
): Promise<Omit<OpenedPool, "path" | "lock" | "source">> {
  const { path } = lock.held;
  const codec = codecName(options.codec);
  const isLogged = options.durability !== "memory";
  let restored = fresh === undefined
    ? await standby?.takeOver(lock.held) ?? await restorePool(files, path, options, isLogged)
    : undefined;
  const recovery = restored && reportOf(restored.recovery);
  if (restored !== undefined && isLessWanted(options, restored.pool)) {
    restored = await makeSmallerPool(restored, files, lock, options);
  }
  const pool = restored?.pool ?? fresh!;
  const number = restored?.number ?? 0;
  if (!isLogged) return { pool, number, recovery, log: undefined };
  // Nothing may be written without a lock file; what is there can be read.
  if (lock.fault !== undefined) loseDurability(pool, DurabilityFailure.CHECKPOINT, lock.fault);
  const { startLog } = await import("./path_modules.ts");
  const level = DURABILITY_LEVELS[options.durability];
  const place = { directory: path, codec, held: lock.held };
  const ledger = options.processes ? LEDGER_SIZES : undefined;
  const log = startLog(pool, place, level, restored, files, epochMs, ledger);
  return { pool, number, recovery, log };
}

/** Restores the pool of a directory. */
async function restorePool(
  files: FileSystem,
  path: string,
  options: PoolOptions,
  isLogged: boolean,
): Promise<RestoredPool> {
  const { PoolRestore } = await import("../../persistence/snapshot_reader.ts");
  const { restoreInParallel } = await import("../../persistence/parallel_restore.ts");
  const codec = codecName(options.codec);
  const restore = new PoolRestore(files, path, { ...options, codec }, { ...options, isLogged });
  await restoreInParallel(restore, {
    workerCode: options.workers.dpm,
    threadCount: Math.min(options.processorCount, RESTORE_THREADS_MAX),
    onProgress: options.onProgress,
  });
  return restore.finish();
}

/** Whether a pool is to have less capacity than it has. */
function isLessWanted({ capacityBytes }: PoolOptions, { geometry, segmentLimit }: Pool): boolean {
  return capacityBytes !== undefined &&
    Math.floor(capacityBytes / geometry.segmentBytes) < segmentLimit;
}

async function makeSmallerPool(
  restored: RestoredPool,
  files: FileSystem,
  lock: PoolLock,
  options: PoolOptions,
): Promise<RestoredPool> {
  const { makeSmaller } = await import("../../persistence/smaller_pool.ts");
  const { capacityBytes, capacityBytesMax, nodes, durability } = options;
  if (durability !== "memory" && lock.fault !== undefined) {
    throw new PathError(
      "path must be where files can be written when its pool is to have less capacity, " +
        `got ${lock.held.path}`,
      { cause: lock.fault },
    );
  }
  const smaller = makeSmaller(restored, {
    capacityBytes: capacityBytes!,
    capacityBytesMax,
    nodes,
    segmentCountMin: segmentCountFor(Math.max(nodes, options.autoscale?.settings.max ?? 0)),
    evicts: options.evictedEntriesMax !== undefined,
    target: durability === "memory" ? undefined : { files, directory: lock.held.path },
  });
  collectGone(restored.pool.sharedBytes, garbageCollector);
  return smaller;
}

/** What an application is told of a replay. */
function reportOf({ lostFrames: _, isRepeatable: __, ...report }: ReplayReport): RecoveryReport {
  return report;
}

/**
 * Checks that a pool of so many segments can have so many KNs.
 *
 * @throws {InvalidOptionError} when it cannot
 */
export function assertNodesFit(option: string, nodes: number, segmentCount: number): void {
  const max = nodeCountMax(segmentCount);
  if (nodes > max) {
    throw new InvalidOptionError(
      `${option} must be at most ${max} for a pool of ${segmentCount} segments, got ${nodes}`,
    );
  }
}
