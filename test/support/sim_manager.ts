/**
 * The M-node as an agent of a simulation: moves slots, starts and stops KNs, pauses the pool, holds
 * back freed segments as a snapshot does, and lets time pass.
 *
 * @module
 */
import { NodeConnection, OwnPut, type PutAtOnce } from "../../lib/client/node_connection.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { hasUnmerged } from "../../lib/far/log/log_merger.ts";
import { KeyReplication } from "../../lib/far/mnode/key_replication.ts";
import { sealMerged } from "../../lib/recovery/reconciliation.ts";
import { clientExecutor } from "../../lib/agent/executor.ts";
import { FarMoves } from "../../lib/far/mnode/far_moves.ts";
import { FarNode } from "../../lib/far/node/far_node.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import {
  AGENT_LOGGED_END,
  AGENT_NODE,
  FREE_SEGMENT_COUNT,
  GATE_DEFER_FREE,
  GATE_NODE_COUNT,
  GATE_PAUSED,
  SLOT_LOCK,
} from "../../lib/pool/control_layout.ts";
import { DeferFree } from "../../lib/pool/segment_state.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { createRing, type RingHandle } from "../../lib/rings/ring_layout.ts";
import {
  HOLDER_MASK,
  initialiseOwner,
  loadOwner,
  ownerOf,
  slotOwner,
  tryMoveSlot,
} from "../../lib/routing/ownership.ts";
import { cellsEnd, isCellWord } from "../../lib/routing/cells.ts";
import {
  beginTenancy,
  MERGING_NODE,
  NO_NODE,
  NodeState,
  setNode,
} from "../../lib/routing/node_directory.ts";
import { assignSlots } from "../../lib/routing/virtual_node_ring.ts";
import { HASH_KEY, type SimKey } from "./sim_keys.ts";
import { require } from "./sim_model.ts";
import { reachableRecords } from "./sim_pool_check.ts";
import type { SimAgent } from "./sim_scheduler.ts";
import type { SimWorld } from "./sim_world.ts";

const RING_BYTES = 8192;
/** So few that responses wrap, and wait for the client, all the time. */
const RESPONSE_BYTES = 2048;
const NODES_MAX = 3;
/** How often a KN may make a step in which it would perhaps wait for a cell. */
const CELL_WAIT_SHARE = 0.3;
const TICK_MS_MAX = 120;
/**
 * Free segments with which a KN does not run out of them, and clean, in the middle of a request.
 */
const ROOMY_SEGMENT_COUNT = 6;

/** A KN as an agent. */
export class SimNode implements SimAgent {
  readonly name: string;
  isActive = false;
  /** Whether it is to own nothing any more. */
  isLeaving = false;
  readonly nodeId: NodeId;
  readonly agent: number;
  readonly node: KvsNode | FarNode;
  readonly connections: readonly NodeConnection[];
  readonly #world: SimWorld;

  constructor(world: SimWorld, nodeId: NodeId, agent: number) {
    this.name = `KN ${nodeId}`;
    this.nodeId = nodeId;
    this.agent = agent;
    this.#world = world;
    const { pool, clock, random } = world;
    const responseBytes = world.isFar ? RESPONSE_BYTES : 0;
    const rings = world.clients.map(() =>
      createRing(RING_BYTES, random.pick([8, 16]), responseBytes)
    );
    const consumers = rings.map((ring) => new RequestConsumer(ring));
    this.connections = rings.map((ring, i) => {
      if (world.isFar) world.clients[i]!.reads.connect(agent, ring);
      return this.#connect(ring);
    });
    this.node = world.isFar
      ? new FarNode({ pool, nodeId, agent, consumers, clock, cache: world.newCache() })
      : new KvsNode({ pool, nodeId, agent, consumers, clock });
  }

