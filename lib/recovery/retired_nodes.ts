/**
 * KNs that have failed or were retired, until nothing of them is left: slots, segments, rings, and
 * the thread. Each passes these phases, in this order:
 *
 * ```text
 *   IN_STEP     it is fenced, but a thread may still be in the middle of a step of it
 *      |          the thread has left its step; or it has died, and step_recovery.ts has ended it
 *   QUIET       it changes nothing any more; in a far pool its log is being merged
 *      |          near: at once; far: all that it has logged is merged; its segments are sealed
 *   SEALED      slots that it had locked are moved; its thread ends; the pool's books are repaired
 *      |          all of that is done, and its name is taken off its agent block
 *   NAMELESS    clients disconnect from its rings
 *      |          the last one has done so, and the rings are reset
 *   RECYCLED    its agent block can be given to another KN, and the list forgets it
 * ```
 *
 * A thread that is in the middle of a step of a fenced KN has either died, and then what it has
 * left behind is ended for it, or it is a *zombie*, which may go on at any time. A zombie can do no
 * harm: it cannot lock a slot that has been moved, and the index does not point at what it appends.
 * What it holds it keeps: slots that it has locked are not given to another KN (I1), its segment is
 * not reused, its agent block and rings belong to it alone. Each of these is released when it has
 * left its step. Operations on slots that it holds for longer than a moment are refused.
 *
 * What is no phase, since it comes at its own time: slots move one by one from the first phase on;
 * those that are stuck are declared unavailable after a while; the KN's own thread ends before or
 * after the step, which a client's thread may have executed; and the books are repaired for all
 * dead threads at once, which waits for no merging and is waited for by none.
 *
 * @module
 */
import type { NodeId, Slot } from "../core/brands.ts";
import { SLOT_COUNT, UNAVAILABLE_AFTER_MS } from "../core/limits.ts";
import { epochMs } from "../core/runtime.ts";
import { hasThreadEnded } from "../core/thread_identity.ts";
import { clientOf, Executor, fenceExecutor } from "../agent/executor.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_EXECUTOR, AGENT_MERGERS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { isConnected, resetRing, type RingHandle } from "../rings/ring_layout.ts";
import {
  ClientState,
  clientState,
  clientThread,
  isClientThere,
} from "../routing/client_registry.ts";
import {
  announceNodes,
  MERGING_NODE,
  NO_NODE,
  NodeState,
  nodeStateOf,
  setNode,
} from "../routing/node_directory.ts";
import {
  markAvailable,
  markUnavailable,
  slotHolder,
  slotOwner,
  tryMoveSlot,
} from "../routing/ownership.ts";
import { breakPause } from "../pool/gate.ts";
import { forgetSpinner } from "../node/idle_strategy.ts";
import { abandonCheckpoints } from "../persistence/checkpoint_lock.ts";
import { abandonMergers } from "../far/log/log_merger.ts";
import { StepRecovery, type StepRecoveryReport } from "./step_recovery.ts";
import { abandonMerger } from "./merger_recovery.ts";
import type { FarMoves } from "../far/mnode/far_moves.ts";
import { sealLogs, sealMerged } from "./reconciliation.ts";

/** What the list works with. */
export interface RetiredNodesOptions {
  readonly pool: Pool;
  readonly file: LogFile | undefined;
  /** Clients that there may be, the host included. */
  readonly clientCount: number;
  /** The rings between a client and the KN of an agent block. */
  readonly ringOf: (client: number, agent: number) => RingHandle;
  /** Whether the rings between an attached client and a KN may have been used. */
  readonly hasRing: (client: number, agent: number) => boolean;
  readonly now: () => number;
  /** The KN that is to own a slot now. */
  readonly assignedTo: (slot: Slot) => NodeId;
  /** How slots are moved in a far pool; undefined in a near one. */
  readonly farMoves?: FarMoves | undefined;
}

/** What the list has to know of a KN. */
export interface RetiredKn {
  readonly nodeId: NodeId;
  readonly agent: number;
  readonly thread: {
    /** Whether the thread will not execute another instruction. */
    readonly hasEnded: boolean;
    /** Whether the thread is known to have said that it will do no more. */
    readonly hasGivenUp: boolean;
  };
}

