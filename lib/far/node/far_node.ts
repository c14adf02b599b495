/**
 * A KN of the far placement: the only reader and writer of the slots it owns.
 *
 * Like {@linkcode KvsNode} it is an agent: `doWork()` does a bounded amount of work and says how
 * much; it knows nothing of threads. Only the KN's own thread executes for it, as no client has its
 * cache and its unmerged records. One step:
 *
 * 1. Drop what has been merged meanwhile (far/log/unmerged_log.ts).
 * 2. Take a bounded number of requests of each client, of those that were sent before the step.
 *    Changes go through the pipeline (node/request_pipeline.ts), reads have a way of their own
 *    (far_reads.ts); all of the step is one group (merged_commit.ts).
 * 3. If the backlog is too large, or a request waits for the merger, help the merger with a step.
 *    Another thread may be faster, but none need be awake. So a KN never waits for a thread that
 *    waits for it.
 * 4. If a request waits for a segment, do a step of cleaning, as one of the cleaners that KNs
 *    share: nothing that a cleaner moves may stand in a log that is merged. (A record that is moved
 *    behind its own delete would come back.)
 *
 * @module
 */
import type { Cache } from "../../cache/cache.ts";
import { NO_ADDRESS, type NodeId, type PoolAddress } from "../../core/brands.ts";
import { GROUP_REQUESTS_MAX } from "../../core/limits.ts";
import { sleepSync } from "../../platform/sleep_sync.ts";
import { SharedCleaners } from "../../dpm/shared_cleaners.ts";
import { LogMerger } from "../log/log_merger.ts";
import { mergeLogs } from "../log/merged_pause.ts";
import { IndexSpace } from "../../index/index_space.ts";
import { liveTable } from "../../agent/live_table.ts";
import type { SlotTable } from "../../index/slot_table.ts";
import { LogWriter } from "../../log/log_writer.ts";
import { UnmergedLog } from "../log/unmerged_log.ts";
import type { Checkpointer } from "../../persistence/checkpointer.ts";
import type { LogFile } from "../../persistence/log_file.ts";
import { AgentCounter, AgentCounters } from "../../pool/agent_counters.ts";
import { syncsAlways } from "../../pool/durability.ts";
import { FarBudget, reservedBuckets } from "../log/far_budget.ts";
import { backlogBytesMax } from "../../pool/placement.ts";
import type { Pool } from "../../pool/pool.ts";
import { SegmentTable } from "../../pool/segment_table.ts";
import { SpaceBudget } from "../../pool/space_budget.ts";
import { VerbCounter, Verbs, type VerbsOptions } from "../../pool/verbs.ts";
import { type RequestConsumer, RING_EMPTY } from "../../rings/request_consumer.ts";
import {
  Operation,
  operationOf,
  REQUEST_ARGUMENT,
  REQUEST_OPERATION,
  Status,
} from "../../rings/ring_layout.ts";
import type { StatisticsRegion } from "../../statistics/statistics_region.ts";
import { SlotWriter } from "../../agent/slot_writer.ts";
import { Step } from "../../agent/step.ts";
import { FarReads, isFarRead } from "./far_reads.ts";
import { FarSpace } from "./far_space.ts";
import { MergedCommit } from "./merged_commit.ts";
import { CellGroup } from "./cell_group.ts";
import { Outcome } from "../../node/commit_policy.ts";
import { agentExecutor, Executor } from "../../agent/executor.ts";
import { ExpirySweeper } from "../../node/expiry_sweeper.ts";
import { DerivedRecords } from "../../node/derived_records.ts";
import { type CachedValue, FarLookup } from "./far_lookup.ts";
import { MergeWait } from "../../node/merge_wait.ts";
import { RequestPipeline } from "../../node/request_pipeline.ts";
import { SegmentWait } from "../../node/segment_wait.ts";
import { StagedValues } from "./staged_values.ts";
import { StepMeter } from "../../agent/step_meter.ts";

/** What a far KN is made of. */
export interface FarNodeOptions extends VerbsOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** Which of the agent blocks is this KN's. */
  readonly agent: number;
  /**
   * The rings from its clients, with room for responses; the array may change between two steps.
   */
  readonly consumers: readonly RequestConsumer[];
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
  /** What it keeps of what it has read and written; undefined keeps nothing. */
  readonly cache?: Cache<CachedValue> | undefined;
  /** The image, if what is written has to be logged there before it is acknowledged. */
  readonly file?: LogFile | undefined;
  /** Writes checkpoints when this KN needs a segment that waits for one. */
  readonly checkpointer?: Checkpointer | undefined;
  /**
   * Where clients and the M-node count; if there are statistics, it is measured how long the KN is
   * occupied.
   */
  readonly statistics?: StatisticsRegion | undefined;
}

/** How long to wait for another executor, a merger, or a client. */
const WAIT_MS = 1;

