/**
 * The M-node's hands: starts and stops KNs, and looks after them, by its parts.
 *
 * ```text
 *   node_manager -- scaling --------- node_factory        changes their number, moves slots
 *        |--------- failover -------- failure_detector    replaces those that have failed
 *        |--------- pool_repairs                          puts the books in order after deaths
 *        `--------- thread_starter                        gives threads to those that need one
 *   all of them share node_set: which KNs run, which are retired, which slot belongs to which
 * ```
 *
 * @module
 */
import { fenceExecutor, hasLeft } from "../agent/executor.ts";
import type { NodeId } from "../core/brands.ts";
import { NODE_STOP_MS_MAX } from "../core/limits.ts";
import { monotonicMs, sleep } from "../platform/runtime.ts";
import type { EncodedKey } from "../far/mnode/key_replication.ts";
import { AGENT_EXECUTOR } from "../pool/control_layout.ts";
import { RetiredPhase } from "../recovery/retired_nodes.ts";
import { isTakenEmpty, type RingHandle } from "../rings/ring_layout.ts";
import { initialiseOwners } from "../routing/ownership.ts";
import { assignSlots } from "../routing/virtual_node_ring.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { Failover } from "./failover.ts";
import { sealOpenFrom } from "./log_sealing.ts";
import { LEAVE_MS_MAX, type ManagedNode, RETRY_MS } from "./managed_node.ts";
import type { ScaleReport } from "./node_events.ts";
import { NodeFactory } from "./node_factory.ts";
import type { NodeManagerOptions } from "./node_manager_options.ts";
import { NodeSet } from "./node_set.ts";
import { PoolRepairs } from "./pool_repairs.ts";
import { Scaling } from "./scaling.ts";
import { ThreadStarter } from "./thread_starter.ts";

export type { NodeFailure, NodeRecovery, ScaleReport, ThreadFailure } from "./node_events.ts";

/** How long the other KNs have to stop after the store has failed, until they are terminated. */
const FAILED_STOP_MS_MAX = 1000;
/** How often to look whether a zombie has left that a closed store waits for. */
const SETTLE_RETRY_MS = 50;
/** How often sealing a KN's segment is tried; the store is none the worse if it is not. */
const SEAL_TRIES_MAX = 20;

/** Starts, stops, rebalances and replaces the KNs of one pool. */
export class NodeManager {
  readonly #nodes: NodeSet;
  readonly #factory: NodeFactory;
  readonly #threads: ThreadStarter;
  readonly #scaling: Scaling;
  readonly #failover: Failover;
  readonly #repairs: PoolRepairs;
  readonly #file: LogFile | undefined;
  readonly #startsLazily: boolean;

