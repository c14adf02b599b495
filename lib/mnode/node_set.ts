/**
 * The KNs of one pool, which the parts of the M-node share: those that run, those that are being
 * started, and those that are retired; and which KN each slot and each replicated key belongs to.
 *
 * @module
 */
import type { NodeId, Slot } from "../core/brands.ts";
import type { NodeFailedError } from "../core/errors.ts";
import type { FarMoves } from "../far/mnode/far_moves.ts";
import type { KeyReplication } from "../far/mnode/key_replication.ts";
import { epochMs, monotonicMs } from "../platform/runtime.ts";
import { GATE_NODE_COUNT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { RetiredNodes } from "../recovery/retired_nodes.ts";
import type { RingHandle } from "../rings/ring_layout.ts";
import { attachedRing, hasAttachedRing, type RingRegion } from "../rings/ring_region.ts";
import { HOST_CLIENT } from "../routing/client_registry.ts";
import { announceNodes, NodeState, setNode } from "../routing/node_directory.ts";
import { assignSlots } from "../routing/virtual_node_ring.ts";
import type { ManagedNode } from "./managed_node.ts";
import type { NodeEvents } from "./node_events.ts";
import type { NodeManagerOptions } from "./node_manager_options.ts";

/** The KNs of one pool. */
export class NodeSet {
  readonly pool: Pool;
  readonly events: NodeEvents;
  readonly retired: RetiredNodes<ManagedNode>;
  /** How slots are moved in a far pool. */
  readonly farMoves: FarMoves | undefined;
  /** Which keys several KNs own, in a far pool. */
  readonly keys: KeyReplication | undefined;
  /**
   * KNs that run, in the order in which they are kept when there are to be fewer: another list
   * whenever one comes or goes.
   */
  running: readonly ManagedNode[] = [];
  /** KNs whose threads are being started, and that are in no other list yet. */
  starting: readonly ManagedNode[] = [];
  /** KNs that are to be left, while others are about to be retired. */
  stayingCount: number | undefined;
  /** KNs are being stopped: one that fails now is not replaced. */
  isStopping = false;
  readonly #region: RingRegion;
  #hasFailed = false;
  /** The KN that each slot belongs to, for a list of KNs. */
  #assigned:
    | { readonly nodes: readonly ManagedNode[]; readonly owners: readonly NodeId[] }
    | undefined;

  /** Makes a set without KNs. */
  constructor({ pool, region, log, far, events }: NodeManagerOptions) {
    this.pool = pool;
    this.events = events;
    this.#region = region;
    const assignedTo = (slot: Slot) => this.assignment(this.running)[slot]!;
    this.farMoves = far === undefined ? undefined : new far.parts.FarMoves({
      pool,
      agentOf: (nodeId) => this.#find((node) => node.nodeId === nodeId)?.agent,
      clock: epochMs,
    });
    this.keys = this.farMoves && new far!.parts.KeyReplication({
      pool,
      farMoves: this.farMoves,
      nodes: () => this.running.slice(0, this.stayingCount),
      assignedTo,
      now: monotonicMs,
    });
    this.retired = new RetiredNodes<ManagedNode>({
      pool,
      file: log?.file,
      clientCount: region.clientCount,
      ringOf: (client, agent) => this.ringOf(client, agent),
      hasRing: (client, agent) => hasAttachedRing(region, client, agent),
      now: monotonicMs,
      assignedTo,
      farMoves: this.farMoves,
    });
  }

  /** Whether the store cannot go on. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Number of clients that there may be, the host included. */
  get clientCount(): number {
    return this.#region.clientCount;
  }

  /** The rings between a client and the KN of an agent block, which runs or is retired. */
  ringOf(client: number, agent: number): RingHandle {
    if (client !== HOST_CLIENT) return attachedRing(this.#region, client, agent);
    return this.#find((node) => node.agent === agent)!.ring;
  }

  #find(isWanted: (node: ManagedNode) => boolean): ManagedNode | undefined {
    return this.running.find(isWanted) ??
      this.retired.nodes.find(({ node }) => isWanted(node))?.node;
  }

  /** The KN that each slot belongs to, if these KNs share them. */
  assignment(nodes: readonly ManagedNode[]): readonly NodeId[] {
    if (this.#assigned?.nodes !== nodes) {
      const byPlace = new Map(nodes.map(({ place, nodeId }) => [place, nodeId]));
      const owners = assignSlots([...byPlace.keys()]).map((place) => byPlace.get(place)!);
      this.#assigned = { nodes, owners };
    }
    return this.#assigned.owners;
  }

  /** Has KNs run, for every client to see. */
  activate(nodes: readonly ManagedNode[]): void {
    this.running = [...this.running, ...nodes];
    for (const node of nodes) {
      setNode(this.pool, node.agent, node.nodeId, NodeState.ACTIVE);
      this.events.onNodeAdded(node.nodeId);
    }
    Atomics.store(this.pool.control, GATE_NODE_COUNT, this.running.length);
    announceNodes(this.pool);
  }

  /** Ends the store, which cannot go on. */
  giveUp(error: NodeFailedError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.events.onHopeless(error);
  }
}
