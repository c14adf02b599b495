/**
 * The M-node's hands: starts and stops KNs, moves slots between them, and replaces those that fail.
 *
 * Failover needs nobody but the M-node. The failed KN is fenced and its slots are given to a new KN in its place, which can execute
 * requests at once, since a KN needs no thread of its own to be executed for. Clients find out by the node directory what the
 * old one has answered, and send the rest to the new one (client/retired_requests.ts). What the old one still holds is released
 * when its thread has left its step or has ended (retired_nodes.ts). Nothing is copied (I7), and no slot ever has two owners (I1).
 *
 * @module
 */
import { trace, TRACED } from "../core/debug.ts";
import type { NodeId, Slot } from "../core/brands.ts";
import { NodeFailedError } from "../core/errors.ts";
import {
  NODE_COUNT_MAX,
  NODE_STOP_MS_MAX,
  SLOT_COUNT,
  STALL_MS_MAX,
  SYSTEM_CALL_MS_MAX,
  THREAD_STARTS_MAX,
  THREAD_STARTS_URGENT_MAX,
} from "../core/limits.ts";
import { epochMs, monotonicMs, nextTurn, sleep } from "../core/runtime.ts";
import { hasThreadEnded } from "../core/thread_identity.ts";
import { clientOf, Executor, fenceExecutor, hasLeft } from "../agent/executor.ts";
import type { FarSettings } from "../node/far_settings.ts";
import { forgetDeath, hasDied, LifeState, lifeState } from "../agent/liveness.ts";
import type { StartedLog } from "../persistence/open_log.ts";
import { AgentCounters } from "../pool/agent_counters.ts";
import {
  AGENT_DPM,
  AGENT_EXECUTOR,
  AGENT_HEARTBEAT,
  AGENT_IN_SYSTEM_CALL,
  AGENT_LOGGED_END,
  AGENT_MERGERS,
  AGENT_NODE,
  AGENT_STEPS,
  GATE_NODE_COUNT,
  REPAIR_WANTED,
  SLOT_EXPIRING_COUNT,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { Verbs } from "../pool/verbs.ts";
import { createRing, isTakenEmpty, type RingHandle } from "../rings/ring_layout.ts";
import { attachedRing, hasAttachedRing, type RingRegion } from "../rings/ring_region.ts";
import { clientThread, HOST_CLIENT, isClientThere } from "../routing/client_registry.ts";
import {
  announceNodes,
  beginTenancy,
  FIRST_CELL_NODE,
  NO_NODE,
  NodeState,
  nodeStateOf,
  setNode,
} from "../routing/node_directory.ts";
import { initialiseOwner, slotOwner, tryMoveSlot } from "../routing/ownership.ts";
import { endMerging } from "../far/log/log_merger.ts";
import { assignSlots } from "../routing/virtual_node_ring.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";
import { recoverProcessor, type StepRecoveryReport } from "../recovery/step_recovery.ts";
import { type RetiredNode, RetiredNodes } from "../recovery/retired_nodes.ts";
import { endDeadMerger, type MergerDeath } from "../recovery/merger_recovery.ts";
import { FarMoves } from "../far/mnode/far_moves.ts";
import { FarRebalance } from "../far/mnode/far_rebalance.ts";
import { type EncodedKey, KeyReplication } from "../far/mnode/key_replication.ts";
import type { ManagedNode } from "./managed_node.ts";
import { NodeThread } from "./node_thread.ts";
import { repairPool } from "../recovery/reconciliation.ts";
import { ProgressLimit } from "./progress_limit.ts";
import { SAMPLE_GAP_MS_MAX, StallDetector } from "./stall_detector.ts";

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

/** A KN that has failed. */
export interface NodeFailure {
  /** Identity of the KN. */
  readonly node: number;
  /** What happened to it. */
  readonly reason: string;
  /** What its thread has thrown, or this one in its place; undefined if that is not known. */
  readonly cause: unknown;
  /** Identity of the KN that has taken its place. */
  readonly replacement: number;
  /** Slots that were given to the replacement at once, and slots that the failed KN still holds. */
  readonly slotsMoved: number;
  /** See {@linkcode slotsMoved}. */
  readonly slotsHeld: number;
}

/** A failed KN of which nothing is left. */
export interface NodeRecovery {
  /** Identity of the KN. */
  readonly node: number;
  /** Identity of the KN that has taken its place. */
  readonly replacement: number;
  /** Changes that its thread had begun when it died, and that were completed. */
  readonly changesCompleted: number;
  /** From its failure until every slot could be written again, and its thread was in no step any more, in milliseconds. */
  readonly durationMs: number;
}

/** A KN whose thread could not be started. Its requests are executed by the threads that make them. */
export interface ThreadFailure {
  /** Identity of the KN. */
  readonly node: number;
  /** Why the last attempt failed; its `cause` is what the runtime reported. */
  readonly error: NodeFailedError;
}

/** What the M-node reports. */
export interface NodeEvents {
  onNodeAdded(node: number): void;
  onNodeRemoved(node: number): void;
  onNodeFailed(failure: NodeFailure): void;
  onNodeRecovered(recovery: NodeRecovery): void;
  onSlotsMoved(report: ScaleReport): void;
  /** Called when a KN's thread cannot be started, and clients execute for it. */
  onThreadless(failure: ThreadFailure): void;
  /** Called when KNs fail for good: the store cannot go on. */
  onHopeless(error: NodeFailedError): void;
}

/** How KNs are run. */
export interface NodeManagerOptions {
  readonly pool: Pool;
  readonly workerUrl: string | URL;
  readonly ringBytes: number;
  readonly inFlightMax: number;
  /** The rings of the threads that attach. */
  readonly region: RingRegion;
  readonly spinMicros: number;
  /** Whether the first KNs get their threads with the first requests. */
  readonly startsLazily: boolean;
  /** Whether clients execute what KNs have no threads for. */
  readonly help: boolean;
  /** The log, of a pool that has one. */
  readonly log: StartedLog | undefined;
  /** Where clients and the M-node count, if there are statistics. */
  readonly statistics: StatisticsRegion | undefined;
  /** Set if the pool is a far one. */
  readonly far?: FarNodes | undefined;
  readonly events: NodeEvents;
}

/** How the KNs of a far pool are run. */
export interface FarNodes {
  readonly settings: FarSettings;
  /** Has DPM processors merge what has been logged by now. */
  readonly mergeLogs: () => Promise<void>;
}

/** Slots moved before the event loop gets a turn. */
const MOVES_PER_TURN = 256;
/** How long to wait for somebody who is inside a KN that is to end. */
const LEAVE_MS_MAX = 1000;
/** How long the other KNs have to stop after the store has failed, until they are terminated. */
const FAILED_STOP_MS_MAX = 1000;
/** A KN that fails sooner than this, or before it has answered a request, counts as failing at once; so many in a row are hopeless. */
const QUICK_FAILURE_MS = 1000;
const QUICK_FAILURES_MAX = 20;
/** How often to look whether a zombie has left that a closed store waits for. */
const SETTLE_RETRY_MS = 50;
/** How often to look whether a KN without a thread has records that expire. */
const SWEEPERS_INTERVAL_MS = 500;
/** How often to look whether somebody who was inside a retired KN has left. */
const RETRY_MS = 1;

/** Starts, stops, rebalances and replaces the KNs of one pool. */
export class NodeManager {
  /** KNs that have failed since the store was opened. */
  failureCount = 0;
  readonly #options: NodeManagerOptions;
  readonly #pool: Pool;
  readonly #gone: RetiredNodes<ManagedNode>;
  /** How slots are moved in a far pool. */
  readonly #farMoves: FarMoves | undefined;
  /** Which keys several KNs own, in a far pool. */
  readonly #keys: KeyReplication | undefined;
  /** Mergers whose threads have died in the middle of a step, and that are not repaired yet. */
  #mergerDeaths: MergerDeath[] = [];
  #nodes: ManagedNode[] = [];
  /** KNs whose threads are being started, and that are in no list yet. */
  #starting: ManagedNode[] = [];
  /** Failures that are not over, with their replacements. */
  #recovering = new Map<RetiredNode<ManagedNode>, ManagedNode>();
  /** A DPM processor that has died while it cleaned, until the books are in order. */
  #deadCleaner:
    | { readonly report: StepRecoveryReport; readonly onRepaired: () => void }
    | undefined;
  /** Whom each slot belongs to, for a list of KNs. */
  #assigned:
    | { readonly nodes: readonly ManagedNode[]; readonly owners: readonly NodeId[] }
    | undefined;
  /** KNs that are to be left, while others are about to be retired. */
  #stayingCount: number | undefined;
  #hasFailed = false;
  /** KNs are being stopped: one that fails now is not replaced. */
  #isStopping = false;
  /** What this thread has thrown while it executed for a KN, by the identity of that. */
  readonly #helpFailures = new Map<number, unknown>();
  #nextSweepersMs = 0;
  #lastId = NO_NODE;
  /** Slots that are being moved to other KNs. */
  #farRebalance: FarRebalance | undefined;

  /** Makes a manager without KNs. */
  constructor(options: NodeManagerOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#farMoves = options.far === undefined ? undefined : new FarMoves({
      pool: options.pool,
      agentOf: (nodeId) => this.#agentOf(nodeId),
      clock: epochMs,
    });
    this.#keys = this.#farMoves && new KeyReplication({
      pool: options.pool,
      farMoves: this.#farMoves,
      nodes: () => this.#nodes.slice(0, this.#stayingCount),
      assignedTo: (slot) => this.#assignment(this.#nodes)[slot]!,
      now: monotonicMs,
    });
    this.#gone = new RetiredNodes<ManagedNode>({
      pool: options.pool,
      file: options.log?.file,
      clientCount: options.region.clientCount,
      ringOf: (client, agent) => this.ringOf(client, agent),
      hasRing: (client, agent) => hasAttachedRing(options.region, client, agent),
      now: monotonicMs,
      assignedTo: (slot) => this.#assignment(this.#nodes)[slot]!,
      farMoves: this.#farMoves,
    });
  }

  /** The agent block of a KN that runs, or is gone. */
  #agentOf(nodeId: NodeId): number | undefined {
    const isWanted = (node: ManagedNode) => node.nodeId === nodeId;
    return (this.#nodes.find(isWanted) ??
      this.#gone.nodes.find(({ node }) => isWanted(node))?.node)?.agent;
  }

  /** The running KNs: identity and agent block. */
  get nodes(): readonly { readonly nodeId: NodeId; readonly agent: number }[] {
    return this.#nodes;
  }

  /** KNs that have failed and still hold slots, or are in the middle of a step. */
  get zombieCount(): number {
    return this.#gone.nodes.filter(({ isQuiet, stuck }) => !isQuiet || stuck.length > 0).length;
  }

  /** Whether no thread is in the middle of a step of a KN that is gone. */
  get isSettled(): boolean {
    return !this.#gone.hasZombies;
  }

  /** Whether no thread of a KN that is gone may still change the pool, or write to its files. */
  get haveAllLetGo(): boolean {
    return this.#gone.nodes.every(({ isQuiet, node }) => isQuiet && node.thread.hasLetGo);
  }

  /** Resolves when that is so, which may be never; keeps no process alive. */
  async whenAllHaveLetGo(): Promise<void> {
    while (!this.haveAllLetGo) {
      await sleep(SETTLE_RETRY_MS, { keepsAlive: false });
      this.#gone.advance();
    }
    if (this.#farMoves !== undefined) this.#tendMergers();
  }

  /** The rings between a client and the KN of an agent block. */
  ringOf(client: number, agent: number): RingHandle {
    if (client !== HOST_CLIENT) return attachedRing(this.#options.region, client, agent);
    const isOfAgent = (node: ManagedNode) => node.agent === agent;
    return (this.#nodes.find(isOfAgent) ??
      this.#gone.nodes.find(({ node }) => isOfAgent(node))!.node).ring;
  }

  /** Starts the thread of the KN of an agent block, if it has none; returns nothing to wait for. */
  startThread(agent: number): void {
    const node = this.#nodes.find((other) => other.agent === agent);
    if (node !== undefined && !node.thread.isStarted) this.#startInBackground(node);
  }

  /** Starts the first KNs and gives them all slots. */
  async start(count: number): Promise<void> {
    const nodes = this.#makeNodes(count);
    const owners = assignSlots(nodes.map((node) => node.place));
    // Before there is a thread that could take one of them for its own.
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      initialiseOwner(this.#pool, slot as Slot, owners[slot]!);
    }
    if (!this.#options.startsLazily) await this.#startThreads(nodes);
    this.#activate(nodes);
  }

  /**
   * Changes the number of KNs while requests go on. Slots that a failed KN does not let go are not waited for: they are given to
   * whom they are assigned when it does.
   *
   * @throws {UnavailableError} when other slots cannot be moved for too long; see progress_limit.ts
   */
  async scale(count: number): Promise<ScaleReport> {
    try {
      return await this.#scale(count);
    } finally {
      this.#stayingCount = undefined;
    }
  }

  async #scale(count: number): Promise<ScaleReport> {
    const from = this.#nodes.length;
    const startMs = monotonicMs();
    if (count > from) {
      const nodes = this.#makeNodes(count - from);
      await this.#startThreads(nodes);
      this.#activate(nodes);
    }
    const movesStartMs = monotonicMs();
    const leaving = this.#nodes.slice(count).map(({ place }) => place);
    // First: what this gives to one KN again may be given to one that leaves, and then moves with the rest.
    await this.#leaveKeys(count);
    const moves =
      await (this.#farMoves === undefined
        ? this.#rebalance(count)
        : this.#rebalanceFar(count, this.#farMoves));
    // By place: a KN may have failed, and been replaced, since the list was made.
    const isLeaving = (node: ManagedNode) => leaving.includes(node.place);
    const retired = this.#nodes.filter(isLeaving);
    await Promise.all(retired.map((node) => this.#retire(node)));
    const report: ScaleReport = {
      from,
      to: this.#nodes.length,
      slotsMoved: moves.count,
      // I7: a move swaps two words of the slot, and no path from here reads or writes a record.
      bytesMoved: 0,
      startMs: movesStartMs - startMs,
      durationMs: monotonicMs() - movesStartMs,
      longestPauseMs: moves.longestPauseMs,
    };
    if (report.slotsMoved > 0) this.#options.events.onSlotsMoved(report);
    if (TRACED.slots) trace("slots", `scaled: ${JSON.stringify(report)}`);
    return report;
  }

  /** Retires one KN while requests go on; undefined if it has failed, or was retired, meanwhile. */
  async retire(nodeId: number): Promise<ScaleReport | undefined> {
    const node = this.#nodes.find((other) => other.nodeId === nodeId);
    if (node === undefined) return undefined;
    // Scaling down retires the last ones of the list.
    this.#nodes = [...this.#nodes.filter((other) => other !== node), node];
    return await this.scale(this.#nodes.length - 1);
  }

  /**
   * Has a key of a far pool owned by so many KNs, at most all of them, or by one.
   *
   * @returns false when as many keys as there may be have several owners already
   * @throws {UnavailableError} when that is not possible for too long
   */
  async replicate(key: EncodedKey, ownerCount: number): Promise<boolean> {
    const keys = this.#keys!;
    const limit = this.#limit("changing the number of a key's owners");
    while (!this.#hasFailed) {
      const count = Math.min(ownerCount, this.#nodes.length);
      if (count < 2) {
        if (keys.tryDereplicate(key)) return true;
      } else {
        const outcome = keys.tryReplicate(key, count);
        if (outcome !== "again") return outcome === "done";
      }
      limit.check(0);
      await sleep(RETRY_MS);
    }
    return true;
  }

  /** Sees to it that KNs that are about to be retired own no key that others own, too. */
  async #leaveKeys(count: number): Promise<void> {
    if (this.#keys === undefined || count >= this.#nodes.length) return;
    this.#stayingCount = count;
    const limit = this.#limit("taking replicated keys from KNs that are retired");
    for (let isDone = false; !isDone && !this.#hasFailed;) {
      isDone = count > 1 ? this.#keys.tryLeave() : this.#keys.tryDereplicateLone();
      if (isDone) break;
      limit.check(0);
      await sleep(RETRY_MS);
    }
  }

  #limit(what: string): ProgressLimit {
    return new ProgressLimit(what, () => !this.isSettled, () => monotonicMs());
  }

  /**
   * Looks after the KNs: replaces those that have failed, and goes on with what is left of those that are gone. Called regularly, and
   * while the host's thread blocks, since workers' events do not reach it then.
   */
  tend(): void {
    if (this.#hasFailed) return;
    for (const node of this.#isStopping ? [] : this.#nodes) {
      const reason = this.#failureOf(node);
      if (reason !== undefined) this.#fail(node, reason, this.#helpFailures.get(node.nodeId));
      else if (node.thread.isOverdue && !this.#options.help) {
        this.#giveUp(
          new NodeFailedError(`KN ${node.nodeId} has no thread: it did not start in time`),
        );
      }
    }
    if (hasDied(this.#pool, AGENT_DPM)) this.#settleCleaner(() => {});
    if (this.#farMoves !== undefined) this.#tendMergers();
    this.#gone.advance();
    this.#farRebalance?.give();
    if (!this.isSettled) this.#farMoves?.markUnavailable();
    this.#keys?.tend();
    this.#endRecoveries();
    const isWanted = Atomics.load(this.#pool.control, REPAIR_WANTED) !== 0;
    const isDead = this.#unrepaired.length > 0 || this.#deadCleaner !== undefined ||
      this.#mergerDeaths.length > 0;
    if (isWanted || isDead) this.repair();
    if (!this.#isStopping) this.#startSweepers();
  }

  /** Ends what mergers have left that died, or threw, in the middle of a step. */
  #tendMergers(): void {
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      if (hasDied(this.#pool, AGENT_MERGERS + agent)) endMerging(this.#pool, agent);
      const death = endDeadMerger(this.#pool, agent, this.#options.log?.file);
      if (death !== undefined) this.#mergerDeaths.push(death);
    }
  }

  /**
   * Ends what a DPM processor has left behind that died, or threw, while it cleaned. Resolves when the books are in order again.
   */
  endCleaning(): Promise<void> {
    return new Promise((onRepaired) => this.#settleCleaner(onRepaired));
  }

  #settleCleaner(onRepaired: () => void): void {
    forgetDeath(this.#pool, AGENT_DPM);
    const report = this.#deadCleaner?.report ??
      recoverProcessor(this.#pool, AGENT_DPM, this.#options.log?.file);
    this.#deadCleaner = { report, onRepaired };
  }

  /** Whether the KNs have taken all requests of a client. */
  haveTakenAll(client: number): boolean {
    return this.#nodes.every((node) => isTakenEmpty(this.ringOf(client, node.agent)));
  }

  /** Puts the books in order; false when a thread is in the middle of a step that may not go on, so that they cannot be compared. */
  repair(): boolean {
    if (!this.isSettled) return false;
    const dead = this.#unrepaired;
    const cleaner = this.#deadCleaner;
    const deaths = dead.map(({ node, death }) => ({ agent: node.agent, report: death! }));
    if (cleaner !== undefined) deaths.push({ agent: AGENT_DPM, report: cleaner.report });
    const ringOf = (client: number, agent: number) => this.ringOf(client, agent);
    const repaired = [...deaths, ...this.#mergerDeaths];
    if (!repairPool({ pool: this.#pool, deaths: repaired, ringOf })) return false;
    for (const gone of dead) gone.isRepaired = true;
    this.#mergerDeaths = [];
    this.#deadCleaner = undefined;
    cleaner?.onRepaired();
    return true;
  }

  /** Asks the threads of all KNs to end, without a wait: this thread ends. */
  abandon(): void {
    for (const { thread } of this.#nodes) thread.requestStop();
  }

  /**
   * Stops all KNs: from here on nobody executes anything. Ends also if a thread does not: {@linkcode haveAllLetGo} says so then.
   */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const nodes = this.#nodes;
    const stopMsMax = this.#hasFailed ? FAILED_STOP_MS_MAX : NODE_STOP_MS_MAX;
    await Promise.all(nodes.map((node) => this.#stopThread(node, stopMsMax)));
    this.#nodes = [];
    this.#gone.keepSlots();
    for (const node of nodes) this.#gone.add(node);
    await Promise.all(this.#gone.nodes.map(({ node }) => node.thread.stop(FAILED_STOP_MS_MAX)));
    if (this.#farMoves !== undefined) this.#tendMergers();
    this.#gone.advance();
  }

  /** KNs after whose death the books have not been put in order yet. */
  get #unrepaired(): RetiredNode<ManagedNode>[] {
    return this.#gone.nodes.filter(({ death, isRepaired }) => death !== undefined && !isRepaired);
  }

  #failureOf(node: ManagedNode): string | undefined {
    const { control } = this.#pool;
    const agentAt = this.#pool.agentAt(node.agent);
    const executor = Atomics.load(control, agentAt + AGENT_EXECUTOR);
    if (executor === Executor.ABANDONED) return "has thrown in the middle of a step";
    const life = lifeState(this.#pool, agentAt);
    if (life === LifeState.FAILED) return "has ended by itself";
    const isThreadRunning = life === LifeState.RUNNING;
    const hasRequests = this.#hasRequests(node);
    if (hasRequests && !node.thread.isStarted) this.#startInBackground(node);
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
      const hasEnded = hasThreadEnded(clientThread(this.#pool, client));
      return hasEnded ? "has lost the client that was executing for it" : undefined;
    }
    return isThreadRunning && node.thread.hasEnded ? "has lost its thread" : undefined;
  }

  /** Starts the threads of KNs that have none, and own slots with records that expire: nobody else removes those. */
  #startSweepers(): void {
    const idle = this.#nodes.filter(({ thread }) => !thread.isStarted);
    if (idle.length === 0 || monotonicMs() < this.#nextSweepersMs) return;
    this.#nextSweepersMs = monotonicMs() + SWEEPERS_INTERVAL_MS;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const slotAt = this.#pool.slotAt(slot as Slot);
      if (this.#pool.control[slotAt + SLOT_EXPIRING_COUNT] === 0) continue;
      const owner = slotOwner(this.#pool, slot as Slot);
      const node = idle.find(({ nodeId, thread }) => nodeId === owner && !thread.isStarted);
      if (node !== undefined) this.#startInBackground(node);
    }
  }

  #hasRequests(node: ManagedNode): boolean {
    for (let client = 0; client < this.#options.region.clientCount; client++) {
      if (!isClientThere(this.#pool, client)) continue;
      if (!isTakenEmpty(this.ringOf(client, node.agent))) return true;
    }
    return false;
  }

  /** Remembers what this thread has thrown while it executed requests in the place of a KN, which fails by that. */
  noteHelpFailure(agent: number, error: unknown): void {
    const node = this.#nodes.find((other) => other.agent === agent);
    if (node !== undefined) this.#helpFailures.set(node.nodeId, error);
  }

  /** Puts another KN in the place of one that has failed. */
  #fail(node: ManagedNode, reason: string, cause: unknown): void {
    if (this.#hasFailed || this.#isStopping || !this.#nodes.includes(node)) return;
    this.failureCount += 1;
    this.#helpFailures.delete(node.nodeId);
    const isQuick = node.thread.isStarted
      ? !node.thread.wasUpFor(QUICK_FAILURE_MS)
      : monotonicMs() - node.startedAtMs < QUICK_FAILURE_MS;
    const failures = isQuick ? node.failures + 1 : 1;
    const agent = this.#freeAgents(1)[0];
    if (failures > QUICK_FAILURES_MAX || agent === undefined) {
      const message = `KN ${node.nodeId} ${reason}, like those before it`;
      return this.#giveUp(new NodeFailedError(message, { cause }));
    }
    const replacement = this.#makeNode(agent, node.place, failures);
    this.#nodes = this.#nodes.map((other) => other === node ? replacement : other);
    setNode(this.#pool, agent, replacement.nodeId, NodeState.ACTIVE);
    node.thread.requestStop();
    const gone = this.#gone.add(node);
    this.#keys?.tend();
    this.#endThread(gone);
    this.#recovering.set(gone, replacement);
    this.#options.events.onNodeFailed({
      node: node.nodeId,
      reason,
      cause,
      replacement: replacement.nodeId,
      slotsMoved: gone.movedCount,
      slotsHeld: gone.stuck.length,
    });
    this.#startInBackground(replacement);
    this.#endRecoveries();
  }

  /** Ends a thread that does not go on, where a thread can be ended; its slots are free then. */
  #endThread({ node, isQuiet }: RetiredNode<ManagedNode>): void {
    if (!isQuiet && !("Deno" in globalThis)) void node.thread.terminate();
  }

  #endRecoveries(): void {
    for (const [gone, replacement] of this.#recovering) {
      if (!gone.isQuiet || gone.stuck.length > 0) continue;
      this.#recovering.delete(gone);
      this.#options.events.onNodeRecovered({
        node: gone.node.nodeId,
        replacement: replacement.nodeId,
        changesCompleted: gone.death?.completed ?? 0,
        durationMs: monotonicMs() - gone.sinceMs,
      });
    }
  }

  /** The store cannot go on. */
  #giveUp(error: NodeFailedError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.events.onHopeless(error);
  }

  #activate(nodes: readonly ManagedNode[]): void {
    this.#nodes = [...this.#nodes, ...nodes];
    for (const node of nodes) {
      setNode(this.#pool, node.agent, node.nodeId, NodeState.ACTIVE);
      this.#options.events.onNodeAdded(node.nodeId);
    }
    Atomics.store(this.#pool.control, GATE_NODE_COUNT, this.#nodes.length);
    announceNodes(this.#pool);
  }

  /** Whom each slot belongs to, if these KNs share them. */
  #assignment(nodes: readonly ManagedNode[]): readonly NodeId[] {
    if (this.#assigned?.nodes !== nodes) {
      const byPlace = new Map(nodes.map(({ place, nodeId }) => [place, nodeId]));
      const owners = assignSlots([...byPlace.keys()]).map((place) => byPlace.get(place)!);
      this.#assigned = { nodes, owners };
    }
    return this.#assigned.owners;
  }

  /** Moves slots until the first so many KNs have them all, whoever fails meanwhile. */
  async #rebalance(count: number): Promise<{ count: number; longestPauseMs: number }> {
    const moves = { count: 0, longestPauseMs: 0 };
    const limit = this.#limit("changing the number of KNs");
    for (let isDone = false; !isDone && !this.#hasFailed;) {
      isDone = true;
      const nodes = this.#nodes;
      const owners = this.#assignment(nodes.slice(0, count));
      for (let slot = 0; slot < SLOT_COUNT && nodes === this.#nodes; slot++) {
        const owner = owners[slot]!;
        if (slotOwner(this.#pool, slot as Slot) === owner) continue;
        const startMs = monotonicMs();
        if (tryMoveSlot(this.#pool, slot as Slot, owner)) {
          moves.count += 1;
          moves.longestPauseMs = Math.max(moves.longestPauseMs, monotonicMs() - startMs);
        } else if (!this.#gone.holds(slot as Slot)) isDone = false;
        if (moves.count % MOVES_PER_TURN === 0) await nextTurn();
      }
      isDone &&= nodes === this.#nodes;
      if (isDone) break;
      limit.check(moves.count);
      await sleep(RETRY_MS);
    }
    return moves;
  }

  /** The same for a far pool, where a slot moves when the log of its owner has been merged. */
  async #rebalanceFar(count: number, farMoves: FarMoves): Promise<FarRebalance> {
    let nodes = this.#nodes;
    let owners = this.#assignment(nodes.slice(0, count));
    const assignedTo = (slot: Slot) =>
      (nodes === this.#nodes ? owners : this.#assignment(this.#nodes))[slot]!;
    const rebalance = this.#farRebalance = new FarRebalance(this.#pool, farMoves, assignedTo);
    // While it ends in an error, what it has taken goes on being given.
    const isAway = (slot: Slot) =>
      slotOwner(this.#pool, slot) !== owners[slot] && !this.#gone.holds(slot);
    const limit = this.#limit("changing the number of KNs");
    while (!this.#hasFailed) {
      nodes = this.#nodes;
      owners = this.#assignment(nodes.slice(0, count));
      const slots = owners.map((_, slot) => slot as Slot).filter(isAway);
      for (let from = 0; from < slots.length && nodes === this.#nodes; from += MOVES_PER_TURN) {
        // So that little is left to be merged while nobody owns the slots.
        await this.#options.far!.mergeLogs();
        if (nodes === this.#nodes) rebalance.move(slots.slice(from, from + MOVES_PER_TURN));
      }
      if (nodes === this.#nodes && !slots.some(isAway)) break;
      limit.check(rebalance.count);
      await sleep(RETRY_MS);
    }
    this.#farRebalance = undefined;
    return rebalance;
  }

  /** Stops a KN that owns nothing any more. */
  async #retire(node: ManagedNode): Promise<void> {
    // From here on it cannot fail any more: its clients look for answers, and send the rest to the slots' owners.
    const gone = this.#gone.add(node);
    this.#nodes = this.#nodes.filter((other) => other !== node);
    Atomics.store(this.#pool.control, GATE_NODE_COUNT, this.#nodes.length);
    await node.thread.stop(NODE_STOP_MS_MAX);
    const deadlineMs = monotonicMs() + LEAVE_MS_MAX;
    this.#gone.advance();
    while (!gone.isQuiet && monotonicMs() < deadlineMs) {
      await sleep(RETRY_MS);
      this.#gone.advance();
    }
    this.#options.events.onNodeRemoved(node.nodeId);
  }

  /** Stops a KN's thread, and waits for a client that executes for it. */
  async #stopThread(node: ManagedNode, stopMsMax: number): Promise<void> {
    await node.thread.stop(stopMsMax);
    const at = this.#pool.agentAt(node.agent) + AGENT_EXECUTOR;
    const deadlineMs = monotonicMs() + LEAVE_MS_MAX;
    fenceExecutor(this.#pool.control, at);
    while (!hasLeft(this.#pool.control, at) && monotonicMs() < deadlineMs) {
      await sleep(RETRY_MS);
    }
  }

  #makeNodes(count: number): ManagedNode[] {
    return this.#freeAgents(count).map((agent) => this.#makeNode(agent));
  }

  /** Starts the threads of KNs, all or none. */
  async #startThreads(nodes: readonly ManagedNode[]): Promise<void> {
    this.#starting.push(...nodes);
    const results = await Promise.allSettled(nodes.map((node) => node.thread.start()));
    this.#starting = this.#starting.filter((node) => !nodes.includes(node));
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return;
    await Promise.all(nodes.map((node) => node.thread.stop(NODE_STOP_MS_MAX)));
    throw failed.reason;
  }

  #makeNode(agent: number, givenPlace?: NodeId, failures = 0): ManagedNode {
    const { ringBytes, inFlightMax, region, spinMicros, log, statistics, workerUrl } =
      this.#options;
    const nodeId = this.#takeId();
    const agentAt = this.#pool.agentAt(agent);
    this.#pool.control.fill(0, agentAt, agentAt + AGENT_NODE);
    beginTenancy(this.#pool, agent);
    new AgentCounters(this.#pool, agent).reset();
    const { far } = this.#options;
    if (far !== undefined) {
      Atomics.store(this.#pool.control, agentAt + AGENT_LOGGED_END, 0);
      new Verbs(this.#pool, agent).reset();
    }
    const ring = createRing(ringBytes, inFlightMax, far === undefined ? 0 : ringBytes);
    const start = {
      pool: this.#pool.handle,
      nodeId,
      agent,
      hostRing: ring,
      region,
      spinMicros,
      log: log?.place,
      statistics,
      far: far?.settings,
    };
    const onEnd = (reason: string, cause: unknown) => this.#fail(node, reason, cause);
    const node: ManagedNode = {
      nodeId,
      agent,
      place: givenPlace ?? nodeId,
      failures,
      startedAtMs: monotonicMs(),
      ring,
      thread: new NodeThread({ pool: this.#pool, workerUrl, start, onEnd }),
      stalls: new StallDetector({
        stallMsMax: STALL_MS_MAX,
        systemCallMsMax: SYSTEM_CALL_MS_MAX,
        gapMsMax: SAMPLE_GAP_MS_MAX,
      }),
    };
    return node;
  }

  /** Starts the thread of a KN. If that fails for good, its clients execute for it; where they do not, the store cannot go on. */
  #startInBackground(node: ManagedNode): void {
    const { help, events } = this.#options;
    const startsMax = help ? THREAD_STARTS_MAX : THREAD_STARTS_URGENT_MAX;
    node.thread.startPersistently(startsMax).catch((error: NodeFailedError) => {
      if (!this.#nodes.includes(node)) return;
      if (help) events.onThreadless({ node: node.nodeId, error });
      else this.#giveUp(error);
    });
  }

  /** The next identity that nobody has had lately; an identity comes back only after all others. */
  #takeId(): NodeId {
    const known = [...this.#nodes, ...this.#starting, ...this.#gone.nodes.map(({ node }) => node)];
    const used = new Set(known.flatMap(({ nodeId, place }) => [nodeId, place]));
    do {
      this.#lastId = ((this.#lastId + 1) % (NO_NODE + 1)) as NodeId;
    } while (this.#lastId >= FIRST_CELL_NODE || used.has(this.#lastId));
    return this.#lastId;
  }

  #freeAgents(count: number): number[] {
    const used = new Set([...this.#nodes, ...this.#starting].map((node) => node.agent));
    const free: number[] = [];
    for (let agent = 0; agent < NODE_COUNT_MAX && free.length < count; agent++) {
      const isFree = nodeStateOf(this.#pool, agent) === NodeState.NONE;
      if (isFree && !used.has(agent)) free.push(agent);
    }
    return free;
  }
}
