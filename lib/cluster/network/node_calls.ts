/**
 * What threads can call a node for, beside requests of keys: JSON with tags.
 *
 * @module
 */
import { TagReader, toTaggedJson } from "../../codec/tagged_json.ts";
import type { ChangesRequest, PartsRequest } from "../../watch/watch_requests.ts";
import { FrameError } from "../../wire/frame.ts";

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
  /** One item, of figure_calls.ts. */
  | { readonly op: "figures" }
  /** One item, which says nothing: the node is there. */
  | { readonly op: "alive" };

/** Makes a call. */
export function encodeCall(call: NodeCall): Uint8Array {
  return encodeContent(call);
}

/** Makes an item of any data. */
export function encodeContent(content: unknown): Uint8Array {
  return new TextEncoder().encode(toTaggedJson(content));
}

/**
 * What was asked for or answered; what it says is still to be checked.
 *
 * @throws {FrameError} when it is no JSON
 */
export function decodeContent(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return new TagReader().read(JSON.parse(text));
  } catch (cause) {
    throw new FrameError("a call must be JSON", { cause });
  }
}
