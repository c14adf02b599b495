/**
 * What every thread that uses a store has of its own: a client, a reader, and a codec.
 *
 * @module
 */
import { Client } from "../client/client.ts";
import { EventLoopWaiter } from "../client/client_waiter.ts";
import { NodeConnector } from "../client/node_connector.ts";
import { RoutedReads } from "../client/routed_reads.ts";
import type { CodecOption, ValueCodec } from "../codec/codec.ts";
import { MsgpackCodec } from "../codec/msgpack_codec.ts";
import { BinaryCodec, CustomCodecAdapter, JsonCodec } from "../codec/plain_codecs.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import { Spinner } from "../node/idle_strategy.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import type { RingHandle } from "../rings/ring_layout.ts";
import { packRecordClient } from "../routing/client_registry.ts";
import { StoredStructures } from "./stored_structures.ts";

/** Longest time for which a client spins: an awake KN answers much sooner, a sleeping one later anyway. */
const CLIENT_SPIN_MICROS_MAX = 50;

/** How a thread uses a store. */
export interface ClientPartsOptions<V> {
  readonly pool: Pool;
  readonly clientId: number;
  readonly codec: CodecOption<V>;
  /** The rings between this client and the KN of an agent block. */
  readonly ringOf: (agent: number) => RingHandle;
  readonly help: boolean;
  readonly spinMicros: number;
  /** The image, if writes are logged. */
  readonly file: LogFile | undefined;
  /** Called once per flush. */
  readonly onFlush: () => void;
  /** Called while this thread blocks. */
  readonly onBlocked: () => void;
  /** Called before completions are looked for. */
  readonly onPoll: () => void;
  /** Called when a KN gets its first requests. */
  readonly onHandOver?: ((agent: number) => void) | undefined;
}

/** The parts. */
export interface ClientParts<V> {
  readonly client: Client;
  readonly connector: NodeConnector;
  readonly reader: OneSidedReader;
  readonly codec: ValueCodec<V>;
  /** What comes back for reads, if the pool is a far one. */
  readonly reads: RoutedReads | undefined;
}

/** Makes a thread's parts. */
export function makeClientParts<V>(options: ClientPartsOptions<V>): ClientParts<V> {
  const { pool, clientId, ringOf, help, file, onFlush, onBlocked, onPoll, onHandOver } = options;
  const now = () => performance.now();
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
    onConnect,
    onHandOver,
  });
  const client: Client = new Client({
    pool,
    clientId: packRecordClient(pool, clientId),
    waiter: new EventLoopWaiter(spinner, now),
    onFlush,
    onBlocked,
    onPoll: () => {
      connector.update(client);
      onPoll();
    },
  });
  const reader = new OneSidedReader(pool, Date.now);
  const codec = makeCodec(options.codec, pool, client, reads);
  return { client, connector, reader, codec, reads };
}

/** Name of a codec. */
export function codecName<V>(codec: CodecOption<V>): CodecName {
  return typeof codec === "string" ? codec : "custom";
}

function makeCodec<V>(
  option: CodecOption<V>,
  pool: Pool,
  client: Client,
  reads: RoutedReads | undefined,
): ValueCodec<V> {
  switch (option) {
    case "msgpack":
      return new MsgpackCodec<V>(new StoredStructures(pool, client, reads));
    case "json":
      return new JsonCodec<V>();
    case "binary":
      // Typed by the overload of open: with this codec V is Uint8Array.
      return new BinaryCodec() as ValueCodec<unknown> as ValueCodec<V>;
    default:
      return new CustomCodecAdapter<V>(option);
  }
}
