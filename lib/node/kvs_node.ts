/**
 * A KN: the exclusive writer of the slots it owns.
 *
 * `KvsNode` is an agent: `doWork()` does a bounded amount of work and says how much. It knows
 * nothing of threads, so the same object runs in a worker, in a unit test, and in a seeded
 * single-threaded interleaving.
 *
 * A KN is an identity, not a thread. The thread that swaps its EXECUTOR word (agent/executor.ts)
 * executes its next step, goes on where the step before has left off, and leaves off for the next
 * one (agent/step.ts). Mostly that is the KN's own thread. A client that has nothing to do but wait
 * for a few requests executes them itself, as a *helper*: that is sooner than another thread could
 * answer, and does not depend on when that thread gets a processor. (The idea is that of flat
 * combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010.) Still there is one writer of a slot at a
 * time (I1).
 *
 * What becomes of a request is told in request_pipeline.ts.
 *
 * @module
 */
import type { NodeId } from "../core/brands.ts";
import { BATCH_REQUESTS_MAX, GROUP_REQUESTS_MAX } from "../core/limits.ts";
import { SharedCleaners } from "../dpm/shared_cleaners.ts";
import { IndexSpace } from "../index/index_space.ts";
import type { SlotTable } from "../index/slot_table.ts";
import { LogWriter } from "../log/log_writer.ts";
import type { Checkpointer } from "../persistence/checkpointer.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { syncsAlways } from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import { type RequestConsumer, RING_EMPTY } from "../rings/request_consumer.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";
import { SlotWriter } from "../agent/slot_writer.ts";
import { Step } from "../agent/step.ts";
import { Admission } from "./admission.ts";
import { AtomicCommits } from "./atomic_commits.ts";
import { DerivedRecords } from "./derived_records.ts";
import { LifeState, lifeState } from "../agent/liveness.ts";
import { liveTable } from "../agent/live_table.ts";
import { CleaningSpace } from "./cleaning_space.ts";
import { Outcome } from "./commit_policy.ts";
import { agentExecutor, Executor } from "../agent/executor.ts";
import { EntryBound } from "./entry_bound.ts";
import { ExpirySweeper } from "./expiry_sweeper.ts";
import { ImmediateCommit } from "./immediate_commit.ts";
import { LoggedCommit } from "./logged_commit.ts";
import { OwnCommits } from "./own_commits.ts";
import { OwnPuts } from "./own_puts.ts";
import { RequestPipeline } from "./request_pipeline.ts";
import { SegmentWait } from "./segment_wait.ts";
import { ShownSet } from "./shown_set.ts";
import { StepMeter } from "../agent/step_meter.ts";

/** Requests after which completions are published even though the batch goes on. */
const PUBLISH_EVERY = 16;

/** What a KN is made of. */
export interface KvsNodeOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** Which of the agent blocks is this KN's. */
  readonly agent: number;
  /** The rings from its clients; the array may change between two steps. */
  readonly consumers: readonly RequestConsumer[];
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
  /**
   * The thread that acts for the KN: `Executor.OWN_THREAD`, or a client's, which executes what that
   * client has sent and leaves all upkeep to the KN's own thread.
   *
   * @default Executor.OWN_THREAD
   */
  readonly executor?: number;
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

/** The agent that executes requests. */
export class KvsNode {
  readonly #pool: Pool;
  readonly #consumers: readonly RequestConsumer[];
  readonly #isHelper: boolean;
  readonly #step: Step;
  readonly #log: LogWriter;
  readonly #budget: SpaceBudget;
  readonly #cleaners: SharedCleaners;
  readonly #segmentWait: SegmentWait;
  /** With a file: the requests of a step are committed together. */
  readonly #group: LoggedCommit | undefined;
  readonly #pipeline: RequestPipeline;
  readonly #counters: AgentCounters;
  readonly #meter: StepMeter | undefined;
  readonly #sweeper: ExpirySweeper;
  readonly #table: SlotTable;
  /** By which a client's thread makes puts itself, if it may. */
  readonly ownPuts: OwnPuts | undefined;
  /** The same for atomic commits. */
  readonly ownCommits: OwnCommits | undefined;
  #isStalled = false;
  /** If the number of keys is bounded. */
  readonly #entryBound: EntryBound | undefined;
  /**
   * Whether the KN's own thread runs. One that was not started yet, or cannot be, is not waited
   * for.
   */
  readonly #hasThread: () => boolean;

