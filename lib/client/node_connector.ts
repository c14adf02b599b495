/**
 * Keeps the rings of a client connected to the KNs that the node directory lists
 * (routing/node_directory.ts).
 *
 * @module
 */
import { NODE_COUNT_MAX } from "../core/limits.ts";
import type { NodeId } from "../core/brands.ts";
import { epochMs } from "../platform/runtime.ts";
import type { Pool } from "../pool/pool.ts";
import { RequestConsumer } from "../rings/request_consumer.ts";
import type { RingHandle } from "../rings/ring_layout.ts";
import { KvsNode } from "../node/kvs_node.ts";
import { abandonExecutor, clientExecutor } from "../agent/executor.ts";
import { abandonCleaners } from "../dpm/shared_cleaners.ts";
import type { Checkpointer } from "../persistence/checkpointer.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_EXECUTOR, AGENT_THREAD_WANTED } from "../pool/control_layout.ts";
import {
  isNodesEpoch,
  nodeOfAgent,
  nodesEpoch,
  NodeState,
  nodeStateOf,
} from "../routing/node_directory.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";
import { NodeConnection, OwnPut } from "./node_connection.ts";
import type { RingCarrier } from "./ring_carrier.ts";

/** What a connector is made of. */
export interface NodeConnectorOptions {
  readonly pool: Pool;
  readonly clientId: number;
  /** The rings between this client and the KN of an agent block. */
  readonly ringOf: (agent: number) => RingHandle;
  /** Whether the client executes requests in the KNs' place. */
  readonly help: boolean;
  /** The image, if what is written has to be logged. */
  readonly file: LogFile | undefined;
  /** Writes the checkpoints that free segments; the host's only. */
  readonly checkpointer?: Checkpointer | undefined;
  /** Where it is counted how long KNs are occupied, if there are statistics. */
  readonly statistics?: StatisticsRegion | undefined;
  /** Called with the rings of a KN before the first request to it. */
  readonly onConnect?: ((agent: number, ring: RingHandle) => void) | undefined;
  /**
   * Called when requests are handed over to a KN for the first time: its thread may not have been
   * started yet. Without it the M-node sees the wish when it looks next.
   */
  readonly onHandOver?: ((agent: number) => void) | undefined;
  /** Called with what executing requests in the place of a KN has thrown. */
  readonly onHelpFailed?: ((agent: number, error: unknown) => void) | undefined;
}

/** Connects one client. */
export class NodeConnector {
  readonly #options: NodeConnectorOptions;
  readonly #connections: (NodeConnection | undefined)[] = [];
  /** What executes requests in the KNs' places. */
  readonly #helpers: (KvsNode | undefined)[] = [];
  #epoch = -1;

  /** Makes a connector that has not looked at the directory yet. */
  constructor(options: NodeConnectorOptions) {
    this.#options = options;
  }

  /**
   * Connects KNs that are new, and takes leave of those that are gone; one load if there are none.
   */
  update(carrier: RingCarrier): void {
    const { pool } = this.#options;
    if (isNodesEpoch(pool, this.#epoch)) return;
    this.#epoch = nodesEpoch(pool);
    const gone: NodeConnection[] = [];
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      const nodeId = nodeOfAgent(pool, agent);
      const isActive = nodeStateOf(pool, agent) === NodeState.ACTIVE;
      const connection = this.#connections[agent];
      if (connection !== undefined && (connection.nodeId !== nodeId || !isActive)) {
        this.#connections[agent] = this.#helpers[agent] = undefined;
        gone.push(connection);
      }
      if (isActive && this.#connections[agent] === undefined) this.#connect(carrier, agent, nodeId);
    }
    // Afterwards: what they have not answered is sent to the new ones.
    for (const connection of gone) carrier.retire(connection);
  }

  /** Lets go of all rings: nothing is in flight, or nothing will be answered any more. */
  close(): void {
    // What this thread keeps, it keeps for all of them.
    this.#helpers.some((helper) => helper?.leave());
    this.#helpers.length = 0;
    for (const connection of this.#connections) connection?.producer.setConnected(0);
    this.#connections.length = 0;
  }

  #connect(carrier: RingCarrier, agent: number, nodeId: NodeId): void {
    const { pool, ringOf, onHandOver } = this.#options;
    const ring = ringOf(agent);
    const helper = this.#helpers[agent] = this.#makeHelper(agent, nodeId, ring);
    const execute = (publish: () => void) =>
      helper === undefined ? 0 : this.#help(helper, agent, publish);
    const puts = helper?.ownPuts;
    const commits = helper?.ownCommits;
    const put = puts && this.#maker(agent, puts.put.bind(puts));
    const commit = commits && this.#maker(agent, commits.commit.bind(commits));
    const agentAt = pool.agentAt(agent);
    const connection = new NodeConnection(nodeId, agentAt, ring, execute, put, commit);
    connection.producer.setConnected(nodeId + 1);
    // The M-node may have given the block to another KN before it saw this client at the ring.
    if (nodeOfAgent(pool, agent) !== nodeId) return connection.producer.setConnected(0);
    connection.start = () => {
      connection.start = undefined;
      Atomics.store(pool.control, connection.agentAt + AGENT_THREAD_WANTED, 1);
      onHandOver?.(agent);
    };
    this.#options.onConnect?.(agent, ring);
    this.#connections[agent] = connection;
    carrier.connect(connection);
  }

  /** What executes this client's requests in the KN's place. */
  #makeHelper(agent: number, nodeId: NodeId, ring: RingHandle): KvsNode | undefined {
    const { pool, clientId, help, file, checkpointer, statistics } = this.#options;
    if (!help) return undefined;
    const consumers = [new RequestConsumer(ring)];
    const executor = clientExecutor(clientId);
    const clock = epochMs;
    const parts = {
      pool,
      nodeId,
      agent,
      consumers,
      clock,
      executor,
      file,
      checkpointer,
      statistics,
    };
    return new KvsNode(parts);
  }

  /** What makes changes of this thread's own in a KN's place. */
  #maker<Asked extends unknown[]>(
    agent: number,
    make: (...asked: Asked) => boolean,
  ): (...asked: Asked) => number {
    return (...asked) => {
      try {
        return make(...asked) ? OwnPut.ANSWERED : OwnPut.NOT_MADE;
      } catch (error) {
        this.#leaveFailed(agent, error);
        return OwnPut.FAILED;
      }
    };
  }

  #help(helper: KvsNode, agent: number, publish: () => void): number {
    try {
      const work = helper.doWork(publish);
      if (work === 0 && helper.isStalledWithoutThread) helper.waitWhileStalled();
      return work;
    } catch (error) {
      this.#leaveFailed(agent, error);
      return 0;
    }
  }

  /**
   * This thread has left a KN in the middle of a step, like a KN that throws: the M-node takes it
   * from there.
   */
  #leaveFailed(agent: number, error: unknown): void {
    const { pool, clientId } = this.#options;
    this.#options.onHelpFailed?.(agent, error);
    const executor = clientExecutor(clientId);
    abandonExecutor(pool.control, pool.agentAt(agent) + AGENT_EXECUTOR, executor);
    abandonCleaners(pool, executor);
  }
}
