/**
 * What a run of the comparison finds: the content of the JSON file, from which tables and charts
 * are made.
 *
 * @module
 */
import type { Environment } from "../environment.ts";
import type { ScaleReport } from "../../mod.ts";
import type { LatencyFigures } from "../measure/latency_recorder.ts";
import type { RepetitionFigures } from "../measure/repetition.ts";
import type { SectionId, Size } from "../options.ts";
import type { PeerDescription } from "../sessions/session.ts";

/** Changes when a field changes its meaning. */
export const RESULTS_FORMAT = 1;

/** One peer's figures for one workload on one dataset: medians of the repetitions. */
export interface Row {
  section: SectionId;
  workload: string;
  workloadTitle: string;
  peer: string;
  valueBytes: number;
  keyCount: number;
  operationsPerSecond: number;
  latency?: LatencyFigures;
  repetitions: RepetitionFigures[];
}

/** Something that was to be measured and could not be. */
export interface Omission {
  peer: string;
  /** Absent: nothing of the peer could be measured. */
  workload?: string;
  reason: string;
}

/** How Dinomo came through adding KNs and removing them under full load. */
export interface ScaleFigures {
  steps: ScaleReport[];
  operationCount: number;
  failedCount: number;
  /** Acknowledged writes that were not found afterwards. */
  lostCount: number;
  /** The longest time that a single operation took, as its caller saw it. */
  longestWaitMs: number;
  operationsPerSecondBefore: number;
  operationsPerSecondDuring: number;
  operationsPerSecondAfter: number;
}

export interface MemoryFigures {
  /** Resident memory of a process that runs nothing, and of one that opened an empty store. */
  bareBytes: number;
  emptyStoreBytes: number;
  /**
   * The same after so many reads, and an eighth as many writes, of a thousand keys; what the writes
   * have touched included.
   */
  usedStoreBytes: number;
  readCount: number;
  /** Per record of the dataset, without key and value. */
  indexBytesPerRecord: number;
  headerBytesPerRecord: number;
  keyCount: number;
}

export interface Results {
  format: number;
  environment: Environment;
  size: Size;
  seed: number;
  startedAt: string;
  peers: PeerDescription[];
  rows: Row[];
  omissions: Omission[];
  scale?: ScaleFigures;
  memory?: MemoryFigures;
}
