/**
 * What the experiments ask of a system: to execute operations in virtual time, and to say what that
 * took.
 *
 * @module
 */
import type { Process } from "../kernel/simulation.ts";
import type { OperationKind } from "../workload/mix.ts";

/** One operation of a client. */
export interface Operation {
  kind: OperationKind;
  /** The number of the key; an insert's is the next that there is not. */
  key: number;
}

/** What operations have taken since the counters were reset. */
export interface SystemCounts {
  operations: number;
  /** Round trips that operations waited for; what goes on in the background does not count. */
  roundTrips: number;
  /** Of them, those by which KNs of Dinomo wrote their logs. */
  writeRoundTrips: number;
  reads: number;
  /** Reads that took no round trip, for the value was in a cache. */
  valueHits: number;
  /** Reads that found in a cache where the value is. */
  shortcutHits: number;
}

/**
 * Something that may be short: a link, or threads. Several of the same name are parts of one, such
 * as the threads of all KNs.
 */
export interface Resource {
  readonly name: string;
  /** The share of its time that it was in use since the counters were reset. */
  readonly utilization: number;
  /** Whether it is in use, too, while it waits for others. @default false */
  readonly isWaiting?: boolean;
}

/** A system that is put under load. */
export interface SystemUnderTest {
  /**
   * Executes one operation, as its client sees it: from the request on its way until the answer is
   * there.
   */
  execute(operation: Operation): Process;
  readonly counts: Readonly<SystemCounts>;
  /** Whatever may be short: the one with the highest utilization limits the system. */
  readonly resources: readonly Resource[];
  /** Ends the warm-up: counters and utilizations begin again, caches stay. */
  resetCounts(): void;
}

/** A system whose KNs come and go. */
export interface ElasticSystem extends SystemUnderTest {
  /** Adds KNs; ends when they have got their share of the work. */
  addNodes(count: number): Process;
  /** Takes KNs away; ends when nobody needs them any more. */
  removeNodes(count: number): Process;
  /** Lets a KN die, without a word; the others learn of it so much later. */
  failNode(detectionUs: number): Process;
}

export function noCounts(): SystemCounts {
  return {
    operations: 0,
    roundTrips: 0,
    writeRoundTrips: 0,
    reads: 0,
    valueHits: 0,
    shortcutHits: 0,
  };
}