  mayRun(isNested: boolean): boolean {
    return !this.isActive && (!isNested || this.#mayLock());
  }

  step(): void {
    this.node.doWork();
  }

  /**
   * The client of a ring helps now and then, when it would not have to wait for anybody in the
   * middle of a step.
   */
  #connect(ring: RingHandle): NodeConnection {
    const { nodeId, agent } = this;
    const { pool, clock, random } = this.#world;
    const agentAt = pool.agentAt(agent);
    const world = this.#world;
    if (world.isFar) return new NodeConnection(nodeId, agentAt, ring, () => 0);
    const consumers = [new RequestConsumer(ring)];
    const helper = new KvsNode({
      pool,
      nodeId,
      agent,
      consumers,
      clock,
      executor: clientExecutor(0),
    });
    const mayHelp = () => world.mayHelp && random.next() < 0.5 && this.#mayLock();
    const help = (publish: () => void) => mayHelp() ? helper.doWork(publish) : 0;
    const put: PutAtOnce = (...asked) =>
      mayHelp() && helper.ownPuts!.put(...asked) ? OwnPut.ANSWERED : OwnPut.NOT_MADE;
    return new NodeConnection(nodeId, agentAt, ring, help, put);
  }

  /** Whether nobody is in the middle of a step in which this KN would wait for a lock. */
  #mayLock(): boolean {
    const { lockWords, pool, random } = this.#world;
    if (lockWords.length === 0) return true;
    // In its log there may be records of others' slots, which it merges. For a cell it waits some
    // time, and gives up.
    if (cellsEnd(pool) !== 0) return lockWords.every(isCellWord) && random.next() < CELL_WAIT_SHARE;
    // It never waits for the lock of another KN's slot, unless it cleans.
    const isRoomy = pool.control[FREE_SEGMENT_COUNT] >= ROOMY_SEGMENT_COUNT;
    return isRoomy && lockWords.every((word) => ownerOf(word) !== this.nodeId);
  }
}

/** The M-node. */
export class SimManager implements SimAgent {
  readonly name = "M-node";
  isActive = false;
  nodes: SimNode[] = [];
  /**
   * In the far placement: how slots are moved, and where those are to go that nobody owns at the
   * moment.
   */
  readonly farMoves: FarMoves;
  readonly #taken = new Map<Slot, NodeId>();
  /** In the far placement: which keys several KNs own. */
  readonly keys: KeyReplication;
  /** Slots in which a key has had several owners. */
  readonly sharedSlots = new Set<Slot>();
  readonly #world: SimWorld;
  #nextId = 0;
  /** Records that must stay where they are while freed segments are held back. */
  #heldBack: { readonly at: number; readonly words: Int32Array }[] = [];

  constructor(world: SimWorld) {
    this.#world = world;
    this.farMoves = new FarMoves({
      pool: world.pool,
      agentOf: (nodeId) => this.nodes.find((node) => node.nodeId === nodeId)?.agent,
      clock: world.clock,
    });
    const staying = () => this.nodes.filter((node) => !node.isLeaving);
    this.keys = new KeyReplication({
      pool: world.pool,
      farMoves: this.farMoves,
      nodes: staying,
      assignedTo: () => world.random.pick(staying()).nodeId,
      now: () => world.nowMs,
    });
  }

