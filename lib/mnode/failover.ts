/**
 * Replaces KNs that have failed.
 *
 * The M-node needs no other thread for that. The failed KN is fenced and its slots are given to a
 * new KN in its place, which can execute requests at once, since a KN needs no thread of its own to
 * be executed for. Clients find out by the node directory what the old one has answered, and send
 * the rest to the new one (client/retired_requests.ts). What the old one still holds is released
 * when its thread has left its step or has ended (recovery/retired_nodes.ts). Nothing is copied
 * (I7), and no slot ever has two owners (I1).
 *
 * @module
 */
import { NodeFailedError } from "../core/errors.ts";
import { trace, TRACED } from "../platform/debug.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { hasReleased, type RetiredNode, RetiredPhase } from "../recovery/retired_nodes.ts";
import { NodeState, setNode } from "../routing/node_directory.ts";
import { FailureDetector } from "./failure_detector.ts";
import type { ManagedNode } from "./managed_node.ts";
import type { NodeFactory } from "./node_factory.ts";
import type { NodeSet } from "./node_set.ts";
import type { ThreadStarter } from "./thread_starter.ts";

/**
 * A KN that fails sooner than this, or before it has answered a request, counts as failing at once;
 * so many in a row are hopeless.
 */
const QUICK_FAILURE_MS = 1000;
const QUICK_FAILURES_MAX = 20;

/** What replacing works with. */
export interface FailoverOptions {
  readonly nodes: NodeSet;
  readonly factory: NodeFactory;
  readonly threads: ThreadStarter;
  /** Whether clients execute what KNs have no threads for. */
  readonly help: boolean;
}

/** Replaces the KNs of one pool that fail. */
export class Failover {
  /** KNs that have failed since the store was opened. */
  failureCount = 0;
  readonly #options: FailoverOptions;
  readonly #nodes: NodeSet;
  readonly #detector: FailureDetector;
  /** Failures that are not over, with their replacements. */
  readonly #recovering = new Map<RetiredNode<ManagedNode>, ManagedNode>();
  /** What this thread has thrown while it executed for a KN, by the identity of that. */
  readonly #helpFailures = new Map<number, unknown>();

  /** Makes one that has replaced none. */
  constructor(options: FailoverOptions) {
    this.#options = options;
    this.#nodes = options.nodes;
    this.#detector = new FailureDetector(options.nodes, options.threads);
  }

  /** Looks at all KNs that run, and replaces those that have failed. */
  look(): void {
    for (const node of this.#nodes.isStopping ? [] : this.#nodes.running) {
      const reason = this.#detector.failureOf(node);
      if (reason !== undefined) this.replace(node, reason, this.#helpFailures.get(node.nodeId));
      else if (node.thread.isOverdue && !this.#options.help) {
        this.#nodes.giveUp(
          new NodeFailedError(`KN ${node.nodeId} has no thread: it did not start in time`),
        );
      }
    }
  }

  /**
   * Remembers what this thread has thrown while it executed requests in the place of a KN, which
   * fails by that.
   */
  noteHelpFailure(agent: number, error: unknown): void {
    const node = this.#nodes.running.find((other) => other.agent === agent);
    if (node !== undefined) this.#helpFailures.set(node.nodeId, error);
  }

  /** Puts another KN in the place of one that has failed. */
  replace(node: ManagedNode, reason: string, cause: unknown): void {
    const nodes = this.#nodes;
    if (nodes.hasFailed || nodes.isStopping || !nodes.running.includes(node)) return;
    this.failureCount += 1;
    this.#helpFailures.delete(node.nodeId);
    const isQuick = node.thread.isStarted
      ? !node.thread.wasUpFor(QUICK_FAILURE_MS)
      : monotonicMs() - node.startedAtMs < QUICK_FAILURE_MS;
    const failures = isQuick ? node.failures + 1 : 1;
    const replacement = failures > QUICK_FAILURES_MAX
      ? undefined
      : this.#options.factory.makeReplacement(node, failures);
    if (replacement === undefined) {
      const message = `KN ${node.nodeId} ${reason}, like those before it`;
      return nodes.giveUp(new NodeFailedError(message, { cause }));
    }
    nodes.running = nodes.running.map((other) => other === node ? replacement : other);
    setNode(nodes.pool, replacement.agent, replacement.nodeId, NodeState.ACTIVE);
    node.thread.requestStop();
    const retired = nodes.retired.add(node);
    nodes.keys?.tend();
    endThread(retired);
    this.#recovering.set(retired, replacement);
    const { movedCount: slotsMoved, stuckCount: slotsHeld } = retired.slots;
    if (TRACED.kn) trace("kn", `${node.nodeId} ${reason}: ${replacement.nodeId} takes its place`);
    if (TRACED.slots) {
      const moves = `${slotsMoved} moved to ${replacement.nodeId}, ${slotsHeld} held`;
      trace("slots", `of KN ${node.nodeId}, which has failed: ${moves}`);
    }
    nodes.events.onNodeFailed({
      node: node.nodeId,
      reason,
      cause,
      replacement: replacement.nodeId,
      slotsMoved,
      slotsHeld,
    });
    this.#options.threads.start(replacement);
    this.endRecoveries();
  }

  /** Reports the failures that are over. */
  endRecoveries(): void {
    for (const [retired, replacement] of this.#recovering) {
      if (!hasReleased(retired)) continue;
      this.#recovering.delete(retired);
      this.#nodes.events.onNodeRecovered({
        node: retired.node.nodeId,
        replacement: replacement.nodeId,
        changesCompleted: retired.death?.completed ?? 0,
        durationMs: monotonicMs() - retired.sinceMs,
      });
    }
  }
}

/** Ends a thread that does not go on, where a thread can be ended; its slots are free then. */
function endThread({ node, phase }: RetiredNode<ManagedNode>): void {
  const isZombie = phase === RetiredPhase.IN_STEP;
  if (isZombie && !("Deno" in globalThis)) void node.thread.terminate();
}
