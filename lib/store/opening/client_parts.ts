/**
 * What every thread that uses a store has of its own: a client, a reader, and a codec.
 *
 * @module
 */
import { loopTurn } from "../../platform/loop_turn.ts";
import { epochMs, monotonicMs } from "../../platform/runtime.ts";
import type { ClientCache } from "../../client/client_cache.ts";
import { EventLoopWaiter } from "../../client/client_waiter.ts";
import { NodeConnector } from "../../client/node_connector.ts";
import { RequestProbe } from "../../client/request_probe.ts";
import { makeRingClient, type RingClient } from "../../client/ring_client.ts";
import { SampledReader } from "../../client/sampled_reader.ts";
import { RoutedReads } from "../../far/client/routed_reads.ts";
import type { CodecOption, ValueCodec } from "../../codec/codec.ts";
import { MsgpackCodec } from "../../codec/msgpack_codec.ts";
import type { StructureStore } from "../../codec/shared_structures.ts";
import { BinaryCodec, CustomCodecAdapter, JsonCodec } from "../../codec/plain_codecs.ts";
import { OneSidedReader } from "../../index/one_sided_reader.ts";
import { Spinner } from "../../node/idle_strategy.ts";
import type { CodecName } from "../../persistence/checkpoint_layout.ts";
import type { Checkpointer } from "../../persistence/checkpointer.ts";
import type { LogFile } from "../../persistence/log_file.ts";
import { OperationCounters } from "../../pool/operation_counters.ts";
import { isFar } from "../../pool/placement.ts";
import type { Pool } from "../../pool/pool.ts";
import type { RingHandle } from "../../rings/ring_layout.ts";
import { packRecordClient } from "../../routing/client_registry.ts";
import { LoadLeases } from "../../routing/load_leases.ts";
import { ClientStatistics } from "../../statistics/client_statistics.ts";
import type { StatisticsRegion } from "../../statistics/statistics_region.ts";
import { StoredStructures } from "./stored_structures.ts";

/**
 * Longest time for which a client spins: an awake KN answers much sooner, a sleeping one later
 * anyway.
 */
const CLIENT_SPIN_MICROS_MAX = 50;

/** How a thread uses a store. */
export interface ClientPartsOptions<V> {
  readonly pool: Pool;
  readonly clientId: number;
  /** The store's leases on loading. */
  readonly leases: SharedArrayBuffer;
  readonly codec: CodecOption<V>;
  /** The rings between this client and the KN of an agent block. */
  readonly ringOf: (agent: number) => RingHandle;
  readonly help: boolean;
  readonly spinMicros: number;
  /** Budget of the cache; undefined for none. */
  readonly cacheBytes: number | undefined;
  /** The image, if writes are logged. */
  readonly file: LogFile | undefined;
  /** Writes checkpoints, if writes are logged and this thread may. */
  readonly checkpointer?: Checkpointer | undefined;
  /** Called once per flush. */
  readonly onFlush: () => void;
  /** Called while this thread blocks. */
  readonly onBlocked: () => void;
  /** Called before completions are looked for. */
  readonly onPoll: () => void;
  /** Where this client counts, if there are statistics. */
  readonly statistics: StatisticsRegion | undefined;
  /** Called when requests are left to a KN for the first time. */
  readonly onHandOver?: ((agent: number) => void) | undefined;
  readonly onHelpFailed?: ((agent: number, error: unknown) => void) | undefined;
}

/** The parts. */
export interface ClientParts<V> {
  readonly client: RingClient;
  readonly connector: NodeConnector;
  readonly reader: OneSidedReader;
  readonly codec: ValueCodec<V>;
  readonly cache: ClientCache<V> | undefined;
  readonly leases: LoadLeases;
  /** What comes back for reads, if the pool is a far one. */
  readonly reads: RoutedReads | undefined;
  /** The client's number, and where it counts what it does. */
  readonly clientId: number;
  readonly counters: OperationCounters;
}

/** Makes a thread's parts. */
export async function makeClientParts<V>(options: ClientPartsOptions<V>): Promise<ClientParts<V>> {
  const { pool, clientId, ringOf, help, file, checkpointer } = options;
  const { onFlush, onBlocked, onPoll, onHandOver, onHelpFailed } = options;
  const { statistics, cacheBytes } = options;
  const caching = cacheBytes === undefined
    ? undefined
    : await import("../../client/client_cache.ts");
  const now = monotonicMs;
  const spinner = new Spinner(
    pool,
    "client",
    Math.min(options.spinMicros, CLIENT_SPIN_MICROS_MAX),
    now,
  );
  const reads = isFar(pool) ? new RoutedReads(pool) : undefined;
  const onConnect = reads && ((agent: number, ring: RingHandle) => reads.connect(agent, ring));
  const connector = new NodeConnector({
    pool,
    clientId,
    ringOf,
    help,
    file,
    checkpointer,
    statistics,
    onConnect,
    onHandOver,
    onHelpFailed,
  });
  const figures = statistics && new ClientStatistics(statistics, clientId);
  const client: RingClient = makeRingClient({
    pool,
    clientId: packRecordClient(pool, clientId),
    waiter: new EventLoopWaiter(spinner, now, loopTurn),
    onFlush,
    onBlocked,
    onPoll: () => {
      connector.update(client.carrier);
      onPoll();
    },
    probe: figures && new RequestProbe(figures, now),
  });
  const reader = figures !== undefined && statistics?.countsReads
    ? new SampledReader(pool, epochMs, figures)
    : new OneSidedReader(pool, epochMs);
  const codec = makeCodec(options.codec, () => new StoredStructures(pool, client, reads));
  const cache = caching && new caching.ClientCache<V>(reader, codec, cacheBytes!, epochMs);
  const leases = new LoadLeases(pool, options.leases, clientId);
  const counters = new OperationCounters(pool, clientId);
  return { client, connector, reader, codec, cache, leases, reads, clientId, counters };
}

/** Name of a codec. */
export function codecName<V>(codec: CodecOption<V>): CodecName {
  return typeof codec === "string" ? codec : "custom";
}

/** Makes a codec; one that shares structures keeps them where it is told. */
export function makeCodec<V>(
  option: CodecOption<V>,
  makeStructures: () => StructureStore,
): ValueCodec<V> {
  switch (option) {
    case "msgpack":
      return new MsgpackCodec<V>(makeStructures());
    case "json":
      return new JsonCodec<V>();
    case "binary":
      // Typed by the overload of open: with this codec V is Uint8Array.
      return new BinaryCodec() as ValueCodec<unknown> as ValueCodec<V>;
    default:
      return new CustomCodecAdapter<V>(option);
  }
}