  /** Makes a manager without KNs. */
  constructor(options: NodeManagerOptions) {
    const { help, far, log } = options;
    const nodes = this.#nodes = new NodeSet(options);
    const factory = this.#factory = new NodeFactory(
      nodes,
      options,
      (node, reason, cause) => this.#failover.replace(node, reason, cause),
    );
    const threads = this.#threads = new ThreadStarter(nodes, help);
    this.#scaling = new Scaling(nodes, factory, far);
    this.#failover = new Failover({ nodes, factory, threads, help });
    this.#file = log?.file;
    this.#repairs = new PoolRepairs(nodes, this.#file);
    this.#startsLazily = options.startsLazily;
  }

  /** The running KNs: identity and agent block. */
  get nodes(): readonly { readonly nodeId: NodeId; readonly agent: number }[] {
    return this.#nodes.running;
  }

  /** KNs that have failed since the store was opened. */
  get failureCount(): number {
    return this.#failover.failureCount;
  }

  /** KNs that have failed and still hold slots, or are in the middle of a step. */
  get zombieCount(): number {
    return this.#nodes.retired.zombieCount;
  }

  /** Whether no thread of a retired KN may still change the pool, or write to its files. */
  get haveAllLetGo(): boolean {
    return this.#nodes.retired.nodes.every(({ phase, node }) =>
      phase !== RetiredPhase.IN_STEP && node.thread.hasLetGo
    );
  }

  /** Resolves when that is so, which may be never; keeps no process alive. */
  async whenAllHaveLetGo(): Promise<void> {
    while (!this.haveAllLetGo) {
      await sleep(SETTLE_RETRY_MS, { keepsAlive: false });
      this.#nodes.retired.advance();
    }
    this.#repairs.tendShared();
  }

  /** The rings between a client and the KN of an agent block. */
  ringOf(client: number, agent: number): RingHandle {
    return this.#nodes.ringOf(client, agent);
  }

  /** Whether the KNs have taken all requests of a client. */
  haveTakenAll(client: number): boolean {
    return this.#nodes.running.every((node) => isTakenEmpty(this.ringOf(client, node.agent)));
  }

  /** Starts the thread of the KN of an agent block, if it has none; returns nothing to wait for. */
  startThread(agent: number): void {
    this.#threads.startOfAgent(agent);
  }

  /** Starts the first KNs and gives them all slots. */
  async start(count: number): Promise<void> {
    const nodes = this.#factory.make(count);
    const places = nodes.map((node) => node.place);
    // Before there is a thread that could take one of them for its own.
    initialiseOwners(this.#nodes.pool, places.length === 1 ? places[0]! : assignSlots(places));
    if (!this.#startsLazily) await this.#factory.startThreads(nodes);
    this.#nodes.activate(nodes);
  }

  /** Has the KNs begin another segment, if the one that they hold open is at the pool's end. */
  async sealOpenFrom(first: number): Promise<void> {
    const { pool, running } = this.#nodes;
    for (const { agent } of running) {
      for (let i = 0; i < SEAL_TRIES_MAX; i++) {
        if (sealOpenFrom(pool, agent, first, this.#file)) break;
        await sleep(RETRY_MS);
      }
    }
  }

  /** Changes the number of KNs; see {@linkcode Scaling.scale}. */
  scale(count: number): Promise<ScaleReport> {
    return this.#scaling.scale(count);
  }

  /** Retires one KN while requests go on; undefined if it has failed, or was retired, meanwhile. */
  retire(nodeId: number): Promise<ScaleReport | undefined> {
    return this.#scaling.retire(nodeId);
  }

  /** Has a key of a far pool owned by so many KNs; see {@linkcode Scaling.replicate}. */
  replicate(key: EncodedKey, ownerCount: number): Promise<boolean> {
    return this.#scaling.replicate(key, ownerCount);
  }

  /**
   * Looks after the KNs: replaces those that have failed, and goes on with what is left of those
   * that are retired. Called regularly, and while the host's thread blocks, since workers' events
   * do not reach it then.
   */
  tend(): void {
    const { hasFailed, retired, farMoves, keys } = this.#nodes;
    if (hasFailed) return;
    this.#failover.look();
    this.#repairs.tendCleaner();
    this.#repairs.tendShared();
    retired.advance();
    this.#scaling.giveTaken();
    if (retired.hasZombies) farMoves?.markUnavailable();
    keys?.tend();
    this.#failover.endRecoveries();
    this.#repairs.repairIfNeeded();
    if (!this.#nodes.isStopping) this.#threads.startNeeded();
  }

  /**
   * Remembers what this thread has thrown while it executed requests in the place of a KN, which
   * fails by that.
   */
  noteHelpFailure(agent: number, error: unknown): void {
    this.#failover.noteHelpFailure(agent, error);
  }

  /**
   * Ends what a DPM processor has left that died, or threw, while it cleaned. Resolves when the
   * books are in order again.
   */
  endCleaning(): Promise<void> {
    return this.#repairs.endCleaning();
  }

  /**
   * Puts the books in order; false when a thread is in the middle of a step that may not go on, so
   * that they cannot be compared.
   */
  repair(): boolean {
    return this.#repairs.repair();
  }

  /** Asks the threads of all KNs to end, without a wait: this thread ends. */
  abandon(): void {
    for (const { thread } of this.#nodes.running) thread.requestStop();
  }

  /**
   * Stops all KNs: from here on no thread executes anything. Ends also if a thread does not:
   * {@linkcode haveAllLetGo} says so then.
   */
  async stop(): Promise<void> {
    const { retired, running } = this.#nodes;
    this.#nodes.isStopping = true;
    const stopMsMax = this.#nodes.hasFailed ? FAILED_STOP_MS_MAX : NODE_STOP_MS_MAX;
    await Promise.all(running.map((node) => this.#stopThread(node, stopMsMax)));
    this.#nodes.running = [];
    retired.keepSlots();
    for (const node of running) retired.add(node);
    await Promise.all(retired.nodes.map(({ node }) => node.thread.stop(FAILED_STOP_MS_MAX)));
    this.#repairs.tendShared();
    retired.advance();
    // A cleaner's thread is known to have ended by now; what it has moved is for the last snapshot.
    this.#repairs.tendShared();
  }

  /** Stops a KN's thread, and waits for a client that executes for it. */
  async #stopThread(node: ManagedNode, stopMsMax: number): Promise<void> {
    await node.thread.stop(stopMsMax);
    const at = this.#nodes.pool.agentAt(node.agent) + AGENT_EXECUTOR;
    const deadlineMs = monotonicMs() + LEAVE_MS_MAX;
    fenceExecutor(this.#nodes.pool.control, at);
    while (!hasLeft(this.#nodes.pool.control, at) && monotonicMs() < deadlineMs) {
      await sleep(RETRY_MS);
    }
  }
}
