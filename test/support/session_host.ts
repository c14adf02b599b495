/**
 * A host of a pool that other processes use, over a disk in memory: one KN, which the client
 * executes for, and nothing else.
 *
 * @module
 */
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { NodeConnection } from "../../lib/client/node_connection.ts";
import { PollResult } from "../../lib/client/client_waiter.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { runMicrotask } from "../../lib/platform/runtime.ts";
import { GatewaySession } from "../../lib/gateway/gateway_session.ts";
import { claimSession, confirmAnswers } from "../../lib/gateway/session_evidence.ts";
import { recountKeys } from "../../lib/index/key_count.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { type StartedLog, startLog } from "../../lib/persistence/open_log.ts";
import {
  readSnapshot,
  type RequestedPool,
  type RestoredPool,
} from "../../lib/persistence/snapshot_reader.ts";
import { GATE_NODE_COUNT } from "../../lib/pool/control_layout.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { LEDGER_SIZES, type LedgerSizes } from "../../lib/pool/ledger_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { createRing } from "../../lib/rings/ring_layout.ts";
import { initialiseOwner } from "../../lib/routing/ownership.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import { HASH_KEY } from "./sim_keys.ts";
import { CHECKPOINT_PATH, DIRECTORY } from "./snapshots.ts";

const SEGMENT_BYTES = 64 * 1024;
const CAPACITY_BYTES = 2 ** 20;
const RING_BYTES = 32 * 1024;
const PLACE = { directory: DIRECTORY, codec: "msgpack" } as const;
const SIZES: LedgerSizes = { ...LEDGER_SIZES, placeCount: 16 };
const AS_STORED: RequestedPool = {
  codec: "msgpack",
  capacityBytes: undefined,
  segmentBytes: undefined,
};

/** How a host is, if not as usual. */
export interface SessionHostOptions {
  readonly usesProcesses?: boolean;
  readonly ledgerSizes?: LedgerSizes;
  /** Milliseconds since the epoch. @default the machine's clock */
  readonly clock?: () => number;
  /** What was restored ahead; undefined: what is on the disk is restored. */
  readonly restored?: RestoredPool | undefined;
}

/** One life of a pool. */
export class SessionHost {
  readonly pool: Pool;
  readonly log: StartedLog;
  readonly client: RingClient;
  readonly reader: OneSidedReader;
  readonly #node: KvsNode;
  readonly #clock: () => number;

  /** Opens what is on a disk, or makes a pool there. */
  constructor(disk: MemoryDisk, options: SessionHostOptions = {}) {
    const { usesProcesses = true, ledgerSizes = SIZES, clock = () => Date.now() } = options;
    this.#clock = clock;
    const restored = options.restored ??
      (disk.info(CHECKPOINT_PATH) === undefined
        ? undefined
        : readSnapshot(disk, DIRECTORY, AS_STORED, { isLogged: true, ledgerSizes, clock }));
    const pool = this.pool = restored?.pool ??
      Pool.create(geometryOf(CAPACITY_BYTES, SEGMENT_BYTES), HASH_KEY);
    const { OS } = DurabilityLevel;
    const ledger = usesProcesses ? ledgerSizes : undefined;
    this.log = startLog(pool, PLACE, OS, restored, disk, clock, ledger);
    recountKeys(pool);
    this.reader = new OneSidedReader(pool, clock);
    const waiter = {
      schedule: runMicrotask,
      waitLater: (poll: (mayHelp: boolean) => number) => {
        while (poll(true) !== PollResult.IDLE);
      },
      waitSync: () => {},
    };
    const parts = { pool, clientId: 0, waiter, onFlush: () => {}, onBlocked: () => {} };
    this.client = makeRingClient(parts);
    pool.control[GATE_NODE_COUNT] = 1;
    const ring = createRing(RING_BYTES, 256);
    const { file, checkpointer } = this.log;
    const consumers = [new RequestConsumer(ring)];
    const nodeId = 0 as NodeId;
    this.#node = new KvsNode({ pool, nodeId, agent: 0, consumers, clock, file, checkpointer });
    for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, nodeId);
    const execute = (publish: () => void) => this.#node.doWork(publish);
    this.client.carrier.connect(new NodeConnection(nodeId, pool.agentAt(0), ring, execute));
  }

  /** Has a new connection, whose answers go to `write`. */
  connect(write: (bytes: Uint8Array) => boolean): GatewaySession & { readonly number: number } {
    const { pool, client, reader } = this;
    const number = claimSession(pool, this.#clock());
    const session = new GatewaySession({
      hashKey: pool.hashKey,
      keyTypes: KEY_TYPE_NUMBERS.mixed,
      client,
      reader,
      session: number,
      onConfirmed: (confirmed) => confirmAnswers(pool, number, confirmed),
      write,
    });
    return Object.assign(session, { number });
  }

  /** Closes the pool. */
  close(): void {
    this.#node.close();
    this.log.checkpointer.checkpoint();
  }
}