/** The agent that executes requests. */
export class FarNode {
  /** The verbs by which it gets at the pool, with their counts. */
  readonly verbs: Verbs;
  readonly #pool: Pool;
  readonly #agent: number;
  readonly #consumers: readonly RequestConsumer[];
  readonly #step: Step;
  readonly #segmentWait: SegmentWait;
  readonly #budget: SpaceBudget;
  readonly #farBudget: FarBudget;
  readonly #log: LogWriter;
  readonly #staged: StagedValues;
  readonly #table: SlotTable;
  readonly #unmerged: UnmergedLog;
  readonly #cells: CellGroup;
  readonly #commit: MergedCommit;
  readonly #pipeline: RequestPipeline;
  readonly #reads: FarReads;
  readonly #merger: LogMerger;
  readonly #cleaners: SharedCleaners;
  readonly #counters: AgentCounters;
  readonly #meter: StepMeter | undefined;
  readonly #sweeper: ExpirySweeper;
  readonly #backlogBytesMax: number;
  /**
   * What requests of the last step have waited for, and the client whose responses one waits for.
   */
  readonly #waits = new Set<Outcome>();
  #waitsForClient: RequestConsumer | undefined;
  #isStalled = false;
  readonly #mergeWait: MergeWait = new MergeWait();

  /** Makes a KN; it does nothing until {@linkcode doWork} is called. */
  constructor(options: FarNodeOptions) {
    const { pool, nodeId, agent, clock, file, consumers, statistics } = options;
    this.#pool = pool;
    this.#agent = agent;
    this.#consumers = consumers;
    const segments = new SegmentTable(pool);
    const budget = this.#budget = new SpaceBudget(pool, segments);
    const segmentWait = new SegmentWait(segments, budget, file, options.checkpointer);
    this.#segmentWait = segmentWait;
    const table = this.#table = liveTable(pool, new IndexSpace(pool, agent, reservedBuckets(pool)));
    const slots = new SlotWriter(pool, table, segments, clock);
    const counters = this.#counters = new AgentCounters(pool, agent);
    const log = this.#log = new LogWriter(pool, segments, agent, { file, isMerged: true });
    const staging = new LogWriter(pool, segments, agent, { isStaging: true });
    const executor = Executor.OWN_THREAD;
    this.#step = new Step({ pool, agent, executor, logs: [log, staging], consumers });
    const verbs = this.verbs = new Verbs(pool, agent, options);
    const unmerged = this.#unmerged = new UnmergedLog(pool, segments);
    const lookup = new FarLookup(pool, verbs, unmerged, options.cache);
    const staged = this.#staged = new StagedValues(pool, segments);
    const cells = this.#cells = new CellGroup(pool, agent, verbs, lookup);
    this.#farBudget = new FarBudget(pool, agent, segments, budget);
    const derived = new DerivedRecords(pool, log);
    const parts = { pool, nodeId, agent, clock, segments, log, unmerged, lookup, verbs, cells };
    const commit = this.#commit = new MergedCommit({
      ...parts,
      derived,
      slots,
      staging,
      staged,
      segmentWait,
      budget: this.#farBudget,
      hasFile: file !== undefined,
      syncsAlways: syncsAlways(pool),
    });
    const space = new FarSpace(verbs, commit, segmentWait);
    const records = { log, derived };
    const pipeline = new RequestPipeline({
      pool,
      segments,
      ...records,
      space,
      commit,
      counters,
      file,
    });
    this.#pipeline = pipeline;
    this.#reads = new FarReads({ ...parts, commit, pipeline });
    this.#merger = new LogMerger({ pool, agent, clock });
    const cleaning = { pool, segments, agent, executor: agentExecutor(agent), file, clock };
    this.#cleaners = new SharedCleaners(cleaning);
    this.#meter = statistics &&
      new StepMeter(statistics, counters, executor, file !== undefined);
    this.#sweeper = new ExpirySweeper({ pool, nodeId, agent, segments, table, counters, clock });
    this.#backlogBytesMax = backlogBytesMax(pool);
  }

  /** Whether a request waits; called between two steps, and before going to sleep. */
  hasRequest(): boolean {
    return this.#step.hasRequest();
  }

  /** Whether a request waits that can be taken now. */
  canExecute(): boolean {
    return this.#step.isFree && this.hasRequest();
  }

  /**
   * Executes a bounded number of requests, and does some upkeep; returns how much: 0 means that
   * there is nothing to do now.
   */
  doWork(): number {
    const sweepIsDue = this.#sweeper.isDue;
    const hasRequest = this.hasRequest();
    const hasUpkeep = sweepIsDue || this.#unmerged.mayDrop || this.#staged.hasAny;
    if (!hasRequest && !hasUpkeep) return 0;
    if (!this.#step.begin()) return 0;
    this.#meter?.begin();
    const unmergedBytes = this.#unmerged.bytes;
    this.#unmerged.drop(this.#log.segment);
    const isMerging = this.#unmerged.bytes < unmergedBytes;
    if (this.#staged.hasAny && this.#staged.takeBack() > 0) this.#commit.endStaging();
    this.#waits.clear();
    this.#waitsForClient = undefined;
    const isBehind = this.#unmerged.bytes > this.#backlogBytesMax;
    let work = 0;
    if (this.#mergeWait.isOver) work += this.#refuseAll();
    else if (!isBehind) {
      for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].look();
      this.#cells.forget();
      for (let i = 0; i < this.#consumers.length; i++) work += this.#drain(this.#consumers[i]);
      if (this.#commit.isOpen) this.#endGroup();
    }
    if (work > 0) this.#counters.add(AgentCounter.BATCHES, 1);
    if (isBehind) this.verbs.count(VerbCounter.BACKLOG_WAITS, 1);
    const mustMerge = isBehind || this.#waits.has(Outcome.WAITS_FOR_MERGE);
    const mustClean = this.#waits.has(Outcome.WAITS_FOR_SPACE) ||
      (work > 0 && this.#budget.isCritical);
    this.#mergeWait.note(hasRequest && mustMerge, isMerging);
    work += this.#keepUp(mustMerge, mustClean, sweepIsDue);
    this.#isStalled = work === 0 && hasRequest;
    this.#meter?.end();
    this.#step.end();
    return work;
  }

  /**
   * Whether requests wait for what another thread is about to do: free a segment, merge, take
   * responses.
   */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Waits a bounded time for that. */
  waitWhileStalled(): void {
    const client = this.#waitsForClient;
    if (client !== undefined) return client.responses!.waitForRoom(WAIT_MS);
    if (this.#waits.has(Outcome.WAITS_FOR_SPACE)) return this.#segmentWait.wait();
    const needsOthers = this.#waits.has(Outcome.WAITS_FOR_OTHERS);
    // The thread whose business merging is may be the one that waits for this request.
    if (!needsOthers || mergeLogs(this.#pool, this.#agent) === 0) sleepSync(WAIT_MS);
  }

  /**
   * Ends this KN's part in the pool: it executes nothing any more. What it has logged stays to be
   * merged.
   */
  close(): void {
    const lastWork = () => {
      this.#staged.takeBack();
      this.#table.giveBack();
    };
    if (!this.#step.close(lastWork)) return;
    this.#farBudget.noteLogged(Infinity);
    this.#step.leave();
  }

  #endGroup(): void {
    const recordCount = this.#commit.end();
    if (recordCount === 0) return;
    this.#farBudget.noteLogged(recordCount);
    this.#segmentWait.end();
  }

  #drain(consumer: RequestConsumer): number {
    let count = 0;
    while (count < GROUP_REQUESTS_MAX) {
      const at = consumer.takeSeen();
      if (at === RING_EMPTY) break;
      const requests = isFarRead(consumer.words, at) ? this.#reads : this.#pipeline;
      const outcome = requests.execute(consumer, at);
      if (outcome !== Outcome.DONE) {
        consumer.putBack(at);
        this.#waits.add(outcome);
        if (outcome === Outcome.WAITS_FOR_CLIENT) this.#waitsForClient = consumer;
        break;
      }
      count += 1;
    }
    if (count > 0) this.#counters.add(AgentCounter.REQUESTS, count);
    return count;
  }

  /** Refuses the requests that wait, and those behind them; returns how many. */
  #refuseAll(): number {
    let count = 0;
    for (const consumer of this.#consumers) {
      const ring = consumer.words;
      consumer.look();
      while (count < GROUP_REQUESTS_MAX) {
        const at = consumer.takeSeen();
        if (at === RING_EMPTY) break;
        const isCommit = operationOf(ring[at + REQUEST_OPERATION]) === Operation.COMMIT;
        const staged = isCommit ? ring[at + REQUEST_ARGUMENT] as PoolAddress : NO_ADDRESS;
        this.#commit.refuse(consumer, Status.UNAVAILABLE, staged);
        count += 1;
      }
    }
    if (this.#commit.isOpen) this.#endGroup();
    return count;
  }

  /** Upkeep that cannot be left to others; returns how much it did. */
  #keepUp(mustMerge: boolean, mustClean: boolean, sweepIsDue: boolean): number {
    let work = 0;
    if (mustMerge) work += this.#merger.doWork();
    if (mustClean && !this.#segmentWait.isForCheckpoint) {
      const cleaned = this.#cleaners.doWork();
      work += cleaned > 0 || !this.#cleaners.sync() ? cleaned : 1;
    }
    if (sweepIsDue) work += this.#sweeper.sweep();
    this.#counters.set(AgentCounter.SEGMENTS_CLEANED, this.#cleaners.cleanedCount);
    this.#counters.set(AgentCounter.BYTES_MOVED, this.#cleaners.movedBytes);
    return work;
  }
}
