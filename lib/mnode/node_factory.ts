/**
 * Makes KNs: an identity, an agent block, a ring from the host, and a thread.
 *
 * @module
 */
import type { NodeId } from "../core/brands.ts";
import {
  NODE_COUNT_MAX,
  NODE_STOP_MS_MAX,
  STALL_MS_MAX,
  SYSTEM_CALL_MS_MAX,
} from "../core/limits.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_LOGGED_END, AGENT_NODE } from "../pool/control_layout.ts";
import { Verbs } from "../pool/verbs.ts";
import { createRing } from "../rings/ring_layout.ts";
import {
  beginTenancy,
  FIRST_CELL_NODE,
  NO_NODE,
  NodeState,
  nodeStateOf,
} from "../routing/node_directory.ts";
import type { ManagedNode } from "./managed_node.ts";
import type { NodeManagerOptions } from "./node_manager_options.ts";
import type { NodeSet } from "./node_set.ts";
import { NodeThread } from "./node_thread.ts";
import { SAMPLE_GAP_MS_MAX, StallDetector } from "./stall_detector.ts";

/** What is called when a KN's thread has ended by itself. */
export type ThreadEndListener = (node: ManagedNode, reason: string, cause: unknown) => void;

/** Makes the KNs of one pool. */
export class NodeFactory {
  readonly #nodes: NodeSet;
  readonly #options: NodeManagerOptions;
  readonly #onEnd: ThreadEndListener;
  #lastId = NO_NODE;

  /** Makes none yet; `onEnd` is called when the thread of one has ended by itself. */
  constructor(nodes: NodeSet, options: NodeManagerOptions, onEnd: ThreadEndListener) {
    this.#nodes = nodes;
    this.#options = options;
    this.#onEnd = onEnd;
  }

  /** Makes so many KNs, whose threads are not started. */
  make(count: number): ManagedNode[] {
    return this.#freeAgents(count).map((agent) => this.#make(agent));
  }

  /**
   * Makes a KN in the place of one that has failed, the last of so many; undefined if no agent
   * block is free.
   */
  makeReplacement(node: ManagedNode, failures: number): ManagedNode | undefined {
    const agent = this.#freeAgents(1)[0];
    return agent === undefined ? undefined : this.#make(agent, node.place, failures);
  }

  /** Starts the threads of KNs, all or none. */
  async startThreads(nodes: readonly ManagedNode[]): Promise<void> {
    this.#nodes.starting = [...this.#nodes.starting, ...nodes];
    const results = await Promise.allSettled(nodes.map((node) => node.thread.start()));
    this.#nodes.starting = this.#nodes.starting.filter((node) => !nodes.includes(node));
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return;
    await Promise.all(nodes.map((node) => node.thread.stop(NODE_STOP_MS_MAX)));
    throw failed.reason;
  }

  #make(agent: number, givenPlace?: NodeId, failures = 0): ManagedNode {
    const { ringBytes, inFlightMax, region, spinMicros, log, statistics, workerCode, far } =
      this.#options;
    const { pool } = this.#nodes;
    const nodeId = this.#takeId();
    const agentAt = pool.agentAt(agent);
    pool.control.fill(0, agentAt, agentAt + AGENT_NODE);
    beginTenancy(pool, agent);
    new AgentCounters(pool, agent).reset();
    if (far !== undefined) {
      Atomics.store(pool.control, agentAt + AGENT_LOGGED_END, 0);
      new Verbs(pool, agent).reset();
    }
    const ring = createRing(ringBytes, inFlightMax, far === undefined ? 0 : ringBytes);
    const start = {
      pool: pool.handle,
      nodeId,
      agent,
      hostRing: ring,
      region,
      spinMicros,
      log: log?.place,
      statistics,
      far: far?.settings,
    };
    const onEnd = (reason: string, cause: unknown) => this.#onEnd(node, reason, cause);
    const node: ManagedNode = {
      nodeId,
      agent,
      place: givenPlace ?? nodeId,
      failures,
      startedAtMs: monotonicMs(),
      ring,
      thread: new NodeThread({ pool, workerCode, start, onEnd }),
      stalls: new StallDetector({
        stallMsMax: STALL_MS_MAX,
        systemCallMsMax: SYSTEM_CALL_MS_MAX,
        gapMsMax: SAMPLE_GAP_MS_MAX,
      }),
    };
    return node;
  }

  /** The next identity that no KN has had lately; an identity comes back only after all others. */
  #takeId(): NodeId {
    const { running, starting, retired } = this.#nodes;
    const known = [...running, ...starting, ...retired.nodes.map(({ node }) => node)];
    const used = new Set(known.flatMap(({ nodeId, place }) => [nodeId, place]));
    do {
      this.#lastId = ((this.#lastId + 1) % (NO_NODE + 1)) as NodeId;
    } while (this.#lastId >= FIRST_CELL_NODE || used.has(this.#lastId));
    return this.#lastId;
  }

  #freeAgents(count: number): number[] {
    const { running, starting, pool } = this.#nodes;
    const used = new Set([...running, ...starting].map((node) => node.agent));
    const free: number[] = [];
    for (let agent = 0; agent < NODE_COUNT_MAX && free.length < count; agent++) {
      const isFree = nodeStateOf(pool, agent) === NodeState.NONE;
      if (isFree && !used.has(agent)) free.push(agent);
    }
    return free;
  }
}