  /** Makes a KN; it does nothing until {@linkcode doWork} is called. */
  constructor(options: KvsNodeOptions) {
    const { pool, nodeId, agent, clock, file, consumers, statistics } = options;
    const executor = options.executor ?? Executor.OWN_THREAD;
    this.#pool = pool;
    const agentAt = pool.agentAt(agent);
    const hasThread = () => lifeState(pool, agentAt) === LifeState.RUNNING;
    this.#hasThread = hasThread;
    this.#consumers = consumers;
    this.#isHelper = executor !== Executor.OWN_THREAD;
    const segments = new SegmentTable(pool);
    const budget = this.#budget = new SpaceBudget(pool, segments);
    const table = this.#table = liveTable(pool, new IndexSpace(pool, agent));
    const log = this.#log = new LogWriter(pool, segments, agent, { file });
    const slots = new SlotWriter(pool, table, segments, clock);
    const counters = this.#counters = new AgentCounters(pool, agent);
    const cleaners = this.#cleaners = new SharedCleaners({
      pool,
      segments,
      agent,
      executor: this.#isHelper ? executor : agentExecutor(agent),
      file,
      clock,
    });
    const segmentWait = new SegmentWait(segments, budget, file, options.checkpointer);
    this.#segmentWait = segmentWait;
    const derived = new DerivedRecords(pool, log);
    const admission = new Admission(slots, budget, derived);
    const set = new ShownSet(pool, agent, table, slots);
    const parts = { pool, nodeId, agent, segments, table, slots, admission, log, set };
    const leavesDisk = this.#isHelper ? hasThread : () => false;
    const disk = { syncsAlways: syncsAlways(pool), leavesDisk };
    let staging = log;
    let immediate: ImmediateCommit | undefined;
    if (file === undefined) immediate = new ImmediateCommit(parts);
    else {
      staging = new LogWriter(pool, segments, agent, { isStaging: true });
      this.#group = new LoggedCommit({ ...parts, staging, ...disk });
    }
    const commit = immediate ?? this.#group!;
    const room = { cleaners, segments, segmentWait, counters, commit, pool };
    const space = new CleaningSpace(room);
    const records = { log, derived };
    const atomic = new AtomicCommits({ ...parts, ...disk, space, group: this.#group, file });
    this.#pipeline = new RequestPipeline({
      pool,
      segments,
      ...records,
      space,
      commit,
      counters,
      file,
      atomic,
    });
    const logs = staging === log ? [log] : [log, staging];
    this.#step = new Step({ pool, agent, executor, logs, consumers });
    this.#meter = statistics &&
      new StepMeter(statistics, counters, executor, file !== undefined);
    this.#entryBound = EntryBound.of({ pool, nodeId, agent, table, slots, counters });
    if (this.#isHelper && immediate !== undefined) {
      const own = { ...parts, budget, counters, meter: this.#meter, entryBound: this.#entryBound };
      const consumer = consumers[0]!;
      this.ownPuts = new OwnPuts({ ...own, commit: immediate, step: this.#step, consumer });
    }
    if (this.#isHelper && !disk.syncsAlways) {
      this.ownCommits = new OwnCommits({
        step: this.#step,
        meter: this.#meter,
        commits: atomic,
        group: this.#group,
        budget,
        counters,
        entryBound: this.#entryBound,
        log,
        consumer: consumers[0]!,
      });
    }
    this.#sweeper = new ExpirySweeper({ pool, nodeId, agent, segments, table, counters, clock });
  }

  /** Whether a request waits; called between two steps, and before going to sleep. */
  hasRequest(): boolean {
    return this.#step.hasRequest();
  }

  /** Whether a request waits, and no executor is about to take it. */
  canExecute(): boolean {
    return this.#step.isFree && this.hasRequest();
  }

  /**
   * Executes a bounded number of requests of each client, and a bounded amount of upkeep.
   *
   * @param publish called, by a helper, at the beginning of the step: had its client published
   *   before, the KN's own thread would compete for the requests, and be kept awake by them
   * @returns requests executed and slots swept; 0 means that there is nothing to do now
   */
  doWork(publish?: () => void): number {
    this.#isStalled = false;
    const sweepIsDue = !this.#isHelper && this.#sweeper.isDue;
    if (!sweepIsDue && publish === undefined && !this.hasRequest()) return 0;
    // A step is followed by cleaning when space is short, or waits for a disk: not a client's
    // business while the KN has a thread.
    const isForThread = this.#isHelper && (this.#budget.isCritical || syncsAlways(this.#pool));
    if (isForThread && this.#hasThread()) return 0;
    if (!this.#step.begin()) return 0;
    this.#meter?.begin();
    publish?.();
    let work = 0;
    for (let i = 0; i < this.#consumers.length; i++) work += this.#drain(this.#consumers[i]);
    if (work > 0) this.#counters.add(AgentCounter.BATCHES, 1);
    if (this.#isHelper) this.#counters.add(AgentCounter.HELPED, work);
    const group = this.#group;
    if (group?.isOpen) {
      group.write();
      group.publish();
    }
    if (group !== undefined && work > 0) this.#entryBound?.enforce();
    if (!this.#isHelper || isForThread) work += this.#keepUp(work > 0, sweepIsDue);
    this.#meter?.end();
    // A snapshot between this step and the next must find every record within its segment's used
    // bytes.
    this.#log.publish();
    this.#step.end();
    return work;
  }

  /**
   * Whether a request needs a segment that a snapshot or another KN may be about to free; it waits
   * in its ring.
   */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Whether a client is to wait in the thread's place while the KN is stalled. */
  get isStalledWithoutThread(): boolean {
    return this.#isStalled && !this.#hasThread();
  }

  /** Waits a bounded time for the snapshot, or for other KNs. */
  waitWhileStalled(): void {
    this.#segmentWait.wait();
  }

  /**
   * Ends this KN's part in the pool: nothing of it stays open, and no thread executes for it any
   * more.
   */
  close(): void {
    if (this.#step.close(() => this.#table.giveBack())) this.#step.leave();
  }

  /**
   * Ends this thread's part in the KN, which others go on to execute for.
   *
   * @returns false when another thread executes for it just now
   */
  leave(): boolean {
    if (!this.#step.begin()) return false;
    this.#table.giveBack();
    this.#step.end();
    return true;
  }

  /** A bounded amount of upkeep; returns how much it did. */
  #keepUp(hasWorked: boolean, sweepIsDue: boolean): number {
    let work = 0;
    if (hasWorked && this.#budget.isCritical && !this.#segmentWait.isForCheckpoint) {
      work += this.#cleaners.doWork();
    }
    if (sweepIsDue) work += this.#sweeper.sweep();
    this.#counters.set(AgentCounter.SEGMENTS_CLEANED, this.#cleaners.cleanedCount);
    this.#counters.set(AgentCounter.BYTES_MOVED, this.#cleaners.movedBytes);
    return work;
  }

  #drain(consumer: RequestConsumer): number {
    let count = 0;
    const countMax = this.#group === undefined ? BATCH_REQUESTS_MAX : GROUP_REQUESTS_MAX;
    while (count < countMax) {
      const at = consumer.poll();
      if (at === RING_EMPTY) break;
      if (this.#pipeline.execute(consumer, at) !== Outcome.DONE) {
        // A request that waits for its own group only need not wait longer than that.
        this.#isStalled = !this.#group?.isOpen;
        consumer.putBack(at);
        break;
      }
      count += 1;
      // Those of a group take effect at its end.
      if (this.#group === undefined) this.#entryBound?.enforce();
      if (count % PUBLISH_EVERY === 0) consumer.publish();
    }
    consumer.publish();
    if (count > 0) this.#counters.add(AgentCounter.REQUESTS, count);
    return count;
  }
}
