/**
 * The M-node's hands: starts and stops KN threads, and moves slots between them.
 *
 * @module
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Client } from "../client/client.ts";
import { NodeConnection } from "../client/node_connection.ts";
import type { NodeId, Slot } from "../core/brands.ts";
import { NodeFailedError } from "../core/errors.ts";
import { NODE_COUNT_MAX, NODE_ID_COUNT, NODE_START_MS_MAX, SLOT_COUNT } from "../core/limits.ts";
import { wake } from "../node/idle_strategy.ts";
import { KvsNode } from "../node/kvs_node.ts";
import { LifeState, type NodeStart } from "../node/node_shell.ts";
import { AgentCounters } from "../pool/agent_counters.ts";
import {
  AGENT_BLOCK_WORDS,
  AGENT_LIFE_STATE,
  AGENT_STOP_WANTED,
  GATE_NODE_COUNT,
} from "../pool/control_layout.ts";
import type { StartedLog } from "../persistence/open_log.ts";
import type { Pool } from "../pool/pool.ts";
import { RequestConsumer } from "../rings/request_consumer.ts";
import { createRing, type RingHandle } from "../rings/ring_layout.ts";
import { initialiseOwner, loadOwner, moveSlot, ownerOf } from "../routing/ownership.ts";
import { assignSlots } from "../routing/virtual_node_ring.ts";

/** What `scale` did. */
export interface ScaleReport {
  /** Number of KNs before. */
  readonly from: number;
  /** Number of KNs after. */
  readonly to: number;
  /** Slots that changed owners, of 4096. */
  readonly slotsMoved: number;
  /** Bytes of records copied to move them. */
  readonly bytesMoved: number;
  /** How long it took to start threads, in milliseconds; not part of `durationMs`. */
  readonly startMs: number;
  /** How long the rest took, in milliseconds. */
  readonly durationMs: number;
  /** Longest time for which one slot had no owner, in milliseconds. */
  readonly longestPauseMs: number;
}

/** How KNs are run. */
export interface NodeManagerOptions {
  readonly pool: Pool;
  readonly client: Client;
  readonly workerUrl: string | URL;
  readonly ringBytes: number;
  readonly inFlightMax: number;
  readonly spinMicros: number;
  /** Whether clients execute requests in the KNs' place. */
  readonly help: boolean;
  /** Whether the first KNs get their threads with the first requests. */
  readonly startsLazily: boolean;
  /** The log, of a pool that has one. */
  readonly log: StartedLog | undefined;
  /** Called when a KN stops that was not asked to. */
  readonly onFailure: (error: NodeFailedError) => void;
}

interface RunningNode {
  readonly nodeId: NodeId;
  readonly agent: number;
  readonly ring: RingHandle;
  /** Undefined until the thread is started. */
  worker: Worker | undefined;
  /** Ends when the thread runs. */
  starting: Promise<void> | undefined;
  /** What the client executes requests with in the KN's place; undefined if it does not. */
  readonly helper: KvsNode | undefined;
  readonly connection: NodeConnection;
  isStopping: boolean;
  /** The thread has ended, or has thrown and is about to. */
  hasEnded: boolean;
}

/** Slots moved before the event loop gets a turn. */
const MOVES_PER_TURN = 256;
/** How long the other KNs have to stop after one has failed, until they are terminated. */
const FAILED_STOP_MS_MAX = 1000;
/** How long a thread that said it has stopped may take to end before it is terminated. */
const EXIT_MS_MAX = 2000;

/** Starts, stops and rebalances the KNs of one pool. */
export class NodeManager {
  readonly #options: NodeManagerOptions;
  readonly #pool: Pool;
  #nodes: RunningNode[] = [];
  #hasFailed = false;
  #lastId = (NODE_ID_COUNT - 1) as NodeId;

  /** Makes a manager without KNs. */
  constructor(options: NodeManagerOptions) {
    this.#options = options;
    this.#pool = options.pool;
  }

  /** The running KNs: identity and agent block. */
  get nodes(): readonly { readonly nodeId: NodeId; readonly agent: number }[] {
    return this.#nodes;
  }

