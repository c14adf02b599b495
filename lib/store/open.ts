/**
 * `open`: puts the parts of a store together.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { Client } from "../client/client.ts";
import { EventLoopWaiter } from "../client/client_waiter.ts";
import type { CodecOption, ValueCodec } from "../codec/codec.ts";
import { MsgpackCodec } from "../codec/msgpack_codec.ts";
import { BinaryCodec, CustomCodecAdapter, JsonCodec } from "../codec/plain_codecs.ts";
import { assert } from "../core/assert.ts";
import { InvalidOptionError } from "../core/errors.ts";
import { LITTLE_ENDIAN } from "../core/key_encoder.ts";
import { DpmProcessors } from "../dpm/dpm_processors.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import { NodeManager } from "../mnode/node_manager.ts";
import { Spinner } from "../node/idle_strategy.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import { preparePoolDirectory } from "../persistence/pool_directory.ts";
import { readSnapshot, type RestoredPool } from "../persistence/snapshot_reader.ts";
import { GATE_PROCESSOR_COUNT } from "../pool/control_layout.ts";
import { geometryOf } from "../pool/geometry.ts";
import { Pool } from "../pool/pool.ts";
import {
  nodeCountMax,
  type OpenOptions,
  type ResolvedOptions,
  resolveOptions,
  sizesOf,
} from "./options.ts";
import { Store } from "./store.ts";
import { StoredStructures } from "./stored_structures.ts";

/** Longest time for which a client spins: an awake KN answers much sooner, a sleeping one later anyway. */
const CLIENT_SPIN_MICROS_MAX = 50;

/**
 * Opens a store: allocates the pool, or restores it from the snapshot at `path`, and starts the KNs.
 *
 * @typeParam V the type of the values
 * @param options see {@linkcode OpenOptions}
 * @throws {InvalidOptionError} for options that are unknown, malformed or contradictory
 * @throws {PathError} when `path` cannot be used
 * @throws {FormatError} when a file at `path` is foreign or of a newer format
 * @throws {CorruptionError} when a file at `path` is damaged
 * @throws {NodeFailedError} when a KN cannot be started
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 *
 * await using store = await open<{ name: string }>({ capacity: "64MiB" });
 * await store.put("user:1", { name: "Ada" });
 * console.log(await store.get("user:1")); // { name: "Ada" }
 * ```
 */
export function open(
  options: OpenOptions<Uint8Array> & { codec: "binary" },
): Promise<Store<Uint8Array>>;
export function open<V = unknown>(options?: OpenOptions<V>): Promise<Store<V>>;
export async function open<V>(options?: OpenOptions<V>): Promise<Store<V>> {
  const resolved = resolveOptions(options);
  assert(LITTLE_ENDIAN, "the processor is little-endian");
  const path = resolved.path === undefined ? undefined : resolve(resolved.path);
  const { pool, number } = makePool(path, resolved);
  const max = nodeCountMax(pool.geometry.segmentCount);
  if (resolved.nodes > max) {
    throw new InvalidOptionError(
      `nodes must be at most ${max} for a pool of ${pool.geometry.segmentCount} segments, got ${resolved.nodes}`,
    );
  }
  pool.control[GATE_PROCESSOR_COUNT] = resolved.processorCount;
  const { prefault, dpmThreads, workers, spinMicros } = resolved;
  const now = () => performance.now();
  const dpm = new DpmProcessors(pool, workers.dpm, dpmThreads, prefault);
  const clientSpinMicros = Math.min(spinMicros, CLIENT_SPIN_MICROS_MAX);
  const client = new Client({
    pool,
    clientId: 0,
    waiter: new EventLoopWaiter(new Spinner(pool, "client", clientSpinMicros, now), now),
    onFlush: () => dpm.upkeep(),
  });
  const nodes = new NodeManager({
    pool,
    client,
    workerUrl: workers.node,
    ringBytes: resolved.ringBytes,
    inFlightMax: resolved.inFlight,
    spinMicros,
    onFailure: (error) => store.fail(error),
  });
  const store = new Store<V>({
    pool,
    client,
    reader: new OneSidedReader(pool, Date.now),
    codec: makeCodec(resolved.codec, pool, client),
    nodes,
    dpm,
    path,
    snapshotNumber: number,
    keepAlive: resolved.keepAlive,
  });
  await nodes.start(resolved.nodes);
  return store;
}

function makePool<V>(path: string | undefined, options: ResolvedOptions<V>): RestoredPool {
  if (path !== undefined && preparePoolDirectory(nodeFileSystem, path)) {
    return readSnapshot(nodeFileSystem, path, options);
  }
  const { capacityBytes, segmentBytes } = sizesOf(options);
  const random = randomBytes(8);
  const hashKey = [random.readInt32LE(0), random.readInt32LE(4)] as const;
  return { pool: Pool.create(geometryOf(capacityBytes, segmentBytes), hashKey), number: 0 };
}

function makeCodec<V>(option: CodecOption<V>, pool: Pool, client: Client): ValueCodec<V> {
  switch (option) {
    case "msgpack":
      return new MsgpackCodec<V>(new StoredStructures(pool, client));
    case "json":
      return new JsonCodec<V>();
    case "binary":
      // Typed by the overload of open: with this codec V is Uint8Array.
      return new BinaryCodec() as ValueCodec<unknown> as ValueCodec<V>;
    default:
      return new CustomCodecAdapter<V>(option);
  }
}
