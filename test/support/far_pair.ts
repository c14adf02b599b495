/**
 * Two far KNs and two clients over one small pool, in this thread: a test says who makes a step,
 * and when.
 *
 * @module
 */
import { createCache } from "../../lib/cache/create_cache.ts";
import { AdditionCompletion } from "../../lib/client/addition_completion.ts";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { NodeConnector } from "../../lib/client/node_connector.ts";
import { ReadCompletion, RoutedReads } from "../../lib/far/client/routed_reads.ts";
import { NumberForm } from "../../lib/codec/stored_numbers.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { FarMoves } from "../../lib/far/mnode/far_moves.ts";
import { KeyReplication } from "../../lib/far/mnode/key_replication.ts";
import { keepValue } from "../../lib/far/node/far_lookup.ts";
import { FarNode } from "../../lib/far/node/far_node.ts";
import { GATE_NODE_COUNT } from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { placeFar } from "../../lib/pool/placement.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../lib/rings/derivation_words.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { Condition, createRing, type RingHandle } from "../../lib/rings/ring_layout.ts";
import { announceNodes, NodeState, setNode } from "../../lib/routing/node_directory.ts";
import { initialiseOwner } from "../../lib/routing/ownership.ts";
import { HASH_KEY } from "./sim_keys.ts";

const SEGMENT_BYTES = 4096;
const SEGMENT_COUNT = 32;
const RING_BYTES = 16 * 1024;
const IN_FLIGHT_MAX = 32;
const RESPONSE_BYTES = 8 * 1024;
const CACHE_BYTES = 8 * 1024;
const NOW_MS = 1000;

/**
 * What a request has come to: a status, or of a read the first byte of the value; undefined until
 * it has ended.
 */
export interface Ending {
  status?: number;
  value?: number | undefined;
}

/** One of the clients. */
export class FarPairClient {
  readonly #client: RingClient;
  readonly #connector: NodeConnector;
  readonly #reads: RoutedReads;
  readonly #keys: KeyEncoder;

  /** Makes a client; `connector` and `reads` are its own. */
  constructor(pool: Pool, clientId: number, connector: NodeConnector, reads: RoutedReads) {
    this.#connector = connector;
    this.#reads = reads;
    this.#keys = new KeyEncoder(...pool.hashKey);
    this.#client = makeRingClient({
      pool,
      clientId,
      waiter: { schedule: () => {}, waitLater: () => {}, waitSync: () => {} },
      onFlush: () => {},
      onBlocked: () => {},
      onPoll: () => this.#connector.update(this.#client.carrier),
    });
    this.poll();
  }

  /** Publishes a put of so many bytes, all of them `value`; `undefined`: of the store's own key. */
  put(key: string | undefined, value: number, length = 8): Ending {
    const ending: Ending = {};
    this.#encode(key);
    const bytes = new Uint8Array(length).fill(value);
    const source = { bytes, start: 0, end: length };
    const completion = completionOf(ending);
    this.#client.put(this.#keys, source, Infinity, Condition.NONE, 0, completion);
    this.#client.flush();
    return ending;
  }

  /** Publishes a delete. */
  delete(key: string): Ending {
    const ending: Ending = {};
    this.#keys.encode(key);
    this.#client.delete(this.#keys, completionOf(ending));
    this.#client.flush();
    return ending;
  }

  /** Adds one to a number, and does not publish that; the sum when it has ended. */
  add(key: string): Promise<number | undefined> {
    const asked = new DerivationWords();
    asked.askToAdd(NumberForm.MSGPACK, 1, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
    this.#keys.encode(key);
    const other = this.#client.join(this.#keys, asked, false);
    if (other !== undefined) return other.join();
    const completion = new AdditionCompletion(key);
    const sum = completion.join();
    this.#client.add(this.#keys, asked, completion, false);
    return sum;
  }

  /** Deletes every key of a slot, and does not publish that. */
  clearSlot(slot: Slot): void {
    this.#client.clearSlot(slot, completionOf({}));
  }

  /** Requests of which this client has not heard. */
  get pendingCount(): number {
    return this.#client.pendingCount;
  }

  /** Publishes a read, without a key one of the store's own. */
  get(key: string | undefined): Ending {
    const ending: Ending = {};
    this.#encode(key);
    const completion = new ReadCompletion(this.#reads, ({ value }) => {
      ending.status = 0;
      ending.value = value?.bytes[0];
    });
    this.#client.get(this.#keys, true, completion);
    this.#client.flush();
    return ending;
  }

  /** Takes answers, and sends again what was refused. */
  poll(): void {
    this.#client.poll();
    this.#client.flush();
  }

  #encode(key: string | undefined): void {
    if (key === undefined) this.#keys.encodeSystemKey();
    else this.#keys.encode(key);
  }
}

