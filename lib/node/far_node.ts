/**
 * A KN of the far placement: the only reader and writer of the slots it owns.
 *
 * Like {@linkcode KvsNode} it is an agent: `doWork()` does a bounded amount of work and says how much; it knows nothing of threads. Only
 * the KN's own thread executes for it, as no client has its cache and its unmerged records. One step:
 *
 * 1. Drop what has been merged meanwhile (log/unmerged_log.ts).
 * 2. Take a bounded number of requests of each client, of those that were sent before the step; all that is logged is one group
 *    (far_requests.ts, far_group.ts).
 * 3. If the backlog is too large, or a request waits for the merger, help the merger with a step. Somebody else may be faster; but nobody
 *    else need be awake. So a KN never waits for a thread that waits for it.
 * 4. If a request waits for a segment, do a step of cleaning: into a segment of the merger's, as nothing that a cleaner moves may
 *    stand in a log that is merged. (A record that is moved behind its own delete would come back.)
 *
 * @module
 */
import type { Cache } from "../cache/cache.ts";
import type { NodeId } from "../core/brands.ts";
import { AGENT_MERGERS } from "../pool/control_layout.ts";
import { GROUP_REQUESTS_MAX } from "../core/limits.ts";
import { sleepSync } from "../core/sleep_sync.ts";
import { Cleaner } from "../dpm/cleaner.ts";
import { LogMerger } from "../dpm/log_merger.ts";
import { mergeLogs } from "../dpm/merged_pause.ts";
import { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import { LogWriter } from "../log/log_writer.ts";
import { UnmergedLog } from "../log/unmerged_log.ts";
import type { Checkpointer } from "../persistence/checkpointer.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_EXECUTOR, AGENT_STEPS } from "../pool/control_layout.ts";
import { syncsAlways } from "../pool/durability.ts";
import { FarBudget, reservedBuckets } from "../pool/far_budget.ts";
import { Gate } from "../pool/gate.ts";
import { backlogBytesMax } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import { VerbCounter, Verbs, type VerbsOptions } from "../pool/verbs.ts";
import { type RequestConsumer, RING_EMPTY } from "../rings/request_consumer.ts";
import { Operation, operationOf, REQUEST_OPERATION, Status } from "../rings/ring_layout.ts";
import { CellGroup } from "./cell_group.ts";
import { enterExecutor, Executor, leaveExecutor } from "./executor.ts";
import { ExpirySweeper } from "./expiry_sweeper.ts";
import { FarGroup } from "./far_group.ts";
import { type CachedValue, FarLookup } from "./far_lookup.ts";
import { FarRequests, Outcome } from "./far_requests.ts";
import { SegmentWait } from "./segment_wait.ts";
import { SlotWriter } from "./slot_writer.ts";
import { StagedValues } from "./staged_values.ts";
import { StepMeter } from "./step_meter.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";

/** What a far KN is made of. */
export interface FarNodeOptions extends VerbsOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** Which of the agent blocks is this KN's. */
  readonly agent: number;
  /** The rings from its clients, with room for responses; the array may change between two steps. */
  readonly consumers: readonly RequestConsumer[];
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
  /** What it keeps of what it has read and written; undefined keeps nothing. */
  readonly cache?: Cache<CachedValue> | undefined;
  /** The image, if what is written has to be logged there before it is acknowledged. */
  readonly file?: LogFile | undefined;
  /** Writes checkpoints when this KN needs a segment that waits for one. */
  readonly checkpointer?: Checkpointer | undefined;
  /** Where clients and the M-node count; if there are statistics, it is measured how long the KN is occupied. */
  readonly statistics?: StatisticsRegion | undefined;
}

/** How long to wait for somebody who executes, or merges, or for the client. */
const WAIT_MS = 1;

