/**
 * What a node knows of the keys: found by key, made of the records of all logs that count.
 *
 * @module
 */
import type { StoredKey } from "../../core/key_encoder.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import type { ClusterRequest } from "./requests.ts";

/** Where a record is stored. */
export interface RecordAddress {
  /** The node in whose log it is. */
  readonly node: number;
  /** Of the message in that log. */
  readonly sequence: number;
  /** Where it begins in the message, in bytes. */
  readonly place: number;
}

/** A request that reads a value, by which there is room for it. */
export type Reader = Pick<ClusterRequest, "number" | "room">;

/** Which keys of a slot are wanted. */
export interface PageRequest {
  readonly slot: number;
  /** Only keys that begin with these bytes. */
  readonly prefix: Uint8Array;
  /** Only keys behind this one, in the order of their bytes; undefined: from the first one on. */
  readonly after: Uint8Array | undefined;
  /** Bytes of keys and values after which the page ends; it has one record at least. */
  readonly bytesMax: number;
}

/** A part of the keys of a slot, in the order of their bytes. */
export interface RecordPage {
  /** The newest records of keys, puts all of them; some may have expired. */
  readonly records: readonly LogRecord[];
  /** Whether there are no keys behind them. */
  readonly isLast: boolean;
}

/** Keys with their newest records. */
export interface RecordTable {
  /**
   * Finds the newest record of a key of a slot that this node owns and has all of; it may be a
   * delete. Called back once, maybe before this returns, and not in bounded time: while the engine
   * cannot be reached it waits.
   *
   * What is merged in between may have been found or not.
   *
   * @param reader is asked for room before a value is read that is not in memory
   */
  find(
    key: StoredKey,
    hash: number,
    done: (record: LogRecord | undefined) => void,
    reader?: Reader,
  ): void;

  /** Is told that a request is answered by what was found for another one, for the figures. */
  shared(): void;

  /** Takes a record that counts. Of two records of a key the one with the higher version wins. */
  merge(record: LogRecord, address: RecordAddress): void;

  /**
   * Lists keys of a slot that this node owns and has all of; called back like {@linkcode find}.
   * What is merged in between may be there or not.
   */
  page(request: PageRequest, done: (page: RecordPage) => void): void;

  /** About how many keys a slot has. */
  keyCount(slot: number): number;

  /** A version for a new record of a slot: larger than all that were merged or given before. */
  nextVersion(slot: number): number;
}
