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
 * What is no phase, since it comes at its own time: slots (retired_slots.ts) move one by one from
 * the first phase on; those that are stuck are declared unavailable after a while; the KN's own
 * thread ends before or after the step, which a client's thread may have executed; and the books
 * are repaired for all dead threads at once, which waits for no merging and is waited for by none.
 *
 * @module
 */
import type { NodeId, Slot } from "../core/brands.ts";
import { epochMs } from "../platform/runtime.ts";
import { hasThreadEnded } from "../platform/thread_identity.ts";
import { agentExecutor, clientOf, Executor, fenceExecutor } from "../agent/executor.ts";
import { abandonCleaners } from "../dpm/shared_cleaners.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_EXECUTOR } from "../pool/control_layout.ts";
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
  NO_NODE,
  NodeState,
  nodeStateOf,
  setNode,
} from "../routing/node_directory.ts";
import { breakPause } from "../pool/gate.ts";
import { forgetSpinner } from "../node/idle_strategy.ts";
import { abandonCheckpoints } from "../persistence/checkpoint_lock.ts";
import { abandonMergers } from "../far/log/log_merger.ts";
import { RetiredSlots, type RetiredSlotsOptions } from "./retired_slots.ts";
import { Bells } from "../watch/bells.ts";
import { StepRecovery, type StepRecoveryReport } from "./step_recovery.ts";
import { abandonMerger } from "./merger_recovery.ts";
import { sealLogs, sealMerged } from "./reconciliation.ts";

/** What the list works with. */
export interface RetiredNodesOptions extends RetiredSlotsOptions {
  readonly file: LogFile | undefined;
  /** Clients that there may be, the host included. */
  readonly clientCount: number;
  /** The rings between a client and the KN of an agent block. */
  readonly ringOf: (client: number, agent: number) => RingHandle;
  /** Whether the rings between an attached client and a KN may have been used. */
  readonly hasRing: (client: number, agent: number) => boolean;
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
  /**
   * The slots that it had, and those that it has locked: they are released one by one, in whichever
   * phase.
   */
  readonly slots: RetiredSlots;
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
    return this.#nodes.some(({ slots }) => slots.hold(slot));
  }

  /**
   * From now on slots stay where they are: the store is being closed, and no other KN is to have
   * them.
   */
  keepSlots(): void {
    this.#keepsSlots = true;
    for (const { slots } of this.#nodes) slots.keep();
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
      slots: new RetiredSlots(this.#options, node, this.#keepsSlots),
      isThreadTidied: false,
      death: undefined,
      needsRepair: false,
    };
    this.#nodes.push(retired);
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
    retired.slots.release(retired.phase === RetiredPhase.IN_STEP);
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
    abandonCleaners(this.#pool, agentExecutor(agent));
    // It may have been about to ring some, behind its last step.
    Bells.of(this.#pool).ringAll();
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
    // And so may a client have that executed for it; its own thread is looked after elsewhere.
    if (retired.inside > Executor.OWN_THREAD) abandonCleaners(pool, retired.inside);
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
    sealMerged(pool, node.agent);
    return true;
  }

  /** Whether nothing is left of it but rings that clients may use. */
  #hasLeftAll({ node, slots, isThreadTidied, needsRepair }: RetiredNode<Kn>): boolean {
    // In the very first look clients have not even heard of its end.
    const isAnnounced = nodeStateOf(this.#pool, node.agent) === NodeState.GONE;
    // Until they are repaired, the books refer to its rings.
    return isAnnounced && slots.stuckCount === 0 && isThreadTidied && node.thread.hasEnded &&
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
export function hasReleased({ phase, slots }: RetiredNode<RetiredKn>): boolean {
  return phase !== RetiredPhase.IN_STEP && slots.stuckCount === 0;
}