  /** Starts the first KNs and gives them all slots. */
  async start(count: number): Promise<void> {
    this.#nodes = await this.#startNodes(count, this.#options.startsLazily);
    const owners = assignSlots(this.#nodes.map((node) => node.nodeId));
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      initialiseOwner(this.#pool, slot as Slot, owners[slot]!);
    }
    for (const node of this.#nodes) this.#options.client.connect(node.connection);
  }

  /** Changes the number of KNs while requests go on. */
  async scale(count: number): Promise<ScaleReport> {
    const from = this.#nodes.length;
    const startMs = performance.now();
    if (count > from) {
      const started = await this.#startNodes(count - from);
      this.#nodes = [...this.#nodes, ...started];
      for (const node of started) this.#options.client.connect(node.connection);
    }
    const movesStartMs = performance.now();
    const leaving = this.#nodes.slice(count);
    const moves = await this.#assign(this.#nodes.slice(0, count));
    this.#nodes = this.#nodes.slice(0, count);
    for (const node of leaving) await this.#retire(node);
    Atomics.store(this.#pool.control, GATE_NODE_COUNT, this.#nodes.length);
    return {
      from,
      to: count,
      slotsMoved: moves.count,
      // I7: a move swaps two words of the slot, and no path from here reads or writes a record.
      bytesMoved: 0,
      startMs: movesStartMs - startMs,
      durationMs: performance.now() - movesStartMs,
      longestPauseMs: moves.longestPauseMs,
    };
  }

  /**
   * Reports a KN that has failed. Workers report their errors as events too, but those do not reach a thread that blocks.
   */
  checkNodes(): void {
    const failed = this.#nodes.find(({ agent }) =>
      Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + AGENT_LIFE_STATE) ===
        LifeState.FAILED
    );
    if (failed) this.#fail(new NodeFailedError(`KN ${failed.nodeId} failed`));
  }

  #fail(error: NodeFailedError): void {
    this.#hasFailed = true;
    this.#options.onFailure(error);
  }

