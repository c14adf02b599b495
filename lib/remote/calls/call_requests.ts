/**
 * What another process can ask for by a call, and which items answer it.
 *
 * A request is a head, JSON with tags (codec/tagged_json.ts), and for some of them a list of keys
 * behind it (entry_list.ts):
 *
 *     byte 0         8
 *          +---------+--------+----------+------ - - -
 *          | bytes   | head   | padding  | list
 *          | of head |        | to 8     |
 *          +---------+--------+----------+------ - - -
 *
 * @module
 */
import { decodeTagged, encodeTagged } from "../../codec/tagged_bytes.ts";
import type { ChangesRequest, PartsRequest } from "../../watch/watch_requests.ts";
import { FrameError } from "../../wire/frame.ts";

/** Where a passage through the keys is. */
export interface PagePosition {
  /** The slot whose keys are gone through; 0 in a pool that knows the order of its keys. */
  readonly slot: number;
  /** The last key that was gone past, in that slot; empty before the first one. */
  readonly key: Uint8Array;
}

/** Asks for a page of keys: one item, a {@linkcode KeyPage}. */
export interface PageRequest {
  readonly op: "page";
  /** As in a `KeyRange`. */
  readonly prefix: Uint8Array;
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly isReverse: boolean;
  /** Where to go on; undefined in the beginning. */
  readonly position: PagePosition | undefined;
  /** Keys that are wanted at most, from 1; Infinity for as many as a page has. */
  readonly keysMax: number;
  readonly withValues: boolean;
}

/** What can be asked for. */
export type CallRequest =
  | PageRequest
  /** The keys of the list as of one moment: items are lists, in its order. */
  | { readonly op: "moment" }
  | PartsRequest
  | ChangesRequest
  | HostRequest;

/** What the thread is asked for that has opened the pool: one item, what its method returns. */
export type HostRequest =
  | { readonly op: "stats" }
  | { readonly op: "picture" }
  | { readonly op: "sync" }
  | { readonly op: "scale"; readonly nodes: number }
  | { readonly op: "snapshot" }
  | { readonly op: "backup"; readonly path: string }
  | { readonly op: "compact" }
  | { readonly op: "grow"; readonly capacityBytes: number }
  /** Items are events, until the call is given up. */
  | { readonly op: "events" };

/** A request as it has come. */
export interface TakenRequest {
  readonly head: CallRequest;
  /** A view of it. */
  readonly list: Uint8Array;
}

const HEAD = 8;
const NOTHING = new Uint8Array(0);

/**
 * Makes a request.
 *
 * @throws {BadDataError} for what JSON with tags cannot hold
 */
export function encodeRequest(head: CallRequest, list: Uint8Array = NOTHING): Uint8Array {
  const text = encodeTagged(head);
  const listAt = HEAD + padded(text.length);
  const bytes = new Uint8Array(listAt + list.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, HEAD);
  bytes.set(list, listAt);
  return bytes;
}

/**
 * Takes a request.
 *
 * @throws {FrameError} when it is none; what its head has is for its operation to check
 */
export function decodeRequest(bytes: Uint8Array): TakenRequest {
  const isWhole = bytes.length >= HEAD;
  const headBytes = isWhole ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) : 0;
  const listAt = HEAD + padded(headBytes);
  if (!isWhole || listAt > bytes.length) throw new FrameError("a call must have its head");
  const head = decodeTagged(bytes.subarray(HEAD, HEAD + headBytes));
  if (typeof head !== "object" || head === null || !("op" in head)) {
    throw new FrameError("a call must say what it asks for");
  }
  return { head: head as CallRequest, list: bytes.subarray(listAt) };
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}
