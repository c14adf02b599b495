/**
 * What a workload is, and what it works with.
 *
 * @module
 */
import type { LatencyRecorder } from "../measure/latency_recorder.ts";
import type { RepetitionFigures } from "../measure/repetition.ts";
import type { PeerStore } from "../peers/peer.ts";
import type { KeyChooser } from "./key_chooser.ts";
import type { Customer, Entry } from "./records.ts";

/** One peer's store with what the workloads need, all of it made before the measurement. */
export interface WorkloadContext {
  store: PeerStore;
  /** Keys of loaded records, drawn uniformly; as many as a power of two. */
  keys: readonly string[];
  /** As many as a power of two. */
  values: readonly Customer[];
  /** Entries of `keys` and `values`, as many batches as a power of two. */
  batches: readonly Entry[][];
  /** Made when it is first asked for, which takes a while. */
  readonly keyChooser: KeyChooser;
  latencies: LatencyRecorder;
  /** Where in `keys`, `values` and `batches` the next repetition starts. */
  cursor: number;
}

export interface Workload {
  /** Short and stable: the name in options, results and charts. */
  id: string;
  title: string;
  /** Calls `putSync` or `getSync`. */
  needsSync: boolean;
  /** Runs for about `durationMs`, but always some operations. */
  run(context: WorkloadContext, durationMs: number): Promise<RepetitionFigures>;
}

/** A record that was loaded was not found: the peer, or its adapter, is broken. */
export function missingRecord(key: string): Error {
  return new Error(`record ${key} was stored and is not found`);
}
