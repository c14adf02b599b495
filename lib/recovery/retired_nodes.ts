/**
 * KNs that have failed or were retired, until nothing of them is left: slots, segments, rings, and the thread.
 *
 * A thread that is in the middle of a step of a fenced KN has either died, and then what it has left behind is ended for it
 * (step_recovery.ts), or it is a *zombie*, which may go on at any time. A zombie can do no harm: it cannot lock a slot that has been
 * moved, and what it appends nobody points at. What it holds it keeps: slots that it has locked are not given to anybody else (I1),
 * its segment is not reused, its agent block and rings are nobody else's. Each of these is released when it has left its step.
 * Operations on slots that it holds for longer than a moment are refused.
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
  /** Who is to own a slot now. */
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

/** A KN that is gone, or about to be. */
export interface RetiredNode<Kn extends RetiredKn> {
  readonly node: Kn;
  readonly sinceMs: number;
  /** The thread that was in the middle of a step; 0 if none was. */
  readonly inside: number;
  /** Slots that it still holds. */
  stuck: Slot[];
  /** Slots of other KNs that it has held for so long that they were declared unavailable: it cleaned, or merged. */
  held: Slot[];
  /** Slots that it does not hold any more. */
  movedCount: number;
  /** Nobody is in a step of it, and its segments are sealed, unless they have to be merged first. */
  isQuiet: boolean;
  /** Far pool: its log is merged, and its segments are sealed. */
  isMerged: boolean;
  /** A thread had died in the middle of a step, and this is what it came to. */
  death: StepRecoveryReport | undefined;
  isUnavailable: boolean;
  /** What the KN's own thread held, apart from what it held in a step, is released. */
  isThreadTidied: boolean;
  /** The pool's books have been put in order since a thread has died. */
  isRepaired: boolean;
}