  /** Stops all KNs; nothing may be in flight. */
  async stop(): Promise<void> {
    const nodes = this.#nodes;
    this.#nodes = [];
    await Promise.all(nodes.map((node) => this.#stopNode(node)));
  }

  async #assign(nodes: readonly RunningNode[]): Promise<{ count: number; longestPauseMs: number }> {
    const owners = assignSlots(nodes.map((node) => node.nodeId));
    let count = 0;
    let longestPauseMs = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = owners[slot]!;
      if (ownerOf(loadOwner(this.#pool, slot as Slot)) === owner) continue;
      const startMs = performance.now();
      moveSlot(this.#pool, slot as Slot, owner);
      longestPauseMs = Math.max(longestPauseMs, performance.now() - startMs);
      count += 1;
      if (count % MOVES_PER_TURN === 0) await setImmediate();
    }
    return { count, longestPauseMs };
  }

  /** Stops a KN that owns nothing any more, once it has answered what is still in its ring. */
  async #retire(node: RunningNode): Promise<void> {
    const { client } = this.#options;
    client.flush();
    while (node.connection.producer.inFlightCount !== 0) {
      client.poll();
      await setImmediate();
    }
    client.disconnect(node.connection);
    await this.#stopNode(node);
  }

  async #startNodes(count: number, isLazy = false): Promise<RunningNode[]> {
    const agents = this.#freeAgents(count);
    const starting = agents.map((agent) => this.#startNode(agent, isLazy));
    const results = await Promise.allSettled(starting);
    const failed = results.find((result) => result.status === "rejected");
    const started = results.flatMap((result) =>
      result.status === "fulfilled" ? [result.value] : []
    );
    if (failed) {
      await Promise.all(started.map((node) => this.#stopNode(node)));
      throw failed.reason;
    }
    Atomics.add(this.#pool.control, GATE_NODE_COUNT, count);
    return started;
  }

  async #startNode(agent: number, isLazy: boolean): Promise<RunningNode> {
    const { ringBytes, inFlightMax } = this.#options;
    const nodeId = this.#takeId();
    const agentAt = this.#pool.agentAt(agent);
    this.#pool.control.fill(0, agentAt, agentAt + AGENT_BLOCK_WORDS);
    new AgentCounters(this.#pool, agent).reset();
    const ring = createRing(ringBytes, inFlightMax);
    const helper = this.#makeHelper(nodeId, agent, ring);
    const node: RunningNode = {
      nodeId,
      agent,
      ring,
      worker: undefined,
      starting: undefined,
      helper,
      connection: new NodeConnection(
        nodeId,
        agentAt,
        ring,
        (publish) => helper === undefined ? 0 : this.#help(nodeId, helper, publish),
      ),
      isStopping: false,
      hasEnded: false,
    };
    if (isLazy) node.connection.start = () => this.#startInBackground(node);
    else await this.#startThread(node);
    return node;
  }

  /** Starts the thread of a KN for which its client has requests, and executes them itself meanwhile. */
  #startInBackground(node: RunningNode): void {
    node.connection.start = undefined;
    node.starting = this.#startThread(node);
    node.starting.catch((error) => this.#fail(error));
  }

  async #startThread(node: RunningNode): Promise<void> {
    const { workerUrl, spinMicros } = this.#options;
    const { nodeId, agent, ring } = node;
    const agentAt = this.#pool.agentAt(agent);
    Atomics.store(this.#pool.control, agentAt + AGENT_LIFE_STATE, LifeState.STARTING);
    const workerData: NodeStart = {
      pool: this.#pool.handle,
      nodeId,
      agent,
      rings: [ring],
      spinMicros,
      log: this.#options.log?.place,
    };
    const worker = new Worker(workerUrl instanceof URL ? workerUrl : new URL(workerUrl), {
      workerData,
    });
    node.worker = worker;
    let failure: NodeFailedError | undefined;
    const end = (reason: string, cause?: unknown) => {
      node.hasEnded = true;
      fail(reason, cause);
    };
    const fail = (reason: string, cause?: unknown) => {
      if (failure || node.isStopping) return;
      failure = new NodeFailedError(`KN ${nodeId} ${reason}`, { cause });
      if (this.#nodes.includes(node)) this.#fail(failure);
    };
    worker.on("error", (error) => end(`failed: ${String(error)}`, error));
    worker.on("exit", (code) => end(`ended by itself with exit code ${code}`));
    const deadlineMs = performance.now() + NODE_START_MS_MAX;
    while (Atomics.load(this.#pool.control, agentAt + AGENT_LIFE_STATE) !== LifeState.RUNNING) {
      if (performance.now() > deadlineMs) fail(`did not start within ${NODE_START_MS_MAX} ms`);
      if (failure) {
        node.isStopping = true;
        Atomics.store(this.#pool.control, agentAt + AGENT_LIFE_STATE, LifeState.NONE);
        void worker.terminate();
        throw failure;
      }
      await setTimeout(1);
    }
    worker.unref();
  }

  /** What the client executes requests with in the KN's place. */
  #makeHelper(
    nodeId: NodeId,
    agent: number,
    ring: RingHandle,
  ): KvsNode | undefined {
    if (!this.#options.help) return undefined;
    return new KvsNode({
      pool: this.#pool,
      nodeId,
      agent,
      consumers: [new RequestConsumer(ring)],
      clock: Date.now,
      isHelper: true,
      file: this.#options.log?.file,
    });
  }

  #help(nodeId: NodeId, helper: KvsNode, publish: () => void): number {
    try {
      return helper.doWork(publish);
    } catch (error) {
      // It has left the KN in the middle of a step, like a KN that throws.
      this.#fail(new NodeFailedError(`KN ${nodeId} failed: ${String(error)}`, { cause: error }));
      return 0;
    }
  }

  /** The next identity that no running KN has; an identity comes back only after all others. */
  #takeId(): NodeId {
    do {
      this.#lastId = ((this.#lastId + 1) % NODE_ID_COUNT) as NodeId;
    } while (this.#nodes.some((node) => node.nodeId === this.#lastId));
    return this.#lastId;
  }

  #freeAgents(count: number): number[] {
    const used = new Set(this.#nodes.map((node) => node.agent));
    const free: number[] = [];
    for (let agent = 0; agent < NODE_COUNT_MAX && free.length < count; agent++) {
      if (!used.has(agent)) free.push(agent);
    }
    return free;
  }

  async #stopNode(node: RunningNode): Promise<void> {
    node.connection.start = undefined;
    // A thread that has been started can be stopped when it runs; if it fails, there is nothing to stop.
    await node.starting?.catch(() => {});
    node.isStopping = true;
    const { worker } = node;
    if (worker === undefined) return node.helper?.close();
    const agentAt = this.#pool.agentAt(node.agent);
    const lifeState = agentAt + AGENT_LIFE_STATE;
    if (node.hasEnded || Atomics.load(this.#pool.control, lifeState) === LifeState.FAILED) return;
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    Atomics.store(this.#pool.control, agentAt + AGENT_STOP_WANTED, 1);
    wake(this.#pool.control, agentAt);
    const stopMsMax = this.#hasFailed ? FAILED_STOP_MS_MAX : NODE_START_MS_MAX;
    const deadlineMs = performance.now() + stopMsMax;
    while (Atomics.load(this.#pool.control, lifeState) !== LifeState.STOPPED) {
      if (performance.now() > deadlineMs) {
        // A KN that died inside a step may have left a lock behind on which this one spins.
        await worker.terminate();
        if (this.#hasFailed) return;
        throw new NodeFailedError(`KN ${node.nodeId} did not stop within ${stopMsMax} ms`);
      }
      await setTimeout(1);
    }
    // The thread has left its loop and ends by itself; a reference makes the process wait for that.
    worker.ref();
    const timeout = new AbortController();
    await Promise.race([
      exited,
      setTimeout(EXIT_MS_MAX, undefined, { signal: timeout.signal }).then(() => worker.terminate()),
    ]);
    timeout.abort();
  }
}
