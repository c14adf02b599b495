/**
 * What is done to a whole store, one thing at a time: scaling, snapshots and checkpoints, backups,
 * closing.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import {
  type DurabilityError,
  InvalidArgumentError,
  NodeFailedError,
  PathError,
  SnapshotError,
  TooManyReplicatedKeysError,
} from "../../core/errors.ts";
import { CELL_COUNT } from "../../core/limits.ts";
import { canReleasePages } from "../../platform/page_release.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import type { DpmProcessors } from "../../dpm/dpm_processors.ts";
import type { EncodedKey } from "../../far/mnode/key_replication.ts";
import type { NodeActuator } from "../../mnode/autoscaler.ts";
import type { Monitor } from "../../mnode/monitor.ts";
import type { NodeManager, ScaleReport } from "../../mnode/node_manager.ts";
import type { CodecName } from "../../persistence/checkpoint_layout.ts";
import type { StartedLog } from "../../persistence/open_log.ts";
import type { PoolLock } from "../../persistence/pool_lock.ts";
import type { SnapshotReport } from "../../persistence/snapshot_writer.ts";
import {
  durabilityError,
  DurabilityFailure,
  durabilityFailure,
  durabilityWord,
} from "../../pool/durability.ts";
import { IMAGE_NUMBER_WORD } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { setStoreState, StoreState } from "../../routing/client_registry.ts";
import { Bells } from "../../watch/bells.ts";
import { type CompactReport, compactStore } from "./compaction.ts";
import { growPool } from "./growth.ts";

/**
 * What is done to a whole store, or refused. What waits behind something else does not begin when
 * its signal is aborted.
 */
export interface StoreMaintenance {
  /** Changes the number of KNs. */
  scale(nodes: number, signal?: AbortSignal): Promise<ScaleReport>;
  /** Has a key of a far pool owned by so many KNs. */
  replicate(key: EncodedKey, ownerCount: number): Promise<void>;
  /** Writes a checkpoint or a snapshot. */
  snapshot(signal?: AbortSignal): Promise<SnapshotReport>;
  /**
   * Writes a copy of the pool into another directory; where that takes as long as there are keys,
   * it tells the share that is done.
   */
  backup(
    directory: string,
    signal?: AbortSignal,
    onProgress?: (share: number) => void,
  ): Promise<SnapshotReport>;
  /** Gives back what the store does not need any more. */
  compact(): Promise<CompactReport>;
  /** Gives the store a larger capacity; resolves to that. */
  grow(capacityBytes: number): Promise<number>;
  /** Syncs what has been logged. */
  sync(): Promise<void>;
  /**
   * Ends this thread's part in the store; `hasFailed` says whether there is nothing to wait for any
   * more.
   */
  close(hasFailed: () => boolean): Promise<void>;
}

/** The parts of a store that maintenance works on. */
export interface MaintainedParts {
  readonly pool: Pool;
  readonly client: Client;
  readonly nodes: NodeManager;
  readonly dpm: DpmProcessors;
  readonly monitor: Monitor;
  /** Where it is written, absolute; undefined for a pool in memory, or to be read only. */
  readonly path: string | undefined;
  /** The log, if writes are logged. */
  readonly log: StartedLog | undefined;
  /** Keeps others from the directory; undefined without a path. */
  readonly lock: PoolLock | undefined;
  /** The directory that the pool was restored from, or is in. */
  readonly source: { readonly device: bigint; readonly inode: bigint } | undefined;
  readonly codecName: CodecName;
  /** Number of the last snapshot; 0 without one. */
  readonly snapshotNumber: number;
  /**
   * Called when the store is about to be closed: nothing is done to it of its own accord from then
   * on. When it resolves, other processes have got their answers.
   */
  readonly onClosing: () => Promise<void>;
  /** Called when the store is closed for every thread. */
  readonly onClosed: () => void;
}

/** How long after a compaction another one may begin that was not asked for, and at most. */
const COMPACT_INTERVAL_MS = 10_000;
const COMPACT_INTERVAL_MS_MAX = 3_600_000;

/** What a flush says that is refused. */
export const NOT_DURABLE = "what was written could not be made durable";

/** Maintains one store. */
export class Maintenance implements StoreMaintenance, NodeActuator {
  readonly #parts: MaintainedParts;
  readonly #assertWorks: () => void;
  #snapshotNumber: number;
  #isClosing = false;
  /** Before then nothing is compacted unasked. */
  #compactAfterMs = 0;
  #compactIntervalMs = COMPACT_INTERVAL_MS;
  /** The end of what was begun last. */
  #last: Promise<unknown> = Promise.resolve();

  /** Maintains a store; `assertWorks` throws when it has failed meanwhile. */
  constructor(parts: MaintainedParts, assertWorks: () => void) {
    this.#parts = parts;
    this.#assertWorks = assertWorks;
    this.#snapshotNumber = parts.snapshotNumber;
  }

  /** Changes the number of KNs. */
  scale(nodes: number, signal?: AbortSignal): Promise<ScaleReport> {
    return this.#exclusively(() => this.#parts.nodes.scale(nodes), signal);
  }

