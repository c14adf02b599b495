/**
 * What is said on the socket of an open store: requests, and what answers them.
 *
 * A connection carries one request at a time. It is answered by any number of items, and then by an
 * end, or by a failure in its place. A store that is closed says so by a failure with the code
 * `DINOMO_CLOSED`, also where nothing was asked for; one whose process is killed says nothing. Each
 * message is a frame of JSON (gateway/json_frames.ts).
 *
 * @module
 */
import type { Key } from "../core/key_encoder.ts";
import type { KeyTypes } from "../core/key_types.ts";

/** Kinds of frames. */
export const MessageKind = { REQUEST: 1, ITEM: 2, END: 3, FAILURE: 4 } as const;

/** What can be asked for, and which items answer it. */
export type LiveRequest =
  /** One {@linkcode LiveDescription}. */
  | { readonly op: "describe" }
  /** One item: what `stats()` returns. */
  | { readonly op: "stats" }
  /** One item: an entry, if the key is there. */
  | { readonly op: "get"; readonly key: Key }
  /** Items of up to 256 keys. */
  | { readonly op: "keys"; readonly prefix: Key; readonly limit: number }
  /** One item: the version. */
  | {
    readonly op: "put";
    readonly key: Key;
    readonly value: unknown;
    readonly ttl: number | undefined;
  }
  /** An item for each state, until the connection is closed: the entries of the keys. */
  | { readonly op: "watch"; readonly keys: readonly Key[] }
  /** An item for each change, until the connection is closed. */
  | { readonly op: "watchPrefix"; readonly prefix: Key };

/** Who answers. */
export interface LiveDescription {
  /** Absolute path of the pool's directory. */
  readonly path: string;
  readonly pid: number;
  /** Name and version, such as "Node 22.1.0". */
  readonly runtime: string;
  readonly keys: KeyTypes;
  readonly codec: string;
  /** Whether `put` is answered. */
  readonly isWritable: boolean;
}

/** Why a request failed. */
export interface LiveFailure {
  readonly name: string;
  /** The code of a `DinomoError`; "" for any other error. */
  readonly code: string;
  readonly message: string;
}