/** The agent that executes requests. */
export class FarNode {
  /** The verbs by which it gets at the pool, with their counts. */
  readonly verbs: Verbs;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agent: number;
  readonly #consumers: readonly RequestConsumer[];
  readonly #file: LogFile | undefined;
  readonly #executorAt: number;
  readonly #mergerAt: number;
  readonly #gate: Gate;
  readonly #mergerGate: Gate;
  readonly #segmentWait: SegmentWait;
  readonly #budget: SpaceBudget;
  readonly #farBudget: FarBudget;
  readonly #log: LogWriter;
  readonly #staging: LogWriter;
  readonly #staged: StagedValues;
  readonly #unmerged: UnmergedLog;
  readonly #group: FarGroup;
  readonly #cells: CellGroup;
  readonly #requests: FarRequests;
  readonly #merger: LogMerger;
  readonly #cleanerLog: LogWriter;
  readonly #cleaner: Cleaner;
  readonly #counters: AgentCounters;
  readonly #meter: StepMeter | undefined;
  readonly #sweeper: ExpirySweeper;
  readonly #backlogBytesMax: number;
  /** What requests of the last step have waited for. */
  #needsMerge = false;
  #needsOthers = false;
  #needsSpace = false;
  #waitsForClient: RequestConsumer | undefined;
  #isStalled = false;

