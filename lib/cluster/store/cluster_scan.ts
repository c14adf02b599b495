/**
 * Iteration in a cluster: nodes are asked for pages of the slots that they own, one after the
 * other, until all slots are done.
 *
 * Each slot is gone through once, in the order of the bytes of its keys, and goes on behind its
 * last key at whichever node owns it by then. So every key that is there all the time comes once.
 *
 * @module
 */
import { UnavailableError } from "../../core/errors.ts";
import { KeyEncoder, keyOf } from "../../core/key_encoder.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { sleep } from "../../platform/runtime.ts";
import type { PageRequest } from "../../remote/calls/call_requests.ts";
import { EntryListWriter } from "../../wire/entry_list.ts";
import { encodePage } from "../../remote/calls/key_page.ts";
import { FrameError } from "../../wire/frame.ts";
import type { ClusterCarrier } from "../client/cluster_carrier.ts";
import { PeerLostError } from "../client/node_peers.ts";
import { encodeCall } from "../network/node_calls.ts";
import { decodePageAnswer, type PageAnswer } from "../network/page_calls.ts";
import { RESEND_MS } from "../node/requests.ts";

/** Pause before a node is asked again. */
const RETRY_MS = 25;
/** How often it is looked whether the node that is asked owns the slot still. */
const LOOK_MS = 500;
/** Slots that are asked for in one call, at most. */
const SLOTS_MAX = 256;
const NO_KEY = new Uint8Array(0);

/** Waits a little. */
export type Pause = (ms: number, signal: AbortSignal | undefined) => Promise<void>;

/** How nodes are asked. */
export type ScannedCarrier = Pick<ClusterCarrier, "ask" | "clock" | "view">;

/** One iteration: the pages that it asks for, one behind the other. */
export class ClusterScan {
  readonly #carrier: ScannedCarrier;
  readonly #pause: Pause;
  readonly #key: KeyEncoder;
  /** Slots that are not done. */
  #left: number[] = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
  /** The slot that is gone through, and its last key. */
  #current: { readonly slot: number; readonly after: Uint8Array } | undefined;

  /** Begins at the first key. */
  constructor(
    carrier: ScannedCarrier,
    hashKey: readonly [number, number],
    pause: Pause = (ms, signal) => sleep(ms, { keepsAlive: true, ...(signal && { signal }) }),
  ) {
    this.#carrier = carrier;
    this.#pause = pause;
    this.#key = new KeyEncoder(...hashKey);
  }

  /** Which share of the slots is done, 0 to 1. */
  get share(): number {
    return 1 - this.#left.length / SLOT_COUNT;
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
    const { clock } = this.#carrier;
    const deadlineMs = clock.monotonicMs() + RESEND_MS;
    for (;;) {
      signal?.throwIfAborted();
      const isLast = clock.monotonicMs() > deadlineMs;
      const page = await this.#ask(prefix, withValues, signal);
      if (page !== undefined) {
        const hasMore = this.#left.length > 0;
        return [encodePage(this.#list(page, from), hasMore ? { slot: 0, key: NO_KEY } : undefined)];
      }
      if (isLast) throw noNode();
      await this.#pause(RETRY_MS, signal);
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
    const item = await this.#askOwner(first, content, signal);
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

  /** Asks the owner of a slot, and waits no longer when it is that no more: it may stand still. */
  async #askOwner(
    slot: number,
    content: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const { clock, view: { assignedAt } } = this.#carrier;
    const asked = assignedAt[slot];
    const end = new AbortController();
    const stop = () => end.abort(signal!.reason);
    const look = () => {
      if (this.#carrier.view.assignedAt[slot] !== asked) end.abort(new PeerLostError());
      else timer = clock.after(LOOK_MS, look);
    };
    let timer = clock.after(LOOK_MS, look);
    signal?.addEventListener("abort", stop);
    try {
      return await this.#carrier.ask(slot, content, end.signal);
    } finally {
      timer.stop();
      signal?.removeEventListener("abort", stop);
    }
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
