/**
 * The real KN: `FarNode`, its cache, its log and the merger of that, as the store runs them in the
 * far placement, and a client's end of its ring. Nothing here knows of virtual time; what a step
 * would cost is told by the counters of the verbs.
 *
 * @module
 */
import type { CacheOptions, CachePolicy } from "../../../../lib/cache/cache.ts";
import { createCache } from "../../../../lib/cache/create_cache.ts";
import type { NodeId } from "../../../../lib/core/brands.ts";
import { BATCH_REQUESTS_MAX } from "../../../../lib/core/limits.ts";
import { LogMerger } from "../../../../lib/far/log/log_merger.ts";
import { type CachedValue, keepValue } from "../../../../lib/far/node/far_lookup.ts";
import { FarNode } from "../../../../lib/far/node/far_node.ts";
import { backlogBytesMax } from "../../../../lib/pool/placement.ts";
import type { Pool } from "../../../../lib/pool/pool.ts";
import { VERB_COUNTER_COUNT, VerbCounter } from "../../../../lib/pool/verbs.ts";
import { RequestConsumer } from "../../../../lib/rings/request_consumer.ts";
import { COSTS } from "../../model/costs.ts";
import type { Operation } from "../system.ts";
import { type KeyNumbers, recordBytesOf, RequestSender } from "./request_sender.ts";

/**
 * Counters of verbs that are round trips which read, and that are round trips which write or send.
 */
const READS = [VerbCounter.READS] as const;
const WRITES = [
  VerbCounter.WRITES,
  VerbCounter.COMPARE_AND_SWAPS,
  VerbCounter.FETCH_AND_ADDS,
  VerbCounter.SENDS,
] as const;

/** What lookups and changes cost the processor of a KN. */
const CPU = [
  [VerbCounter.VALUE_HITS, COSTS.valueReadUs.value],
  [VerbCounter.SHORTCUT_HITS, COSTS.shortcutReadUs.value],
  [VerbCounter.LOG_HITS, COSTS.logReadUs.value],
  [VerbCounter.MISSES, COSTS.missReadUs.value],
  [VerbCounter.PUTS, COSTS.writeUs.value],
] as const;

/**
 * What a lookup costs beyond that when the key's cell has to be read: not measured. It is as much
 * as finding a record by its shortcut costs beyond finding it in the cache.
 */
const CELL_READ_US = COSTS.shortcutReadUs.value - COSTS.valueReadUs.value;

/** What a step has taken. */
export class StepMeter {
  cpuUs = 0;
  reads = 0;
  writes = 0;
  bytesRead = 0;
  bytesWritten = 0;
  gets = 0;
  valueHits = 0;
  shortcutHits = 0;
  logHits = 0;
  puts = 0;

  get roundTrips(): number {
    return this.reads + this.writes;
  }
}

/** The cache of each KN. */
export interface CacheOfNode extends Pick<CacheOptions<CachedValue>, "budgetBytes" | "valueShare"> {
  readonly policy: CachePolicy;
}

/** What a KN is made of. */
export interface RealNodeOptions {
  readonly pool: Pool;
  readonly keys: KeyNumbers;
  readonly nodeId: NodeId;
  readonly agent: number;
  readonly valueBytes: number;
  readonly cache: CacheOfNode;
  readonly clock: () => number;
}

/** A KN, and what is sent to it. */
export class RealNode {
  readonly nodeId: NodeId;
  readonly agent: number;
  readonly #merger: LogMerger;
  readonly #sender: RequestSender;
  readonly #node: FarNode;
  readonly #counted = new Float64Array(VERB_COUNTER_COUNT);
  readonly #unmergedCountMax: number;
  #putCount = 0;
  #mergedCount = 0;

  constructor(options: RealNodeOptions) {
    const { pool, keys, nodeId, agent, clock } = options;
    this.nodeId = nodeId;
    this.agent = agent;
    this.#unmergedCountMax = backlogBytesMax(pool) / recordBytesOf(options.valueBytes);
    this.#sender = new RequestSender(keys, options.valueBytes);
    const consumers = [new RequestConsumer(this.#sender.ring)];
    const { policy, ...limits } = options.cache;
    const cache = createCache<CachedValue>(policy, { ...limits, keep: keepValue });
    this.#node = new FarNode({ pool, nodeId, agent, consumers, clock, cache });
    this.#merger = new LogMerger({ pool, agent, clock });
  }

  /** Records that are logged and not merged. */
  get unmergedCount(): number {
    // Whoever moves slots merges, too.
    return this.#merger.hasWork ? this.#putCount - this.#mergedCount : 0;
  }

  /** Merges a bounded number of records, the oldest first. */
  merge(): void {
    this.#mergedCount += this.#merger.doWork();
    if (!this.#merger.hasWork) this.#mergedCount = this.#putCount;
  }

  /** Whether the KN may log what a step takes, or has to wait for a merge before. */
  get mayLog(): boolean {
    return this.unmergedCount + BATCH_REQUESTS_MAX <= this.#unmergedCountMax;
  }

  /** Puts a request into the KN's ring. */
  send(operation: Operation): void {
    this.#sender.send(operation);
  }

  /** Lets the KN work for as long as it gets on, and takes its answers. */
  step(onAnswer: (status: number) => void): StepMeter {
    do this.#node.doWork(); while (this.#sender.takeAnswers(onAnswer) > 0);
    return this.#read();
  }

  /** What has been counted since the last call. */
  #read(): StepMeter {
    const counted = this.#counted;
    const { verbs } = this.#node;
    const grown = (counter: number) => verbs.get(counter) - counted[counter];
    const meter = new StepMeter();
    for (const verb of READS) meter.reads += grown(verb);
    for (const verb of WRITES) meter.writes += grown(verb);
    for (const [counter, costUs] of CPU) meter.cpuUs += grown(counter) * costUs;
    meter.cpuUs += grown(VerbCounter.SHARED_GETS) * CELL_READ_US;
    meter.bytesRead = grown(VerbCounter.BYTES_READ);
    meter.bytesWritten = grown(VerbCounter.BYTES_WRITTEN);
    meter.gets = grown(VerbCounter.GETS);
    meter.valueHits = grown(VerbCounter.VALUE_HITS);
    meter.shortcutHits = grown(VerbCounter.SHORTCUT_HITS);
    meter.logHits = grown(VerbCounter.LOG_HITS);
    meter.puts = grown(VerbCounter.PUTS);
    this.#putCount += meter.puts;
    for (let i = 0; i < counted.length; i++) counted[i] = verbs.get(i);
    return meter;
  }
}