  /** Makes a KN; it does nothing until {@linkcode doWork} is called. */
  constructor(options: FarNodeOptions) {
    const { pool, nodeId, agent, clock, file } = options;
    this.#pool = pool;
    this.#control = pool.control;
    this.#agent = agent;
    this.#consumers = options.consumers;
    this.#file = file;
    this.#executorAt = pool.agentAt(agent) + AGENT_EXECUTOR;
    const mergerAgent = AGENT_MERGERS + agent;
    this.#mergerAt = pool.agentAt(mergerAgent) + AGENT_EXECUTOR;
    this.#gate = new Gate(pool, agent);
    this.#mergerGate = new Gate(pool, mergerAgent);
    const segments = new SegmentTable(pool);
    this.#budget = new SpaceBudget(pool, segments);
    this.#segmentWait = new SegmentWait(segments, this.#budget, file, options.checkpointer);
    const table = new SlotTable(pool, new IndexSpace(pool, agent, reservedBuckets(pool)));
    this.#log = new LogWriter(pool, segments, agent, { file, isMerged: true });
    this.#staging = new LogWriter(pool, segments, agent, { isStaging: true });
    this.verbs = new Verbs(pool, agent, options);
    const unmerged = this.#unmerged = new UnmergedLog(pool, segments);
    const lookup = new FarLookup(pool, this.verbs, unmerged, options.cache);
    const staged = this.#staged = new StagedValues(pool, segments);
    const cells = this.#cells = new CellGroup(pool, agent, this.verbs, lookup);
    const parts = {
      pool,
      nodeId,
      agent,
      clock,
      segments,
      unmerged,
      lookup,
      log: this.#log,
      staging: this.#staging,
      staged,
      verbs: this.verbs,
      cells,
    };
    const farBudget = this.#farBudget = new FarBudget(pool, agent, segments, this.#budget);
    const group = this.#group = new FarGroup({
      ...parts,
      hasFile: file !== undefined,
      syncsAlways: syncsAlways(pool),
    });
    this.#requests = new FarRequests({
      ...parts,
      group,
      slots: new SlotWriter(pool, table, segments, this.#budget, clock),
      budget: farBudget,
      segmentWait: this.#segmentWait,
    });
    this.#merger = new LogMerger({ pool, agent, clock });
    this.#cleanerLog = new LogWriter(pool, segments, mergerAgent, { file });
    const mergerTable = new SlotTable(
      pool,
      new IndexSpace(pool, mergerAgent, reservedBuckets(pool)),
    );
    this.#cleaner = new Cleaner(pool, segments, mergerTable, this.#cleanerLog, clock);
    this.#counters = new AgentCounters(pool, agent);
    this.#meter = options.statistics &&
      new StepMeter(options.statistics, this.#counters, Executor.OWN_THREAD, file !== undefined);
    this.#sweeper = new ExpirySweeper({
      pool,
      nodeId,
      agent,
      segments,
      table,
      counters: this.#counters,
      clock,
    });
    this.#backlogBytesMax = backlogBytesMax(pool);
  }

  /** Whether a request waits; called between two steps, and before going to sleep. */
  hasRequest(): boolean {
    for (let i = 0; i < this.#consumers.length; i++) {
      if (this.#consumers[i].hasRequest()) return true;
    }
    return false;
  }

  /** Whether a request waits that can be taken now. */
  canExecute(): boolean {
    return Atomics.load(this.#control, this.#executorAt) === Executor.NOBODY && this.hasRequest();
  }

  /** Executes a bounded number of requests, and does some upkeep; returns how much: 0 means that there is nothing to do now. */
  doWork(): number {
    const sweepIsDue = this.#sweeper.isDue;
    const hasRequest = this.hasRequest();
    const hasUpkeep = sweepIsDue || this.#unmerged.mayDrop || this.#staged.hasAny;
    if (!hasRequest && !hasUpkeep) return 0;
    if (!this.#beginStep()) return 0;
    this.#meter?.begin();
    this.#unmerged.drop(this.#log.segment);
    if (this.#staged.hasAny && this.#staged.takeBack() > 0) this.#group.endStaging();
    this.#isStalled =
      this.#needsMerge =
      this.#needsOthers =
      this.#needsSpace =
        false;
    this.#waitsForClient = undefined;
    const isBehind = this.#unmerged.bytes > this.#backlogBytesMax;
    let work = 0;
    if (!isBehind) {
      for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].look();
      this.#cells.forget();
      for (let i = 0; i < this.#consumers.length; i++) work += this.#drain(this.#consumers[i]);
      if (this.#group.isOpen) this.#endGroup();
    }
    if (work > 0) this.#counters.add(AgentCounter.BATCHES, 1);
    if (isBehind) this.verbs.count(VerbCounter.BACKLOG_WAITS, 1);
    const mustClean = this.#needsSpace || (work > 0 && this.#budget.isCritical);
    work += this.#keepUp(isBehind || this.#needsMerge, mustClean, sweepIsDue);
    this.#isStalled = work === 0 && hasRequest;
    this.#meter?.end();
    this.#endStep();
    return work;
  }

  /** Whether requests wait for something that somebody else is about to do: free a segment, merge, take responses. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Waits a bounded time for that. */
  waitWhileStalled(): void {
    const client = this.#waitsForClient;
    if (client !== undefined) return client.responses!.waitForRoom(WAIT_MS);
    if (this.#needsSpace) return this.#segmentWait.wait();
    // The thread whose business merging is may be the one that waits for this request.
    if (!this.#needsOthers || mergeLogs(this.#pool, this.#agent) === 0) sleepSync(WAIT_MS);
  }

  /** Ends this KN's part in the pool: it executes nothing any more. What it has logged stays to be merged. */
  close(): void {
    while (!enterExecutor(this.#control, this.#executorAt, Executor.OWN_THREAD)) {
      if (Atomics.load(this.#control, this.#executorAt) < Executor.NOBODY) return;
      sleepSync(WAIT_MS);
    }
    // A step like any other: whoever repairs the list of free segments must not meet one that is just being freed.
    this.#gate.enterAfterPause();
    this.#staged.takeBack();
    this.#log.seal();
    this.#staging.seal();
    this.#log.suspend();
    this.#staging.suspend();
    this.#gate.leave();
    this.#asMerger(() => {
      this.#cleanerLog.resume();
      this.#cleaner.abandon();
      this.#cleanerLog.seal();
      this.#cleanerLog.suspend();
      return 1;
    });
    this.#farBudget.noteLogged(Infinity);
    Atomics.store(this.#control, this.#executorAt, Executor.LEFT);
  }

  #endGroup(): void {
    const { recordCount } = this.#group;
    if (!this.#group.end()) return;
    this.#farBudget.noteLogged(recordCount);
    this.#segmentWait.end();
  }

  #beginStep(): boolean {
    if (!enterExecutor(this.#control, this.#executorAt, Executor.OWN_THREAD)) return false;
    if (!this.#gate.enter()) {
      leaveExecutor(this.#control, this.#executorAt, Executor.OWN_THREAD);
      return false;
    }
    this.#control[this.#executorAt - AGENT_EXECUTOR + AGENT_STEPS] += 1;
    for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].resume();
    return true;
  }

  #endStep(): void {
    this.#log.suspend();
    this.#staging.suspend();
    for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].suspend();
    this.#gate.leave();
    leaveExecutor(this.#control, this.#executorAt, Executor.OWN_THREAD);
  }

  #drain(consumer: RequestConsumer): number {
    let count = 0;
    while (count < GROUP_REQUESTS_MAX) {
      const at = consumer.takeSeen();
      if (at === RING_EMPTY) break;
      const outcome = this.#execute(consumer, at);
      if (outcome !== Outcome.JOINED) {
        consumer.putBack(at);
        this.#note(outcome, consumer);
        break;
      }
      count += 1;
    }
    if (count > 0) this.#counters.add(AgentCounter.REQUESTS, count);
    return count;
  }

  #execute(consumer: RequestConsumer, at: number): Outcome {
    if (this.#file?.hasFailed && changes(consumer.words[at + REQUEST_OPERATION])) {
      this.#group.answer(consumer, Status.NOT_DURABLE);
      return Outcome.JOINED;
    }
    return this.#requests.execute(consumer, at);
  }

  #note(outcome: Outcome, consumer: RequestConsumer): void {
    if (outcome === Outcome.WAITS_FOR_MERGE) this.#needsMerge = true;
    else if (outcome === Outcome.WAITS_FOR_OTHERS) this.#needsOthers = true;
    else if (outcome === Outcome.WAITS_FOR_SPACE) this.#needsSpace = true;
    else if (outcome === Outcome.WAITS_FOR_CLIENT) this.#waitsForClient = consumer;
  }

  /** Upkeep that cannot be left to others; returns how much it did. */
  #keepUp(mustMerge: boolean, mustClean: boolean, sweepIsDue: boolean): number {
    let work = 0;
    if (mustMerge) work += this.#merger.doWork();
    if (mustClean) work += this.#asMerger(() => this.#clean());
    if (sweepIsDue) work += this.#sweeper.sweep();
    this.#counters.set(AgentCounter.SEGMENTS_CLEANED, this.#cleaner.cleanedCount);
    this.#counters.set(AgentCounter.BYTES_MOVED, this.#cleaner.movedBytes);
    return work;
  }

  /** Does something in the name of the merger, unless somebody else is; returns how much. */
  #asMerger(task: () => number): number {
    if (!enterExecutor(this.#control, this.#mergerAt, Executor.OWN_THREAD)) return 0;
    let work = 0;
    if (this.#mergerGate.enter()) {
      work = task();
      this.#mergerGate.leave();
    }
    leaveExecutor(this.#control, this.#mergerAt, Executor.OWN_THREAD);
    return work;
  }

  #clean(): number {
    this.#cleanerLog.resume();
    const work = this.#segmentWait.isForCheckpoint ? 0 : this.#cleaner.doWork();
    this.#cleanerLog.publish();
    this.#cleanerLog.suspend();
    return work;
  }
}

/** Whether a request would have to be logged. */
function changes(word: number): boolean {
  const operation = operationOf(word);
  return operation !== Operation.GET && operation !== Operation.HAS &&
    operation !== Operation.MERGE_SLOT;
}
