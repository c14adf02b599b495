/**
 * The node directory: which KNs there are, in shared memory, for every client to see.
 *
 * Each agent block says which KN has it and in which state. The M-node writes, then counts
 * NODES_EPOCH up; a client that finds another epoch than before reads the blocks again. A KN that
 * is GONE owns no slot, apart from those that a thread has locked that does not go on, and answers
 * nothing any more: its clients look which of their requests it has answered, and send the others
 * elsewhere (I5).
 *
 * A block can be given to another KN when every client has let go of its ring. A client announces
 * that it uses a ring before it looks once more whether the KN is still the one that it means; the
 * M-node takes the KN's name off the block before it looks which clients use the rings. So one of
 * them sees the other.
 *
 * @module
 */
import type { NodeId, SegmentId } from "../core/brands.ts";
import { CELL_COUNT, NODE_COUNT_MAX, NODE_ID_COUNT } from "../core/limits.ts";
import {
  AGENT_NODE,
  AGENT_NODE_STATE,
  AGENT_TENANCY,
  NODES_EPOCH,
} from "../pool/control_layout.ts";
import { SEGMENT_AGENT, SEGMENT_TENANCY } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** States of an agent block. */
export const NodeState = {
  NONE: 0,
  /** The KN may own slots, and answers requests. */
  ACTIVE: 1,
  /** It has failed, or was retired. */
  GONE: 2,
} as const;

/**
 * The owner in the table's word of a slot that no KN can write at the moment: the KN that failed
 * has not let it go.
 */
export const NO_NODE = (NODE_ID_COUNT - 1) as NodeId;
/**
 * The owner of a slot in the far placement while what its last owner has logged is merged. No KN
 * has this identity, so none can lock the slot for a request, and clients hold their requests.
 */
export const MERGING_NODE = (NODE_ID_COUNT - 2) as NodeId;

/**
 * The first of the identities that stand for indirection cells, and that no KN has, in the owner's
 * place of the words by which keys are routed that several KNs own; see cells.ts.
 */
export const FIRST_CELL_NODE = (MERGING_NODE - CELL_COUNT) as NodeId;

/** Which KN has an agent block; `NO_NODE` if none does. */
export function nodeOfAgent(pool: Pool, agent: number): NodeId {
  const node = Atomics.load(pool.control, pool.agentAt(agent) + AGENT_NODE);
  return node === 0 ? NO_NODE : (node - 1) as NodeId;
}

/** State of an agent block, one of {@linkcode NodeState}. */
export function nodeStateOf(pool: Pool, agent: number): number {
  return Atomics.load(pool.control, pool.agentAt(agent) + AGENT_NODE_STATE);
}

/** Gives a block to another KN, before any other thread hears of it. */
export function beginTenancy(pool: Pool, agent: number): void {
  Atomics.add(pool.control, pool.agentAt(agent) + AGENT_TENANCY, 1);
}

/**
 * State of the KN that has opened a segment: `NONE` also when its block has been given to another
 * one.
 */
export function stateOfOpener(pool: Pool, segment: SegmentId): number {
  const at = pool.segmentAt(segment);
  const agent = pool.control[at + SEGMENT_AGENT];
  // Before the tenancy: it is counted before the block's next KN is active.
  const state = nodeStateOf(pool, agent);
  const tenancy = Atomics.load(pool.control, pool.agentAt(agent) + AGENT_TENANCY);
  return tenancy === pool.control[at + SEGMENT_TENANCY] ? state : NodeState.NONE;
}

/** The KNs that run. */
export function activeNodes(pool: Pool): { readonly nodeId: NodeId; readonly agent: number }[] {
  const nodes: { readonly nodeId: NodeId; readonly agent: number }[] = [];
  for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
    if (nodeStateOf(pool, agent) !== NodeState.ACTIVE) continue;
    nodes.push({ nodeId: nodeOfAgent(pool, agent), agent });
  }
  return nodes;
}

/** Says which KN has a block, and in which state; seen by the clients when the epoch is counted. */
export function setNode(pool: Pool, agent: number, node: NodeId, state: number): void {
  const agentAt = pool.agentAt(agent);
  Atomics.store(pool.control, agentAt + AGENT_NODE, node === NO_NODE ? 0 : node + 1);
  Atomics.store(pool.control, agentAt + AGENT_NODE_STATE, state);
}

/** Tells the clients that the directory, or the owner table, has changed. */
export function announceNodes(pool: Pool): void {
  Atomics.add(pool.control, NODES_EPOCH, 1);
}

/**
 * Whether the directory still has the epoch that a client has seen. A plain load, since every poll
 * asks: the next one sees more.
 */
export function isNodesEpoch(pool: Pool, epoch: number): boolean {
  return pool.control[NODES_EPOCH] === epoch;
}

/** The directory's epoch. */
export function nodesEpoch(pool: Pool): number {
  return Atomics.load(pool.control, NODES_EPOCH);
}
