/**
 * Tells whether a KN has failed: it has thrown, has ended, makes no progress, or has lost the
 * client that executed for it.
 *
 * @module
 */
import { clientOf, Executor } from "../agent/executor.ts";
import { LifeState, lifeState } from "../agent/liveness.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { hasThreadEnded } from "../platform/thread_identity.ts";
import {
  AGENT_EXECUTOR,
  AGENT_HEARTBEAT,
  AGENT_IN_SYSTEM_CALL,
  AGENT_STEPS,
} from "../pool/control_layout.ts";
import { isTakenEmpty } from "../rings/ring_layout.ts";
import { clientThread, isClientThere } from "../routing/client_registry.ts";
import type { ManagedNode } from "./managed_node.ts";
import type { NodeSet } from "./node_set.ts";
import type { ThreadStarter } from "./thread_starter.ts";

/** Looks at the KNs of one pool. */
export class FailureDetector {
  readonly #nodes: NodeSet;
  readonly #threads: ThreadStarter;

  /** Makes one; a KN that has requests, and no thread, gets one by a look. */
  constructor(nodes: NodeSet, threads: ThreadStarter) {
    this.#nodes = nodes;
    this.#threads = threads;
  }

  /** How a KN has failed; undefined if it has not. */
  failureOf(node: ManagedNode): string | undefined {
    const { pool } = this.#nodes;
    const { control } = pool;
    const agentAt = pool.agentAt(node.agent);
    const executor = Atomics.load(control, agentAt + AGENT_EXECUTOR);
    if (executor === Executor.ABANDONED) return "has thrown in the middle of a step";
    const life = lifeState(pool, agentAt);
    if (life === LifeState.FAILED) return "has ended by itself";
    const isThreadRunning = life === LifeState.RUNNING;
    const hasRequests = this.#hasRequests(node);
    if (hasRequests && !node.thread.isStarted) this.#threads.start(node);
    const hasStalled = node.stalls.observe({
      nowMs: monotonicMs(),
      executor,
      steps: Atomics.load(control, agentAt + AGENT_STEPS),
      heartbeat: Atomics.load(control, agentAt + AGENT_HEARTBEAT),
      hasRequests,
      isThreadRunning,
      isInSystemCall: control[agentAt + AGENT_IN_SYSTEM_CALL] !== 0,
    });
    const { stalledMs } = node.stalls;
    if (hasStalled) return `has made no progress for ${Math.round(stalledMs)} ms`;
    // Asking the operating system takes longer than looking at the words.
    if (stalledMs === 0) return undefined;
    const client = clientOf(executor);
    if (client !== undefined) {
      const hasEnded = hasThreadEnded(clientThread(pool, client));
      return hasEnded ? "has lost the client that was executing for it" : undefined;
    }
    return isThreadRunning && node.thread.hasEnded ? "has lost its thread" : undefined;
  }

  #hasRequests({ agent }: ManagedNode): boolean {
    for (let client = 0; client < this.#nodes.clientCount; client++) {
      if (!isClientThere(this.#nodes.pool, client)) continue;
      if (!isTakenEmpty(this.#nodes.ringOf(client, agent))) return true;
    }
    return false;
  }
}