  mayRun(isNested: boolean): boolean {
    if (this.isActive || (this.#world.isEnding && this.farMoves.takenCount === 0)) return false;
    // Merging takes locks.
    return !isNested || !this.#world.isFar || this.#world.lockWords.length === 0;
  }

  step(): void {
    const { random, pool } = this.#world;
    const choice = random.next();
    for (const slot of this.#taken.keys()) if (random.next() < 0.7) this.#give(slot);
    if (this.#world.isFar && !this.isPaused) this.keys.tend();
    if (this.#world.isEnding) return;
    if (this.#world.isFar && random.next() < 0.15) return this.#replicate();
    if (choice < 0.35) this.#world.nowMs += random.between(1, TICK_MS_MAX);
    else if (choice < 0.65) this.#moveAny();
    else if (choice < 0.7) this.#rebalance();
    else if (choice < 0.8) this.#changeNodes();
    else if (choice < 0.9) Atomics.store(pool.control, GATE_PAUSED, random.between(0, 1));
    else this.#holdBack();
    if (this.isPaused && random.next() < 0.3) Atomics.store(pool.control, GATE_PAUSED, 0);
  }

  /** Whether agents may not start a step. */
  get isPaused(): boolean {
    return this.#world.pool.control[GATE_PAUSED] !== 0;
  }

  /** Starts a KN that owns nothing. */
  addNode(): void {
    const { pool, clients } = this.#world;
    const used = new Set(this.nodes.map((node) => node.agent));
    const agent = [0, 1, 2, 3].find((candidate) => !used.has(candidate))!;
    const agentAt = pool.agentAt(agent);
    pool.control.fill(0, agentAt, agentAt + AGENT_NODE);
    beginTenancy(pool, agent);
    pool.control[agentAt + AGENT_LOGGED_END] = 0;
    const node = new SimNode(this.#world, this.#nextId++ as NodeId, agent);
    setNode(pool, agent, node.nodeId, NodeState.ACTIVE);
    this.nodes = [...this.nodes, node];
    clients.forEach(({ client }, i) => client.carrier.connect(node.connections[i]!));
    Atomics.store(pool.control, GATE_NODE_COUNT, this.nodes.length);
  }

  /** Gives every slot an owner, before anybody makes a step. */
  initialiseOwners(): void {
    const { pool, slots, random } = this.#world;
    for (const slot of slots) initialiseOwner(pool, slot, random.pick(this.nodes).nodeId);
  }

  /** Ends what lasts several steps: a pause, and the holding back of segments. */
  settle(): void {
    Atomics.store(this.#world.pool.control, GATE_PAUSED, 0);
    if (this.#world.pool.control[GATE_DEFER_FREE] !== DeferFree.NO) this.#holdBack();
  }

  /** Stops all KNs. */
  close(): void {
    this.settle();
    for (const { node } of this.nodes) node.close();
    if (this.#world.isFar) { for (const { agent } of this.nodes) this.#sealFar(agent); }
  }

  /** Merges the rest of the log of a KN that has ended, and seals what it had open. */
  #sealFar(agent: number): void {
    const { pool } = this.#world;
    require(this.farMoves.mergeAll(agent), "a log can be merged to its end");
    sealMerged(pool, agent);
  }

  /**
   * Has a key owned by several KNs, by others, or by one again; it may have to be tried again, or
   * be left.
   */
  #replicate(): void {
    const { random, sharableModels, counters, sums } = this.#world;
    const isShared = random.next() < 0.5;
    const { key } = random.pick<{ readonly key: SimKey }>(
      isShared ? [...counters, ...sums] : sharableModels,
    );
    const encoder = new KeyEncoder(...HASH_KEY);
    encoder.encode(key.text);
    if (this.#isLocked(key.slot)) return;
    this.sharedSlots.add(key.slot);
    if (this.keys.has(encoder) && random.next() < 0.4) this.keys.tryDereplicate(encoder);
    else this.keys.tryReplicate(encoder, random.between(1, this.nodes.length));
  }

  /** Gives a slot that was taken to its new owner, if its last owner's log is merged by now. */
  #give(slot: Slot): void {
    // Whoever shares a key of it has given it back.
    if (slotOwner(this.#world.pool, slot) !== MERGING_NODE) return void this.#taken.delete(slot);
    if (this.#isLocked(slot) || this.isPaused) return;
    const wanted = this.#taken.get(slot)!;
    const isThere = this.nodes.some((node) => node.nodeId === wanted && !node.isLeaving);
    const owner = isThere ? wanted : this.nodes.find((node) => !node.isLeaving)!.nodeId;
    if (this.farMoves.give(slot, owner)) this.#taken.delete(slot);
  }

  #isLocked(slot: Slot): boolean {
    const { pool } = this.#world;
    return (pool.control[pool.slotAt(slot) + SLOT_LOCK] & HOLDER_MASK) !== 0;
  }

  #moveAny(): void {
    const { random, slots } = this.#world;
    const staying = this.nodes.filter((node) => !node.isLeaving);
    this.#move(random.pick(slots), random.pick(staying).nodeId);
  }

  #move(slot: Slot, owner: NodeId): void {
    const { pool, lockWords } = this.#world;
    if (this.#isLocked(slot)) return;
    if (this.#world.isFar) {
      if (!this.#taken.has(slot) && this.farMoves.take(slot)) this.#taken.set(slot, owner);
      return;
    }
    const before = lockWords.length === 0 ? checksum(pool.words[0]!) : undefined;
    const index = checksum(pool.index[0]!.subarray(0, INDEX_WORDS_CHECKED));
    const { scheduler } = this.#world;
    const { interruptCount } = scheduler;
    tryMoveSlot(pool, slot, owner);
    // If nobody else has done anything meanwhile, nothing has changed but the owner.
    if (before === undefined || interruptCount !== scheduler.interruptCount) return;
    require(checksum(pool.words[0]!) === before, "I7: moving a slot changed the log");
    const indexAfter = checksum(pool.index[0]!.subarray(0, INDEX_WORDS_CHECKED));
    require(index === indexAfter, "I7: moving a slot changed the index");
  }

  /** Gives every slot to the KN that the virtual nodes say. */
  #rebalance(): void {
    const staying = this.nodes.filter((node) => !node.isLeaving);
    const owners = ownersAmong(staying.map((node) => node.nodeId));
    for (const slot of this.#world.slots) {
      const isOwned = ownerOf(loadOwner(this.#world.pool, slot)) === owners[slot];
      if (!isOwned) this.#move(slot, owners[slot]!);
    }
  }

  /** Starts a KN, or takes one step towards stopping one. */
  #changeNodes(): void {
    const { random, clients, isGateBusy } = this.#world;
    if (isGateBusy || clients.some((client) => client.isActive)) return;
    const leaving = this.nodes.find((node) => node.isLeaving);
    if (leaving !== undefined) return this.#retire(leaving);
    if (this.nodes.length < NODES_MAX) this.addNode();
    else random.pick(this.nodes).isLeaving = true;
  }

  #retire(leaving: SimNode): void {
    const { pool, slots, clients } = this.#world;
    const owned = slots.filter((slot) => ownerOf(loadOwner(pool, slot)) === leaving.nodeId);
    const staying = this.nodes.find((node) => !node.isLeaving)!;
    for (const slot of owned) this.#move(slot, staying.nodeId);
    if (this.#taken.size > 0 || (this.#world.isFar && !this.keys.tryLeave())) return;
    if (slots.some((slot) => slotOwner(pool, slot) === leaving.nodeId)) return;
    if (leaving.connections.some(({ producer }) => producer.inFlightCount !== 0)) return;
    // It would wait for the end of the pause.
    if (leaving.isActive || this.isPaused) return;
    // Of its slots everything is merged; of keys that others own, too, there may be records left.
    const isMerged = !this.#world.isFar || !hasUnmerged(pool, leaving.agent) ||
      this.farMoves.mergeAll(leaving.agent);
    if (!isMerged) return;
    clients.forEach(({ client }, i) => client.carrier.disconnect(leaving.connections[i]!));
    leaving.node.close();
    if (this.#world.isFar) sealMerged(pool, leaving.agent);
    setNode(pool, leaving.agent, NO_NODE, NodeState.NONE);
    this.nodes = this.nodes.filter((node) => node !== leaving);
    Atomics.store(pool.control, GATE_NODE_COUNT, this.nodes.length);
  }

  /** Begins or ends what a snapshot needs: freed segments keep their contents (I10). */
  #holdBack(): void {
    const { pool, segments, isGateBusy } = this.#world;
    if (pool.control[GATE_DEFER_FREE] === DeferFree.NO) {
      if (isGateBusy) return;
      Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.YES);
      this.#heldBack = reachableRecords(pool, this.#world.slots);
      return;
    }
    for (const { at, words } of this.#heldBack) {
      const isSame = words.every((word, i) => pool.words[0]![at + i] === word);
      require(isSame, "I10: a record that a snapshot still needs was overwritten");
    }
    this.#heldBack = [];
    Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.RELEASING);
    segments.releasePending();
    Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.NO);
  }
}

/** Assignments by set of KNs: they are pure, and take a millisecond. */
const assignments = new Map<string, readonly NodeId[]>();

function ownersAmong(nodes: readonly NodeId[]): readonly NodeId[] {
  const name = nodes.join();
  let owners = assignments.get(name);
  if (owners === undefined) assignments.set(name, owners = assignSlots(nodes));
  return owners;
}

/** Index words that any simulation uses. */
const INDEX_WORDS_CHECKED = 4096;

function checksum(words: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < words.length; i++) sum = (Math.imul(sum, 31) + words[i]) | 0;
  return sum;
}
