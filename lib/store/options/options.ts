/**
 * The options of `open`, as an application writes them.
 *
 * @module
 */
import type { ClusterOptions } from "./cluster_options.ts";
import type { CachePolicy } from "../../cache/cache.ts";
import type { CodecOption } from "../../codec/codec.ts";
import type { KeyTypes } from "../../core/key_types.ts";
import type { Bytes } from "../../core/units.ts";
import type { WorkerUrls } from "../../platform/worker_loader.ts";
import type { Durability } from "../../pool/durability.ts";
import type { AutoscaleOptions } from "./autoscale_options.ts";
import type { StandbyOptions } from "./standby_options.ts";

/**
 * What `open` takes. Every option has a default, which one that is undefined has, too.
 *
 * @typeParam V the type of the values
 * @typeParam Types the types of the keys
 */
export interface OpenOptions<V = unknown, Types extends KeyTypes = "string"> {
  /**
   * Directory of the pool's files, or its `file:` URL; it is created if it does not exist.
   * @default none: memory only
   */
  path?: string | URL | undefined;
  /**
   * KNs to start with, 1 to 64; with `autoscale` from its `min` to its `max`.
   * @default 1, or the `min` of `autoscale`
   */
  nodes?: number | undefined;
  /**
   * Changes the number of KNs by the latency and the occupancy that are measured.
   * @default none: only `scale` does
   */
  autoscale?: AutoscaleOptions | undefined;
  /**
   * Whether latencies, occupancy and hot keys are measured, for `stats()`. With `autoscale` they
   * are, whatever this says, except for the keys of reads, which no decision depends on.
   * @default false
   */
  statistics?: boolean | undefined;
  /**
   * Threads that may use the store at one time, 1 to 64, the one that opens it included.
   * @default 64
   */
  clients?: number | undefined;
  /**
   * Bytes of the log, which holds keys, values and 28 bytes per record. Pages are committed on
   * first use. A pool at `path` may be given more than it has, or less if what is in it fits: then
   * it is copied while it is opened. With `whenFull: "evict"` what does not fit is dropped.
   * @default "1GiB", or the capacity of the pool at `path`
   */
  capacity?: Bytes | undefined;
  /**
   * Bytes to which `grow` may raise the capacity, up to 32 GiB and 65534 segments: so much address
   * space is reserved, and half of it again for the index.
   * @default 4 times the capacity; the capacity where shared buffers cannot grow, or the process
   *   may not have as much address space
   */
  capacityMax?: Bytes | undefined;
  /**
   * Bytes of one segment of the log, a power of two from 4 KiB to 1 GiB; the largest value must fit
   * into one, together with its key.
   * @default the power of two below 1/128 of the capacity, but "8MiB" at most, and "64KiB" at least
   *   as long as there are 16 of them, with `whenFull: "evict"` 64
   */
  segmentBytes?: Bytes | undefined;
  /**
   * What happens when the pool is full. `"refuse"`: puts end in `PoolFullError`, and nothing is
   * lost. `"evict"`: the store is a cache, and what was not read for long is dropped; needs the
   * near placement, and 64 segments or more. A pool at `path` can be opened either way.
   * @default "refuse"
   */
  whenFull?: WhenFull | undefined;
  /**
   * With `whenFull: "evict"`: most keys beside the capacity in bytes, 1 to 2147483647. For a moment
   * there may be as many more as are put at one time.
   * @default none
   */
  maxEntries?: number | undefined;
  /**
   * Of which type keys are: `"string"`, `"bytes"` (`Uint8Array`), or `"mixed"`. Iteration gives
   * keys of that type, and others are refused. In a mixed store a string and its UTF-8 bytes are
   * the same key, which iteration gives as what it was put last. A pool at `path` stays what it was
   * made with.
   * @default "string"
   */
  keys?: Types | undefined;
  /**
   * Whether the store knows the order of its keys, which is that of their bytes: then `entries`,
   * `keys` and `values` are in order and take ranges, and there are `first` and `last`. It costs
   * about 20 bytes of memory for each key, and two microseconds or so when a key is new or goes. A
   * pool at `path` can be opened either way; the order is found anew each time, in about a second
   * for a million keys.
   * @default false
   */
  ordered?: boolean | undefined;
  /** How values become bytes. @default "msgpack" */
  codec?: CodecOption<V> | undefined;
  /**
   * What a change has survived when it is acknowledged. `"memory"`: the crash of a KN, and of the
   * process as far as the last snapshot. `"os"`: the crash of the process; power loss up to a
   * second before. `"disk"`: power loss.
   * @default "os" with a path, "memory" without
   */
  durability?: Durability | undefined;
  /**
   * Bytes logged after which a checkpoint is written, 64 KiB to 16 GiB; earlier when segments are
   * needed that only a checkpoint can free.
   * @default a quarter of the capacity, at most "256MiB"
   */
  checkpointBytes?: Bytes | undefined;
  /**
   * Whether damage in the files is dropped and reported, in `Store.recovery`, instead of being an
   * error.
   * @default false
   */
  repair?: boolean | undefined;
  /**
   * Whether the pool at `path` is only read: nothing in its directory is written, and no lock is
   * taken. The store has what was there at one moment of the opening, in memory, and refuses every
   * change with `ReadOnlyError`. What says how a pool is made or written must be left out then:
   * `capacity`, `capacityMax`, `segmentBytes`, `whenFull`, `maxEntries`, `durability`,
   * `checkpointBytes` and `backlog`.
   * @default false
   */
  readOnly?: boolean | undefined;
  /**
   * Whether the store at `path` is the one that this thread has opened with this option before, if
   * that is still open: for code that is loaded again while it runs (`bun --hot`, vite). The other
   * options must be the same, but for `onProgress` and the functions of a codec, which stay those
   * of the first opening. `close` closes it for all that have it.
   * @default false
   */
  reuse?: boolean | undefined;
  /**
   * Whether `open` waits while another process has the pool at `path` open, and reads its files
   * ahead meanwhile, so that the store is there soon after that one has closed it or has ended: for
   * deployments that start the new process before they end the old one. While it waits the process
   * has the pool in memory, and its index twice. After `waitMs` it is `PoolLockedError`, as it is
   * at once without this option. Needs a path; not with `readOnly`. With `processes` a
   * process that comes second uses the pool at once, and reads its files ahead to have it next.
   * @default false
   */
  standby?: boolean | StandbyOptions | undefined;
  /**
   * Called while `open` restores a pool, with the share that is done, from 0 to 1. What it throws
   * ends the opening, which rejects with it. @default none
   */
  onProgress?: ((share: number) => void) | undefined;
  /**
   * How long a thread that runs dry spins before it sleeps: `"auto"` spins for 100 microseconds
   * while processors are free, `false` never, a number for that many microseconds. A process that
   * does not have the pool (`processes`) has its event loop turn instead, 100 at most.
   * @default "auto"
   */
  spin?: "auto" | boolean | number | undefined;
  /**
   * Whether a thread that could only wait for the end of a few operations executes them itself, in
   * place of the KN: sooner, and on this thread. `false` leaves all of them to the KNs' threads.
   * @default true
   */
  help?: boolean | undefined;
  /**
   * Bytes of the request ring of each (client, KN), a power of two from 8 KiB to 64 MiB; of a
   * thread that has attached, 64 KiB at most.
   * @default "512KiB"
   */
  ringBytes?: Bytes | undefined;
  /**
   * Requests in flight per (client, KN), a power of two from 8 to 65536; of a thread that has
   * attached, 1024 at most.
   * @default 4096
   */
  inFlight?: number | undefined;
  /**
   * Most threads of DPM processors, 1 to 8; they start when there is work and end when there is
   * none.
   * @default 1
   */
  dpmThreads?: number | undefined;
  /**
   * Whether DPM processors commit memory ahead of its use.
   * @default "auto": when a processor is free
   */
  prefault?: "auto" | boolean | undefined;
  /**
   * Bytes of decoded values that this thread keeps, so that reading one again costs neither a copy
   * nor decoding, 4 KiB to 16 GiB. Values are always up to date, and deeply frozen, since they are
   * shared; those that cannot be frozen are not kept. Not for the codec `"binary"`. Threads that
   * attach have caches of their own. In the far placement: bytes of each KN's cache, 0 to 32 GiB.
   * @default none; in the far placement 1 % of the capacity
   */
  cache?: Bytes | undefined;
  /**
   * Whether `dinomo top`, `get`, `keys` and `watch` in other processes of this user may look at the
   * store while it is open, by a socket in the directory at `path`; with `{ write: true }` they may
   * change it, too, by `dinomo put`. Needs a path.
   * @default false
   */
  inspect?: boolean | InspectOptions | undefined;
  /**
   * Whether several processes use the pool at `path`, each by the same line: whichever comes first
   * has it open, and the others ask that one, by a socket in the directory. When it ends, one of
   * the others takes its place. Needs a path, and a durability other than `"memory"`; not with
   * `readOnly`, and not in the far placement. The options `keys`, `codec`, `ordered` and
   * `durability` must be the same in all of them, and there is no `cache`. See
   * [processes](./docs/processes.md).
   * @default false
   */
  processes?: boolean | undefined;
  /**
   * The cluster that the store is one of: several machines, over servers of NATS JetStream. Beside
   * it only `keys`, `codec`, `keepAlive` and `workers` may be given. Needs the packages
   * `@nats-io/transport-node` and `@nats-io/jetstream`. See [clusters](./docs/cluster.md).
   * @default none: the pool is on this machine
   */
  cluster?: ClusterOptions | undefined;
  /** Whether the open store keeps the process alive while it is idle. @default false */
  keepAlive?: boolean | undefined;
  /** Modules that threads run in place of the library's own. @default the library's own */
  workers?: { readonly [Name in keyof WorkerUrls]?: WorkerUrls[Name] | undefined } | undefined;
  /**
   * Where the pool is thought to be. `"near"`: in this memory; every thread reads it directly.
   * `"far"`: behind a network, as in the paper; KNs read and cache for the clients, acknowledge
   * changes when they are logged, and count every access. For experiments.
   * @default "near"
   */
  placement?: Placement | undefined;
  /**
   * Far placement: how long a round trip to the pool lasts, in microseconds, 0 to 1000000.
   * @default 0: as long as it takes
   */
  roundTripMicros?: number | undefined;
  /** Far placement: what a KN's cache keeps. @default "marginal" */
  cachePolicy?: CachePolicy | undefined;
  /**
   * Far placement: bytes that each KN may have logged and not merged, 4 KiB to 1 GiB.
   * @default 1/64 of the capacity, at most "8MiB"
   */
  backlog?: Bytes | undefined;
}

/** What other processes may do to a store. */
export interface InspectOptions {
  /** Whether they may change it. @default false */
  write?: boolean | undefined;
}

/** What happens when a pool is full. */
export type WhenFull = "refuse" | "evict";
/** Where a pool is thought to be. */
export type Placement = "near" | "far";
