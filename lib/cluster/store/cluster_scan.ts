/**
 * Iteration in a cluster: nodes are asked for pages of the slots that they own, one after the other,
 * until all slots are done.
 *
 * Each slot is gone through once, in the order of the bytes of its keys, and goes on behind its last
 * key at whichever node owns it by then. So every key that is there all the time comes once.
 *
 * @module
 */
import { UnavailableError } from "../../core/errors.ts";
import { KeyEncoder, keyOf } from "../../core/key_encoder.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { monotonicMs, sleep } from "../../core/runtime.ts";
import type { PageRequest } from "../../remote/calls/call_requests.ts";
import { EntryListWriter } from "../../wire/entry_list.ts";
import { encodePage } from "../../remote/calls/key_page.ts";
import { FrameError } from "../../wire/frame.ts";
import type { ClusterCarrier } from "../client/cluster_carrier.ts";
import { encodeCall } from "../network/node_calls.ts";
import { decodePageAnswer, type PageAnswer } from "../network/page_calls.ts";
import { RESEND_MS } from "../node/requests.ts";

/** Pause before a node is asked again. */
const RETRY_MS = 25;
/** Slots that are asked for in one call, at most. */
const SLOTS_MAX = 256;
const NO_KEY = new Uint8Array(0);

/** One iteration: the pages that it asks for, one behind the other. */
export class ClusterScan {
  readonly #carrier: ClusterCarrier;
  readonly #key: KeyEncoder;
  /** Slots that are not done. */
  #left: number[] = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
  /** The slot that is gone through, and its last key. */
  #current: { readonly slot: number; readonly after: Uint8Array } | undefined;

  /** Begins at the first key. */
  constructor(carrier: ClusterCarrier, hashKey: readonly [number, number]) {
    this.#carrier = carrier;
    this.#key = new KeyEncoder(...hashKey);
  }

  /**
   * Reads the next page.
   *
   * @throws {UnavailableError} when there is no node that can be asked
   */
  async read(
    { prefix, from, withValues }: PageRequest,
    _list?: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Uint8Array[]> {
    const deadlineMs = monotonicMs() + RESEND_MS;
    for (;;) {
      signal?.throwIfAborted();
      const page = await this.#ask(prefix, withValues, signal);
      if (page !== undefined) {
        const hasMore = this.#left.length > 0;
        return [encodePage(this.#list(page, from), hasMore ? { slot: 0, key: NO_KEY } : undefined)];
      }
      if (monotonicMs() > deadlineMs) throw noNode();
      await sleep(RETRY_MS, { keepsAlive: true, ...(signal && { signal }) });
    }
  }

  /** Asks for one page; undefined if it has nothing, and is to be asked for again. */
  async #ask(
    prefix: Uint8Array,
    withValues: boolean,
    signal: AbortSignal | undefined,
  ): Promise<PageAnswer | undefined> {
    const first = this.#current?.slot ?? this.#left[0]!;
    const { owners } = this.#carrier.view;
    const others = this.#left.filter((slot) => slot !== first && owners[slot] === owners[first]);
    const slots = [first, ...others.slice(0, SLOTS_MAX - 1)];
    const { after: behind } = this.#current ?? {};
    const content = encodeCall({ op: "page", slots, after: behind, prefix, withValues });
    const item = await this.#carrier.ask(first, content, signal);
    if (item === undefined) return undefined;
    const page = decodePageAnswer(item);
    if (page.slotCount > slots.length) throw new FrameError("a page must be of what was asked for");
    const done = new Set(slots.slice(0, page.slotCount));
    this.#left = this.#left.filter((slot) => !done.has(slot));
    const next = slots[page.slotCount];
    const { after } = page;
    this.#current = next === undefined || after === undefined ? undefined : { slot: next, after };
    return page.slotCount === 0 && page.entries.length === 0 ? undefined : page;
  }

  #list({ entries }: PageAnswer, from: Uint8Array): Uint8Array {
    const list = new EntryListWriter();
    for (const { key, value, version, expiresAtMs } of entries) {
      // The prefix of a namespace is no key of the namespace.
      if (key.bytes.length < from.length) continue;
      this.#key.encode(keyOf(key));
      list.add(this.#key, value, { version, expiresAtMs });
    }
    return list.bytes;
  }
}

function noNode(): UnavailableError {
  return new UnavailableError(
    `the cluster must have a node that lists its keys within ${RESEND_MS} ms, but there was none`,
  );
}