/** The pool and everybody in it. The first KN owns all slots at first. */
export class FarPair {
  readonly pool: Pool;
  readonly nodes: readonly FarNode[];
  readonly clients: readonly FarPairClient[];
  readonly moves: FarMoves;
  readonly replication: KeyReplication;
  /** The KNs that replication knows of; the last one is to own the slots of replicated keys. */
  running: readonly NodeId[] = [0 as NodeId, 1 as NodeId];
  /** By client, then by KN. */
  readonly rings: readonly (readonly RingHandle[])[];

  /**
   * Makes them.
   *
   * @param backlogBytes what a KN may leave unmerged
   * @param bucketCount buckets of the index, if not as many as a pool of that size has
   */
  constructor(backlogBytes: number, bucketCount?: number) {
    const geometry = geometryOf(SEGMENT_COUNT * SEGMENT_BYTES, SEGMENT_BYTES);
    const sizes = { ...geometry, ...(bucketCount === undefined ? {} : { bucketCount }) };
    const pool = this.pool = Pool.create(sizes, HASH_KEY);
    placeFar(pool, backlogBytes);
    const clock = () => NOW_MS;
    const rings = this.rings = [0, 1].map(() =>
      [0, 1].map(() => createRing(RING_BYTES, IN_FLIGHT_MAX, RESPONSE_BYTES))
    );
    this.nodes = [0, 1].map((agent) =>
      new FarNode({
        pool,
        nodeId: agent as NodeId,
        agent,
        consumers: rings.map((ofClient) => new RequestConsumer(ofClient[agent]!)),
        clock,
        cache: createCache("marginal", { budgetBytes: CACHE_BYTES, keep: keepValue }),
      })
    );
    this.moves = new FarMoves({ pool, agentOf: (node) => node, clock });
    this.replication = new KeyReplication({
      pool,
      farMoves: this.moves,
      nodes: () => this.running.map((nodeId) => ({ nodeId, agent: nodeId })),
      assignedTo: () => this.running.at(-1)!,
      now: () => 0,
    });
    for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, 0 as NodeId);
    for (const agent of [0, 1]) setNode(pool, agent, agent as NodeId, NodeState.ACTIVE);
    announceNodes(pool);
    pool.control[GATE_NODE_COUNT] = this.nodes.length;
    this.clients = rings.map((ofClient, clientId) => {
      const reads = new RoutedReads(pool);
      const connector = new NodeConnector({
        pool,
        clientId,
        ringOf: (agent) => ofClient[agent]!,
        help: false,
        file: undefined,
        onConnect: (agent, ring) => reads.connect(agent, ring),
      });
      return new FarPairClient(pool, clientId, connector, reads);
    });
  }

  /** A key as requests have it, the store's own if it is undefined. */
  encode(key: string | undefined): KeyEncoder {
    const keys = new KeyEncoder(...this.pool.hashKey);
    if (key === undefined) keys.encodeSystemKey();
    else keys.encode(key);
    return keys;
  }

  /** The slot of a key. */
  slotOf(key: string | undefined): Slot {
    return (this.encode(key).hash >>> SLOT_SHIFT) as Slot;
  }
}

function completionOf(ending: Ending) {
  return {
    settle: (status: number) => void (ending.status = status),
    fail: (error: Error) => {
      throw error;
    },
  };
}
