/**
 * Consistent hashing with virtual nodes: which KN owns which slot.
 *
 * Every KN stands at many pseudo-random points of a ring of 2^32 positions, and a slot belongs to
 * the first KN at or after its own position. Adding the (n+1)-th KN takes about 1/(n+1) of the
 * slots, all of them for the new KN; removing a KN gives away its slots only. After Karger et al.,
 * STOC 1997; virtual nodes as in the paper (section 3.3) and in Dynamo, SOSP 2007.
 *
 * A pure function of the set of KNs: every thread and every process computes the same assignment.
 *
 * @module
 */
import type { NodeId } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { halfSipHash13 } from "../core/half_sip_hash.ts";

/** Points per KN: with 1024 the largest share is within about 10 % of the mean. */
const VIRTUAL_NODE_COUNT = 1024;

/** Keys of the position hash; any constants do, as positions need no secrecy. */
const RING_KEYS = { node: [0x6e6f6465, 1], slot: [0x736c6f74, 2] } as const;

/**
 * Assigns the slots to a set of KNs.
 *
 * @param nodes identities of the KNs, at least one
 * @returns the owner of each of the 4096 slots
 */
export function assignSlots(nodes: readonly NodeId[]): NodeId[] {
  // Most stores are opened with one KN, and hashing all positions takes as long as all else then.
  if (nodes.length === 1) return new Array<NodeId>(SLOT_COUNT).fill(nodes[0]!);
  const message = new Int32Array(2);
  const points: { position: number; node: NodeId }[] = [];
  for (const node of nodes) {
    for (let replica = 0; replica < VIRTUAL_NODE_COUNT; replica++) {
      message[0] = node;
      message[1] = replica;
      points.push({ position: positionOf(RING_KEYS.node, message), node });
    }
  }
  points.sort((a, b) => a.position - b.position || a.node - b.node);
  const owners: NodeId[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    message[0] = slot;
    message[1] = 0;
    owners.push(successor(points, positionOf(RING_KEYS.slot, message)));
  }
  return owners;
}

function positionOf(key: readonly [number, number], message: Int32Array): number {
  return halfSipHash13(key[0], key[1], message, 0, message.byteLength) >>> 0;
}

function successor(
  points: readonly { position: number; node: NodeId }[],
  position: number,
): NodeId {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points[middle]!.position < position) low = middle + 1;
    else high = middle;
  }
  return points[low === points.length ? 0 : low]!.node;
}
