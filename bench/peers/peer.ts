/**
 * What the harness asks of a store that takes part in the comparison. One adapter file per peer
 * implements it with the peer's own best means: its own transaction for a batch, its own encoding.
 *
 * @module
 */
import type { Customer, Entry } from "../workloads/records.ts";

/** What a store will hold, for peers that must reserve their memory when they are opened. */
export interface Dataset {
  /** Records loaded before the measurements. */
  keyCount: number;
  /** Records after the inserts of the workloads. */
  keyCountMax: number;
  /** Bytes of one value in msgpack. */
  valueBytes: number;
}

export interface PeerSupport {
  /** `putSync` and `getSync` exist. */
  sync: boolean;
  /** `put` answers with a promise of its own; if not, the harness awaits the synchronous call. */
  async: boolean;
  /** `putMany` is one operation for the peer; if not, it is a loop. */
  batch: boolean;
}

export interface PeerStore {
  putSync?(key: string, value: Customer): void;
  getSync?(key: string): Customer | undefined;
  put(key: string, value: Customer): Promise<unknown> | void;
  get(key: string): Promise<Customer | undefined> | Customer | undefined;
  putMany(entries: Entry[]): Promise<unknown> | void;
  getMany?(keys: string[]): Promise<(Customer | undefined)[]> | (Customer | undefined)[];
  close(): Promise<void> | void;
}

/** A peer whose package is loaded. */
export interface Peer {
  name: string;
  version: string;
  supports: PeerSupport;
  /** Opens an empty store; its files, if it has any, go into `workDir`. */
  open(workDir: string, dataset: Dataset): Promise<PeerStore> | PeerStore;
}

export interface PeerAdapter {
  /** Short and stable: the name in options, results and charts. */
  id: string;
  /** Loads the peer's package. Rejects, with the reason as message, where the peer cannot run. */
  load(): Promise<Peer>;
}