  /**
   * Has a key of a far pool owned by so many KNs, or by all that there are when its turn has come.
   *
   * @throws {TooManyReplicatedKeysError} when as many other keys as there may be have several
   *   owners
   */
  replicate(key: EncodedKey, ownerCount: number): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#isClosing || await this.#parts.nodes.replicate(key, ownerCount)) return;
      throw new TooManyReplicatedKeysError(
        `at most ${CELL_COUNT} keys may be replicated at one time, and as many are: give one of them back to one KN`,
      );
    });
  }

  /** Adds a KN to so many; undefined if there is another number of them by then. */
  addNode(from: number): Promise<ScaleReport | undefined> {
    const { nodes } = this.#parts;
    return this.#exclusively(async () =>
      this.#isClosing || nodes.nodes.length !== from ? undefined : await nodes.scale(from + 1)
    );
  }

  /**
   * Retires a KN of so many; undefined if there is another number of them, or no such KN, by then.
   */
  removeNode(from: number, node: number): Promise<ScaleReport | undefined> {
    const { nodes } = this.#parts;
    return this.#exclusively(async () =>
      this.#isClosing || nodes.nodes.length !== from ? undefined : await nodes.retire(node)
    );
  }

  /** Writes a checkpoint of a pool that is logged, a snapshot of any other. */
  snapshot(signal?: AbortSignal): Promise<SnapshotReport> {
    return this.#exclusively(() => this.#snapshot(false), signal);
  }

  /** Writes a copy of the pool into another directory. */
  backup(directory: string, signal?: AbortSignal): Promise<SnapshotReport> {
    return this.#exclusively(() => this.#backup(directory), signal);
  }

  /**
   * Gives back what the store does not need any more; writes a snapshot, too, if there is a path.
   */
  compact(): Promise<CompactReport> {
    return this.#compact(() => this.#snapshot(false));
  }

  /**
   * The same without being asked: where it gives anything back without a snapshot, once in a while.
   */
  compactUnasked(): void {
    const { log } = this.#parts;
    const isDue = monotonicMs() >= this.#compactAfterMs && !this.#isClosing;
    if (!isDue || (log === undefined && !canReleasePages())) return;
    this.#compactAfterMs = Infinity;
    this.#compact(log === undefined ? undefined : () => this.#snapshot(false)).then(
      ({ fileBytes, memoryBytes }) => this.#compactLater(fileBytes + memoryBytes > 0),
      // What goes wrong with the files is reported where it matters, and the rest is tried again.
      () => this.#compactLater(false),
    );
  }

  /**
   * What cannot be gained now, as a far KN's open segment is in the way, is tried ever more rarely.
   */
  #compactLater(hasGained: boolean): void {
    this.#compactIntervalMs = hasGained
      ? COMPACT_INTERVAL_MS
      : Math.min(2 * this.#compactIntervalMs, COMPACT_INTERVAL_MS_MAX);
    this.#compactAfterMs = monotonicMs() + this.#compactIntervalMs;
  }

  /**
   * Raises the capacity, in whole segments, and resolves to it.
   *
   * @throws {InvalidArgumentError} when that is less than it is, or more than address space is
   *   reserved for
   */
  grow(capacityBytes: number): Promise<number> {
    return this.#exclusively(async () => {
      if (this.#hasLostDurability) throw this.#notDurable();
      await growPool(this.#parts.pool, capacityBytes, () => this.#parts.dpm.admitWanted());
      return this.#parts.pool.capacityBytes;
    });
  }

  #compact(write: (() => Promise<unknown>) | undefined): Promise<CompactReport> {
    const { pool, nodes, dpm, path } = this.#parts;
    const imageBytes = () => this.#imageBytes();
    const parts = { pool, nodes, dpm, write: path === undefined ? undefined : write, imageBytes };
    return this.#exclusively(() => compactStore(parts));
  }

  /** Bytes of the image that the newest checkpoint names; 0 without one. */
  async #imageBytes(): Promise<number> {
    const { pool, path, log } = this.#parts;
    if (path === undefined) return 0;
    const { join } = await import("node:path");
    const { nodeFileSystem, target } = await loadFiles();
    const image = log === undefined ? this.#snapshotNumber : pool.control[IMAGE_NUMBER_WORD];
    return nodeFileSystem.info(join(path, target.imageFile(image)))?.size ?? 0;
  }

  /** Syncs what has been logged; beside everything else. */
  async sync(): Promise<void> {
    const { log, dpm } = this.#parts;
    if (log === undefined) return;
    let cause: unknown;
    const isSynced = !this.#hasLostDurability && await dpm.sync(log.place).catch((error) => {
      cause = error;
      return false;
    });
    if (!isSynced) throw this.#notDurable(cause);
  }

  /**
   * Ends the store, after what was begun before: files, threads, and last the lock, since until
   * then threads may write.
   *
   * @param hasFailed whether there is nothing to wait for, and to write, any more
   */
  close(hasFailed: () => boolean): Promise<void> {
    this.#isClosing = true;
    const left = this.#parts.onClosing();
    const run = () => left.then(() => this.#close(hasFailed()));
    return this.#last.then(run, run);
  }

  get #hasLostDurability(): boolean {
    return durabilityFailure(this.#parts.pool) !== DurabilityFailure.NONE;
  }

  #notDurable(cause?: unknown): DurabilityError {
    return durabilityError(NOT_DURABLE, durabilityWord(this.#parts.pool), { cause });
  }

  /**
   * Stops the KNs, and ends the rest if their threads have let go. If one has not, which may still
   * change the pool and write to its files, the store is closed for all threads, but the last
   * snapshot, the files and the lock wait for that thread, in the background: a snapshot of now
   * would not be of one moment, and a successor's files could be written to.
   */
  async #close(hasFailed: boolean): Promise<void> {
    const { pool, client, nodes, monitor, lock } = this.#parts;
    // Attached threads begin nothing new from now on, and what they have begun ends with the KNs:
    // after that nothing changes.
    setStoreState(pool, hasFailed ? StoreState.FAILED : StoreState.CLOSING);
    Bells.of(pool).ringAll();
    try {
      if (!hasFailed) await client.whenIdle();
      // The monitor goes on meanwhile: it ends the pauses of threads that have failed.
      await nodes.stop();
    } finally {
      monitor.stop();
    }
    if (lock === undefined || nodes.haveAllLetGo) return await this.#end(hasFailed);
    this.#noteClosed(hasFailed);
    // What goes wrong then, the files say at the next opening.
    nodes.whenAllHaveLetGo().then(() => this.#end(hasFailed)).catch(() => {});
    throw new NodeFailedError(
      "the threads of all KNs must have let go before the store can be written to its directory and opened again, but one that has " +
        "failed is still in the middle of its work: when it has let go, the rest is done, if the process runs that long",
    );
  }

  /** Writes the last snapshot, and ends what is left: threads, files, and last the lock. */
  async #end(hasFailed: boolean): Promise<void> {
    const { dpm, path, log, lock } = this.#parts;
    try {
      if (!hasFailed && path !== undefined) await this.#snapshot(true);
    } finally {
      this.#noteClosed(hasFailed);
      try {
        await dpm.close();
        log?.file.close();
      } finally {
        await lock?.release();
      }
    }
  }

  #noteClosed(hasFailed: boolean): void {
    setStoreState(this.#parts.pool, hasFailed ? StoreState.FAILED : StoreState.CLOSED);
    this.#parts.onClosed();
  }

  async #snapshot(isLast: boolean): Promise<SnapshotReport> {
    const { client, dpm, path, codecName, log, lock } = this.#parts;
    if (path === undefined) {
      throw new InvalidArgumentError(
        "snapshot must have somewhere to go: open the store with a path",
      );
    }
    await client.whenIssuedEnded();
    if (log !== undefined) {
      if (this.#hasLostDurability) throw this.#notDurable();
      return await dpm.checkpoint(log.place, isLast);
    }
    // A number is used once: whether a snapshot that has failed is in its place is not known, and
    // its image must not be replaced.
    const identity = { number: ++this.#snapshotNumber, codec: codecName };
    return await dpm.snapshot(lock!.held, identity, isLast);
  }

  async #backup(directory: string): Promise<SnapshotReport> {
    const { resolve } = await import("node:path");
    const { nodeFileSystem, target, PoolLock } = await loadFiles();
    const path = resolve(directory);
    const assertEmpty = () => {
      if (!target.inspectPoolDirectory(nodeFileSystem, path)) return;
      const given = JSON.stringify(directory);
      throw new PathError(
        `directory must be empty or not exist yet, got ${given}, which holds a pool`,
      );
    };
    const { client, dpm, codecName, source } = this.#parts;
    if (source !== undefined) target.assertOutsideOf(nodeFileSystem, path, source);
    assertEmpty();
    target.createPoolDirectory(nodeFileSystem, path);
    const targetLock = await PoolLock.acquire(path);
    try {
      // Again: another store may have been there until now.
      assertEmpty();
      await client.whenIssuedEnded();
      return await dpm.backup(targetLock.held, codecName);
    } finally {
      await targetLock.release();
    }
  }

  /** Runs one thing after the ones before it, unless its signal has been aborted by then. */
  async #exclusively<Result>(task: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const run = () => {
      signal?.throwIfAborted();
      this.#assertWorks();
      return task();
    };
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => {});
    return await result;
  }
}

/** Loads what a store without a path does without until it is copied. */
async function loadFiles() {
  try {
    const { nodeFileSystem } = await import("../../persistence/file_system.ts");
    const target = await import("../../persistence/pool_directory.ts");
    const { PoolLock } = await import("../../persistence/pool_lock.ts");
    return { nodeFileSystem, target, PoolLock };
  } catch (error) {
    throw new SnapshotError(`the modules that write files cannot be loaded: ${String(error)}`, {
      cause: error,
    });
  }
}
