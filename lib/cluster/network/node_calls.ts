/**
 * What threads can call a node for, beside requests of keys: JSON with tags.
 *
 * @module
 */
import { encodeTagged } from "../../codec/tagged_bytes.ts";
import type { ChangesRequest, PartsRequest } from "../../watch/watch_requests.ts";

/** Asks for a page of keys: see page_calls.ts. */
export interface PageCall {
  readonly op: "page";
  readonly slots: readonly number[];
  readonly after: Uint8Array | undefined;
  readonly prefix: Uint8Array;
  readonly withValues: boolean;
}

/** What can be asked for. */
export type NodeCall =
  | PageCall
  | PartsRequest
  | ChangesRequest
  /** One item, which says nothing: the node is there. */
  | { readonly op: "alive" };

/** Makes a call. */
export function encodeCall(call: NodeCall): Uint8Array {
  return encodeTagged(call);
}
