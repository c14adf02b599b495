/**
 * Dinomo: a typed key-value store in shared memory, for Bun, Deno and Node.
 *
 * The application reads any key in about a microsecond, without a thread hop, and writes in about
 * two, through worker threads (KNs) that own disjoint parts of the keys. Their number changes while
 * the store runs, the data is off the garbage-collected heap, other threads of the process attach
 * to the store, and with a path every acknowledged change survives the end of the process.
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 *
 * interface User {
 *   name: string;
 *   visits: number;
 * }
 *
 * await using store = await open<User>({ nodes: 1, capacity: "64MiB" });
 *
 * await store.put("user:1", { name: "Ada", visits: 0 });
 * await store.update("user:1", (user) => ({ ...user!, visits: user!.visits + 1 }));
 * console.log(store.getSync("user:1")); // { name: "Ada", visits: 1 }
 *
 * const report = await store.scale(2); // two KNs from now on, and nothing was copied
 * console.log(report.slotsMoved, report.bytesMoved);
 * ```
 *
 * @module
 */
export { attach } from "./lib/store/attach.ts";
export type { AttachOptions } from "./lib/store/options/attach_options.ts";
export { open } from "./lib/store/open.ts";
export type { StoreHandle } from "./lib/store/parts/handle.ts";
export { StoreEvent } from "./lib/store/parts/events.ts";
export type {
  StoreEventDetails,
  StoreEventListener,
  StoreEventMessage,
  StoreEventType,
  StoreListenerOptions,
} from "./lib/store/parts/events.ts";
export type { CachePolicy } from "./lib/cache/cache.ts";
export type { ClusterOptions } from "./lib/store/options/cluster_options.ts";
export type { ClusterTlsOptions, NatsOptions } from "./lib/store/options/cluster_security.ts";
export type { StandbyOptions } from "./lib/store/options/standby_options.ts";
export type {
  InspectOptions,
  OpenOptions,
  Placement,
  WhenFull,
} from "./lib/store/options/options.ts";
export { type Changed, DELETE, KEEP } from "./lib/store/arguments/update_turn.ts";
export { Store } from "./lib/store/store.ts";
export { Namespace, StoreOperations } from "./lib/store/operations/store_operations.ts";
export {
  DerivedOperations,
  type HoldsNumbers,
  type HoldsValues,
} from "./lib/store/operations/derived_operations.ts";
export { WatchOperations } from "./lib/store/operations/watch_operations.ts";
export { ReadOperations } from "./lib/store/operations/read_operations.ts";
export {
  type PathOf,
  type Picked,
  PickedView,
  type WithoutParts,
} from "./lib/store/operations/picked_view.ts";
export type { Entry } from "./lib/store/arguments/entry.ts";
export type { AbortOptions } from "./lib/store/arguments/abort.ts";
export type { LoadContext, LoadOptions } from "./lib/store/arguments/load_options.ts";
export type {
  BoundedIncrementOptions,
  EndOptions,
  EndSyncOptions,
  IncrementOptions,
  IterationOptions,
  IterationSyncOptions,
  KeysOptions,
  PutEntry,
  PutManyOptions,
  PutOptions,
  RangeOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  ReadOptions,
  TouchOptions,
} from "./lib/store/arguments/method_options.ts";
export type { WatchedEntries } from "./lib/store/watches/key_watch.ts";
export type { KeyChange } from "./lib/store/watches/prefix_watch.ts";
export type { WatchOptions } from "./lib/store/watches/watch_options.ts";
export { CommitOperations } from "./lib/store/operations/commit_operations.ts";
export type { AtomicCommit } from "./lib/store/commits/atomic_commit.ts";
export type { Transaction } from "./lib/store/commits/transaction.ts";
export type {
  Commit,
  CommitIncrementOptions,
  CommitOptions,
  EntryLifetime,
} from "./lib/store/arguments/commit_options.ts";
export type { ClusterNodeStats } from "./lib/core/cluster_figures.ts";
export type { OperationStats, ThreadStats } from "./lib/store/figures/operation_stats.ts";
export type {
  ClusterStats,
  FarStats,
  NodeStats,
  ReplicatedKeyStats,
  StoreStats,
} from "./lib/store/figures/stats.ts";
export type {
  AutoscaleOptions,
  LatencyObjective,
  OccupancyBounds,
} from "./lib/store/options/autoscale_options.ts";
export type { AutoscaleDecision, DecisionOutcome } from "./lib/mnode/autoscaler.ts";
export type {
  PolicyAction,
  PolicyDecision,
  PolicyRow,
  PolicyVerdict,
  ReplicatedKey,
} from "./lib/mnode/autoscale_policy.ts";
export type {
  HotKey,
  HotKeys,
  NodeOccupancy,
  StatisticsWindow,
} from "./lib/mnode/statistics_collector.ts";
export type { ClientCacheStats } from "./lib/client/client_cache.ts";
export type {
  NodeFailure,
  NodeRecovery,
  ScaleReport,
  ThreadFailure,
} from "./lib/mnode/node_manager.ts";
export type { SnapshotReport } from "./lib/persistence/snapshot_writer.ts";
export type { CompactReport } from "./lib/store/maintenance/compaction.ts";
export type {
  BackupOptions,
  RestoreOptions,
  RestoreReport,
} from "./lib/store/arguments/copy_options.ts";
export type { CodecOption, CustomCodec } from "./lib/codec/codec.ts";
export type { Key } from "./lib/core/key_encoder.ts";
export type { KeyOf, KeyTypes } from "./lib/core/key_types.ts";
export type { Damage, RecoveryReport } from "./lib/persistence/replay_report.ts";
export type { DurabilityStats } from "./lib/store/figures/stats.ts";
export type { Durability, SyncStats } from "./lib/pool/durability.ts";
export type { Bytes, ByteUnit } from "./lib/core/units.ts";
export type { WorkerUrls } from "./lib/platform/worker_loader.ts";
export { type AnyDinomoError, isDinomoError } from "./lib/core/any_error.ts";
export { NotInClusterError, UntrustedNodeError } from "./lib/core/cluster_errors.ts";
export { CommitTooLargeError, ConflictError, NearOnlyError } from "./lib/core/commit_errors.ts";
export {
  CorruptionError,
  DecodeError,
  DinomoError,
  type DinomoErrorCode,
  DurabilityError,
  FarOnlyError,
  FormatError,
  HostOnlyError,
  InvalidArgumentError,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  NodeFailedError,
  NotANumberError,
  PathError,
  PoolFullError,
  PoolLockedError,
  ReadOnlyError,
  ReentrantCallError,
  SnapshotError,
  StoreClosedError,
  TooManyClientsError,
  TooManyReplicatedKeysError,
  TooManyWatchersError,
  UnavailableError,
  ValueTooLargeError,
} from "./lib/core/errors.ts";
