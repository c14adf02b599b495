/**
 * One peer taking part in a benchmark. The harness holds a session per peer and lets them run in
 * turn; whether the peer lives in this process or in one of its own makes no difference to it.
 *
 * @module
 */
import type { RepetitionFigures } from "../measure/repetition.ts";
import type { Dataset, PeerSupport } from "../peers/peer.ts";

export interface PeerDescription {
  id: string;
  name: string;
  version: string;
  supports: PeerSupport;
}

export interface Session {
  readonly peer: PeerDescription;
  /** Opens an empty store and loads the dataset. */
  open(dataset: Dataset): Promise<void>;
  /** Runs one repetition of a workload on the open store. */
  run(workloadId: string, durationMs: number): Promise<RepetitionFigures>;
  /** Closes the store and deletes its files. */
  close(): Promise<void>;
  /** Ends the session; its process, if it has one, ends too. */
  end(): Promise<void>;
}
