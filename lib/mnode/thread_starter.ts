/**
 * Starts the threads of KNs in the background, when there is something for them to do: more
 * requests than their client executes itself, or records that expire. A KN without a thread is
 * executed for by the threads that make its requests; so a process that opens a store for a few
 * operations starts none.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { NodeFailedError } from "../core/errors.ts";
import { SLOT_COUNT, THREAD_STARTS_MAX, THREAD_STARTS_URGENT_MAX } from "../core/limits.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { AGENT_THREAD_WANTED, SLOT_EXPIRING_COUNT } from "../pool/control_layout.ts";
import { slotOwner } from "../routing/ownership.ts";
import type { ManagedNode } from "./managed_node.ts";
import type { NodeSet } from "./node_set.ts";

/** How often to look whether a KN without a thread has records that expire. */
const SWEEPERS_INTERVAL_MS = 500;

/** Starts threads of the KNs of one pool. */
export class ThreadStarter {
  readonly #nodes: NodeSet;
  /** Whether clients execute what KNs have no threads for. */
  readonly #help: boolean;
  #nextSweepersMs = 0;

  /** Starts none yet; `help` says whether clients execute for a KN that has no thread. */
  constructor(nodes: NodeSet, help: boolean) {
    this.#nodes = nodes;
    this.#help = help;
  }

  /**
   * Starts the thread of a KN, unless it was started. If that fails for good, its clients execute
   * for it; where they do not, the store cannot go on.
   */
  start(node: ManagedNode): void {
    const { events } = this.#nodes;
    const startsMax = this.#help ? THREAD_STARTS_MAX : THREAD_STARTS_URGENT_MAX;
    node.thread.startPersistently(startsMax).catch((error: NodeFailedError) => {
      if (!this.#nodes.running.includes(node)) return;
      if (this.#help) events.onThreadless({ node: node.nodeId, error });
      else this.#nodes.giveUp(error);
    });
  }

  /** The same for the KN of an agent block, if there is one. */
  startOfAgent(agent: number): void {
    const node = this.#nodes.running.find((other) => other.agent === agent);
    if (node !== undefined && !node.thread.isStarted) this.start(node);
  }

  /**
   * Starts the threads of KNs that have none, and for which there is something to do: attached
   * threads have handed requests over, which cannot start them, or records expire, which no client
   * removes.
   */
  startNeeded(): void {
    const { running, pool } = this.#nodes;
    const idle = running.filter(({ thread }) => !thread.isStarted);
    if (idle.length === 0) return;
    for (const node of idle) {
      const wantedAt = pool.agentAt(node.agent) + AGENT_THREAD_WANTED;
      if (Atomics.load(pool.control, wantedAt) !== 0) this.start(node);
    }
    if (monotonicMs() < this.#nextSweepersMs) return;
    this.#nextSweepersMs = monotonicMs() + SWEEPERS_INTERVAL_MS;
    this.#startSweepers(idle);
  }

  #startSweepers(idle: readonly ManagedNode[]): void {
    const { pool } = this.#nodes;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (pool.control[pool.slotAt(slot as Slot) + SLOT_EXPIRING_COUNT] === 0) continue;
      const owner = slotOwner(pool, slot as Slot);
      const node = idle.find(({ nodeId, thread }) => nodeId === owner && !thread.isStarted);
      if (node !== undefined) this.start(node);
    }
  }
}