/** The KNs that are gone. */
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

  /** Whether a thread is in the middle of a step of a KN that is gone: counts may be wrong until it has left. */
  get hasZombies(): boolean {
    return this.#nodes.some((gone) => !gone.isQuiet);
  }

  /** Whether a slot is in the hands of a KN that is gone: it owns it, or has it locked. */
  holds(slot: Slot): boolean {
    return this.#nodes.some((gone) => gone.stuck.includes(slot) || this.#isLockedBy(gone, slot));
  }

  /** From now on slots stay where they are: the store is being closed, and nobody else is to have them. */
  keepSlots(): void {
    this.#keepsSlots = true;
    for (const gone of this.#nodes) gone.stuck = [];
  }

  /** Fences a KN, and takes its slots away as far as it does not hold them. */
  add(node: Kn): RetiredNode<Kn> {
    const agentAt = this.#pool.agentAt(node.agent);
    const inside = Math.max(fenceExecutor(this.#pool.control, agentAt + AGENT_EXECUTOR), 0);
    const gone: RetiredNode<Kn> = {
      node,
      sinceMs: this.#options.now(),
      inside,
      stuck: [],
      held: [],
      movedCount: 0,
      isQuiet: false,
      isMerged: this.#options.farMoves === undefined,
      death: undefined,
      isUnavailable: false,
      isThreadTidied: false,
      isRepaired: false,
    };
    this.#nodes.push(gone);
    for (let slot = 0; slot < SLOT_COUNT && !this.#keepsSlots; slot++) {
      if (slotOwner(this.#pool, slot as Slot) === node.nodeId) gone.stuck.push(slot as Slot);
    }
    this.#advance(gone);
    // Its clients look now which of their requests it has answered.
    setNode(this.#pool, node.agent, node.nodeId, NodeState.GONE);
    announceNodes(this.#pool);
    return gone;
  }

  /** Goes on with all of them, and forgets those of which nothing is left. */
  advance(): void {
    for (const gone of this.#nodes) this.#advance(gone);
    this.#nodes = this.#nodes.filter((gone) => !this.#isRecycled(gone));
  }

  #advance(gone: RetiredNode<Kn>): void {
    const { pool, file, now } = this.#options;
    if (!gone.isThreadTidied) this.#tidyThread(gone);
    if (!gone.isQuiet) this.#settle(gone, file);
    if (!gone.isMerged && gone.isQuiet) this.#endFarLog(gone, file);
    if (!gone.isQuiet || gone.held.length > 0) this.#markHeld(gone);
    if (gone.stuck.length === 0) return;
    const { farMoves } = this.#options;
    if (farMoves !== undefined) this.#moveFar(gone, farMoves);
    else {gone.stuck = gone.stuck.filter((slot) => {
        const isHeld = slotHolder(pool, slot) === gone.node.agent;
        if (isHeld || !tryMoveSlot(pool, slot, this.#options.assignedTo(slot))) return true;
        gone.movedCount += 1;
        return false;
      });}
    if (gone.isUnavailable || gone.stuck.length === 0) return;
    if (now() - gone.sinceMs < UNAVAILABLE_AFTER_MS) return;
    gone.isUnavailable = true;
    for (const slot of gone.stuck) markUnavailable(pool, slot);
  }

  /** Declares slots of other KNs unavailable that it has locked for too long, and takes that back when it has let go. */
  #markHeld(gone: RetiredNode<Kn>): void {
    const { pool, now } = this.#options;
    gone.held = gone.held.filter((slot) => {
      if (this.#isLockedBy(gone, slot)) return true;
      markAvailable(pool, slot);
      return false;
    });
    if (gone.isQuiet || now() - gone.sinceMs < UNAVAILABLE_AFTER_MS) return;
    for (let i = 0; i < SLOT_COUNT; i++) {
      const slot = i as Slot;
      const isOthers = this.#isLockedBy(gone, slot) && slotOwner(pool, slot) !== gone.node.nodeId;
      if (!isOthers || gone.held.includes(slot)) continue;
      gone.held.push(slot);
      markUnavailable(pool, slot);
    }
  }

  /** Whether it, or the merger of its log, has a slot locked. */
  #isLockedBy({ node }: RetiredNode<Kn>, slot: Slot): boolean {
    const holder = slotHolder(this.#pool, slot);
    return holder === node.agent || holder === AGENT_MERGERS + node.agent;
  }

  /** Takes the slots that it does not hold, and gives them away when what it has logged for them is merged. */
  #moveFar(gone: RetiredNode<Kn>, farMoves: FarMoves): void {
    const { pool, assignedTo } = this.#options;
    for (const slot of gone.stuck) {
      const isHeld = slotHolder(pool, slot) === gone.node.agent;
      if (!isHeld && slotOwner(pool, slot) === gone.node.nodeId) farMoves.take(slot);
    }
    // Once for all slots: it takes long to find out that a slot is locked by somebody who does not go on.
    if (!farMoves.mergeAll(gone.node.agent)) return;
    gone.stuck = gone.stuck.filter((slot) => {
      const owner = slotOwner(pool, slot);
      // Somebody else may have given it away, to spread slots anew.
      const isGiven = owner !== gone.node.nodeId &&
        (owner !== MERGING_NODE || farMoves.give(slot, assignedTo(slot)));
      if (isGiven) gone.movedCount += 1;
      return !isGiven;
    });
  }

  /** Merges the log of a KN of a far pool that is quiet, and seals its segments. */
  #endFarLog(gone: RetiredNode<Kn>, file: LogFile | undefined): void {
    const { agent } = gone.node;
    if (!this.#options.farMoves!.mergeAll(agent)) return;
    sealMerged(this.#pool, agent, file);
    gone.isMerged = true;
  }

  /** Releases what the KN's own thread may hold between two steps, once it will not go on. */
  #tidyThread(gone: RetiredNode<Kn>): void {
    const { thread, agent } = gone.node;
    if (!thread.hasGivenUp && !thread.hasEnded) return;
    forgetSpinner(this.#pool, agent);
    abandonCheckpoints(this.#pool, agent);
    breakPause(this.#pool, agent);
    abandonMergers(this.#pool, agent);
    gone.isThreadTidied = true;
  }

  #settle(gone: RetiredNode<Kn>, file: LogFile | undefined): void {
    const { pool, ringOf, clientCount } = this.#options;
    const { agent } = gone.node;
    const word = Atomics.load(pool.control, pool.agentAt(agent) + AGENT_EXECUTOR);
    if (word === Executor.LEFT) {
      if (gone.isMerged) sealLogs(pool, agent, file);
      gone.isQuiet = true;
    } else if (word === Executor.ABANDONED || this.#hasDied(gone)) {
      const clients = Array.from({ length: clientCount }, (_, client) => client);
      const there = clients.filter((client) => isClientThere(pool, client));
      const rings = there.map((client) => ringOf(client, agent));
      gone.death = new StepRecovery({ pool, agent, rings, file, clock: epochMs }).settle();
      // It may have died while it merged, which is told apart by another word.
      if (!gone.isMerged) abandonMerger(pool, agent);
      gone.isQuiet = true;
    }
  }

  /** Whether the thread that was in the middle of a step will not execute another instruction. */
  #hasDied({ node, inside }: RetiredNode<Kn>): boolean {
    if (inside === Executor.OWN_THREAD) return node.thread.hasEnded;
    const client = clientOf(inside);
    if (client === undefined) return false;
    return clientState(this.#pool, client) === ClientState.DEAD ||
      hasThreadEnded(clientThread(this.#pool, client));
  }

  /** Gives the agent block and the rings of a KN back, if nobody uses them any more. */
  #isRecycled(gone: RetiredNode<Kn>): boolean {
    const { node, isQuiet, isMerged, stuck, death, isRepaired, isThreadTidied } = gone;
    if (!isQuiet || !isMerged || stuck.length > 0 || !isThreadTidied || !node.thread.hasEnded) {
      return false;
    }
    // Until then the books refer to its rings.
    if (death !== undefined && !isRepaired) return false;
    const { pool, clientCount, ringOf, hasRing } = this.#options;
    // First: a client that is about to connect looks at it after it has announced that.
    setNode(pool, node.agent, NO_NODE, NodeState.GONE);
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