/**
 * What a retired KN has behind it; see the drawing above. They grow in the order in which they are
 * passed.
 */
export const RetiredPhase = {
  IN_STEP: 0,
  QUIET: 1,
  SEALED: 2,
  NAMELESS: 3,
  RECYCLED: 4,
} as const;

/** A KN that has failed, or was retired. */
export interface RetiredNode<Kn extends RetiredKn> {
  readonly node: Kn;
  readonly sinceMs: number;
  /** The executor that was in the middle of a step; 0 if none was. */
  readonly inside: number;
  /** One of {@linkcode RetiredPhase}. */
  phase: number;
  /** Slots of its own that it still holds: each moves when it is unlocked, in whichever phase. */
  stuck: Slot[];
  /** Whether those have been declared unavailable: a matter of time alone. */
  hasUnavailable: boolean;
  /**
   * Slots of other KNs that it has held for so long that they were declared unavailable: it
   * cleaned, or merged.
   */
  held: Slot[];
  /** Slots that it does not hold any more. */
  movedCount: number;
  /**
   * Whether what its own thread held between two steps is released: that thread may end before its
   * last step does, or after.
   */
  isThreadTidied: boolean;
  /** A thread had died in the middle of a step, and this is what it came to. */
  death: StepRecoveryReport | undefined;
  /**
   * Whether the pool's books have yet to be repaired after that death: for all dead threads at
   * once, beside merging.
   */
  needsRepair: boolean;
}

/** The retired KNs of one pool. */
export class RetiredNodes<Kn extends RetiredKn> {
  readonly #options: RetiredNodesOptions;
  readonly #pool: Pool;
  #nodes: RetiredNode<Kn>[] = [];
  #keepsSlots = false;

  /** Makes an empty list. */
  constructor(options: RetiredNodesOptions) {
    this.#options = options;
    this.#pool = options.pool;
  }

  /** KNs of which something is left. */
  get nodes(): readonly RetiredNode<Kn>[] {
    return this.#nodes;
  }

  /**
   * Whether a thread is in the middle of a step of a retired KN: counts may be wrong until it has
   * left.
   */
  get hasZombies(): boolean {
    return this.#nodes.some(({ phase }) => phase === RetiredPhase.IN_STEP);
  }

  /** How many still hold slots, or are in the middle of a step. */
  get zombieCount(): number {
    return this.#nodes.filter((retired) => !hasReleased(retired)).length;
  }

  /** KNs after whose death the books have not been repaired yet. */
  get unrepaired(): readonly RetiredNode<Kn>[] {
    return this.#nodes.filter(({ needsRepair }) => needsRepair);
  }

  /** Whether a slot is in the hands of a retired KN: it owns it, or has it locked. */
  holds(slot: Slot): boolean {
    return this.#nodes.some((retired) =>
      retired.stuck.includes(slot) || this.#isLockedBy(retired, slot)
    );
  }

  /**
   * From now on slots stay where they are: the store is being closed, and no other KN is to have
   * them.
   */
  keepSlots(): void {
    this.#keepsSlots = true;
    for (const retired of this.#nodes) retired.stuck = [];
  }

  /** Fences a KN, and takes its slots away as far as it does not hold them. */
  add(node: Kn): RetiredNode<Kn> {
    const agentAt = this.#pool.agentAt(node.agent);
    const inside = Math.max(fenceExecutor(this.#pool.control, agentAt + AGENT_EXECUTOR), 0);
    const retired: RetiredNode<Kn> = {
      node,
      sinceMs: this.#options.now(),
      inside,
      phase: RetiredPhase.IN_STEP,
      stuck: [],
      hasUnavailable: false,
      held: [],
      movedCount: 0,
      isThreadTidied: false,
      death: undefined,
      needsRepair: false,
    };
    this.#nodes.push(retired);
    for (let slot = 0; slot < SLOT_COUNT && !this.#keepsSlots; slot++) {
      if (slotOwner(this.#pool, slot as Slot) === node.nodeId) retired.stuck.push(slot as Slot);
    }
    this.#advance(retired);
    // Its clients look now which of their requests it has answered.
    setNode(this.#pool, node.agent, node.nodeId, NodeState.GONE);
    announceNodes(this.#pool);
    return retired;
  }

  /** Goes on with all of them, and forgets those of which nothing is left. */
  advance(): void {
    for (const retired of this.#nodes) this.#advance(retired);
    this.#nodes = this.#nodes.filter(({ phase }) => phase !== RetiredPhase.RECYCLED);
  }

  /**
   * Goes on with one: through as many phases as can be passed now, and with what is beside them.
   */
  #advance(retired: RetiredNode<Kn>): void {
    if (!retired.isThreadTidied) this.#tidyThread(retired);
    if (retired.phase === RetiredPhase.IN_STEP && this.#endStep(retired)) {
      retired.phase = RetiredPhase.QUIET;
    }
    if (retired.phase === RetiredPhase.QUIET && this.#sealSegments(retired)) {
      retired.phase = RetiredPhase.SEALED;
    }
    this.#markHeld(retired);
    this.#moveStuck(retired);
    if (retired.phase === RetiredPhase.SEALED && this.#hasLeftAll(retired)) {
      // First: a client that is about to connect looks at it after it has announced that.
      setNode(this.#pool, retired.node.agent, NO_NODE, NodeState.GONE);
      retired.phase = RetiredPhase.NAMELESS;
    }
    if (retired.phase === RetiredPhase.NAMELESS && this.#takeRings(retired)) {
      retired.phase = RetiredPhase.RECYCLED;
    }
  }

  /** Releases what the KN's own thread may hold between two steps, once it will not go on. */
  #tidyThread(retired: RetiredNode<Kn>): void {
    const { thread, agent } = retired.node;
    if (!thread.hasGivenUp && !thread.hasEnded) return;
    forgetSpinner(this.#pool, agent);
    abandonCheckpoints(this.#pool, agent);
    breakPause(this.#pool, agent);
    abandonMergers(this.#pool, agent);
    retired.isThreadTidied = true;
  }

  /** Whether no thread is in a step of it any more; ends the step of one that has died. */
  #endStep(retired: RetiredNode<Kn>): boolean {
    const { pool, file, ringOf, clientCount, farMoves } = this.#options;
    const { agent } = retired.node;
    const word = Atomics.load(pool.control, pool.agentAt(agent) + AGENT_EXECUTOR);
    if (word === Executor.LEFT) return true;
    if (word !== Executor.ABANDONED && !this.#hasDied(retired)) return false;
    const clients = Array.from({ length: clientCount }, (_, client) => client);
    const there = clients.filter((client) => isClientThere(pool, client));
    const rings = there.map((client) => ringOf(client, agent));
    retired.death = new StepRecovery({ pool, agent, rings, file, clock: epochMs }).settle();
    retired.needsRepair = true;
    // It may have died while it merged, which is told apart by another word.
    if (farMoves !== undefined) abandonMerger(pool, agent);
    return true;
  }

  /** Whether the thread that was in the middle of a step will not execute another instruction. */
  #hasDied({ node, inside }: RetiredNode<Kn>): boolean {
    if (inside === Executor.OWN_THREAD) return node.thread.hasEnded;
    const client = clientOf(inside);
    if (client === undefined) return false;
    return clientState(this.#pool, client) === ClientState.DEAD ||
      hasThreadEnded(clientThread(this.#pool, client));
  }

  /**
   * Seals its segments; those of a far pool when its log is merged, which may have to be tried
   * again.
   */
  #sealSegments({ node, death }: RetiredNode<Kn>): boolean {
    const { pool, file, farMoves } = this.#options;
    if (farMoves === undefined) {
      // Those of a dead thread are sealed with its step.
      if (death === undefined) sealLogs(pool, node.agent, file);
      return true;
    }
    if (!farMoves.mergeAll(node.agent)) return false;
    sealMerged(pool, node.agent, file);
    return true;
  }

  /**
   * Declares slots of other KNs unavailable that it has locked for too long, and takes that back
   * when it has let go.
   */
  #markHeld(retired: RetiredNode<Kn>): void {
    const { pool } = this.#options;
    retired.held = retired.held.filter((slot) => {
      if (this.#isLockedBy(retired, slot)) return true;
      markAvailable(pool, slot);
      return false;
    });
    if (retired.phase !== RetiredPhase.IN_STEP || !this.#isLate(retired)) return;
    for (let i = 0; i < SLOT_COUNT; i++) {
      const slot = i as Slot;
      const isOthers = this.#isLockedBy(retired, slot) &&
        slotOwner(pool, slot) !== retired.node.nodeId;
      if (!isOthers || retired.held.includes(slot)) continue;
      retired.held.push(slot);
      markUnavailable(pool, slot);
    }
  }

  /** Whether it was retired so long ago that what it still holds counts as unavailable. */
  #isLate({ sinceMs }: RetiredNode<Kn>): boolean {
    return this.#options.now() - sinceMs >= UNAVAILABLE_AFTER_MS;
  }

  /** Whether it, or the merger of its log, has a slot locked. */
  #isLockedBy({ node }: RetiredNode<Kn>, slot: Slot): boolean {
    const holder = slotHolder(this.#pool, slot);
    return holder === node.agent || holder === AGENT_MERGERS + node.agent;
  }

  /**
   * Gives away the slots that it does not hold any more; the others are declared unavailable after
   * a while.
   */
  #moveStuck(retired: RetiredNode<Kn>): void {
    if (retired.stuck.length === 0) return;
    const { pool, farMoves, assignedTo } = this.#options;
    if (farMoves !== undefined) this.#moveFar(retired, farMoves);
    else {
      retired.stuck = retired.stuck.filter((slot) => {
        const isHeld = slotHolder(pool, slot) === retired.node.agent;
        if (isHeld || !tryMoveSlot(pool, slot, assignedTo(slot))) return true;
        retired.movedCount += 1;
        return false;
      });
    }
    if (retired.hasUnavailable || retired.stuck.length === 0 || !this.#isLate(retired)) return;
    retired.hasUnavailable = true;
    for (const slot of retired.stuck) markUnavailable(pool, slot);
  }

  /**
   * Takes the slots that it does not hold, and gives them away when what it has logged for them is
   * merged.
   */
  #moveFar(retired: RetiredNode<Kn>, farMoves: FarMoves): void {
    const { pool, assignedTo } = this.#options;
    for (const slot of retired.stuck) {
      const isHeld = slotHolder(pool, slot) === retired.node.agent;
      if (!isHeld && slotOwner(pool, slot) === retired.node.nodeId) farMoves.take(slot);
    }
    // Once for all slots: it takes long to find out that a slot is locked by a thread that does not
    // go on.
    if (!farMoves.mergeAll(retired.node.agent)) return;
    retired.stuck = retired.stuck.filter((slot) => {
      const owner = slotOwner(pool, slot);
      // A rebalance may have given it away, to spread slots anew.
      const isGiven = owner !== retired.node.nodeId &&
        (owner !== MERGING_NODE || farMoves.give(slot, assignedTo(slot)));
      if (isGiven) retired.movedCount += 1;
      return !isGiven;
    });
  }

  /** Whether nothing is left of it but rings that clients may use. */
  #hasLeftAll({ node, stuck, isThreadTidied, needsRepair }: RetiredNode<Kn>): boolean {
    // In the very first look clients have not even heard of its end.
    const isAnnounced = nodeStateOf(this.#pool, node.agent) === NodeState.GONE;
    // Until they are repaired, the books refer to its rings.
    return isAnnounced && stuck.length === 0 && isThreadTidied && node.thread.hasEnded &&
      !needsRepair;
  }

  /** Gives the rings and the agent block back, if no client uses them any more. */
  #takeRings({ node }: RetiredNode<Kn>): boolean {
    const { pool, clientCount, ringOf, hasRing } = this.#options;
    for (let client = 0; client < clientCount; client++) {
      const isThere = clientState(pool, client) === ClientState.ACTIVE;
      if (isThere && isConnected(ringOf(client, node.agent))) return false;
    }
    for (let client = 1; client < clientCount; client++) {
      if (hasRing(client, node.agent)) resetRing(ringOf(client, node.agent));
    }
    setNode(pool, node.agent, NO_NODE, NodeState.NONE);
    return true;
  }
}

/** Whether a retired KN is in no step, and holds no slot of its own, any more. */
export function hasReleased({ phase, stuck }: RetiredNode<RetiredKn>): boolean {
  return phase !== RetiredPhase.IN_STEP && stuck.length === 0;
}
