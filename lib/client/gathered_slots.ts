/**
 * Requests that have their place in the orders of several slots: atomic commits (I4).
 *
 * Such a request goes to the owner of its lowest slot, like any request for that one. In the other
 * slots' orders a *mark* stands for it: it is held like a request, and is not sent when its turn
 * comes and nothing of the slot is in flight any more, but has the slot counted as one with a
 * request in flight, and held, until the commit has ended. The commit is sent when it has come to
 * its turn everywhere. So
 *
 * - what was issued before for any of the others of its slots has ended, and what was issued before
 *   for the lowest one has ended or is in front of it in its ring;
 * - what is issued later for the others of its slots is held until it has ended, and what is issued
 *   later for the lowest one is behind it in its ring;
 * - reads of all of its slots wait for it, like for any request.
 *
 * **No slot waits for ever.** A slot that is held and has nothing in flight is *ready*: it is
 * looked at by the next poll. One that has something in flight, a request or a mark, need not be
 * looked at, and must not be, even if it was said to be ready before: the last one that ends lets
 * go of the slot (`EndedRequests.leave`), and says so again, as the slot is still held. A request
 * that waits for its turn elsewhere is looked at when the last of its marks has come to its turn,
 * or has failed.
 *
 * **No commits wait for each other.** Turns come in the order in which requests are issued, the
 * same in all slots: of those that have not ended, the first one has its turn everywhere, or waits
 * for what is in flight. An operation that has begun before has its place by when it becomes a
 * request: otherwise it would take a place in front of a commit that has had its turn in another
 * slot.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import type { Completion, SlotGathering } from "./completions.ts";
import type { HeldSlots } from "./held_slots.ts";
import type { SlotsInFlight } from "./slots_in_flight.ts";

/** What a request of several slots needs of its client. */
export interface GatheringParts {
  readonly held: HeldSlots;
  readonly inFlight: SlotsInFlight;
  /** A slot has no mark any more that is counted as in flight. */
  readonly leave: (slot: Slot) => void;
}

const NO_WORDS = new Int32Array(0);

/** One such request, until it has ended: its completion, by which it lets go of its slots. */
export class GatheredSlots implements SlotGathering {
  readonly slot: Slot;
  readonly #parts: GatheringParts;
  readonly #sequence: number;
  readonly #completion: Completion;
  /** Slots whose marks have had their turn. */
  readonly #arrived: Slot[] = [];
  #missingCount = 0;
  #failure: DinomoError | undefined;
  #hasEnded = false;

  /** Makes one; {@linkcode gather} puts marks into the orders of the other slots. */
  constructor(parts: GatheringParts, slot: Slot, sequence: number, completion: Completion) {
    this.#parts = parts;
    this.slot = slot;
    this.#sequence = sequence;
    this.#completion = completion;
  }

  /** Takes a place in the order of each slot behind the request's own; whether all have come. */
  gather(slots: readonly Slot[]): boolean {
    const { inFlight } = this.#parts;
    for (let i = 1; i < slots.length; i++) {
      const slot = slots[i]!;
      if (inFlight.isPending(slot)) this.#wait(slot);
      else this.#enter(slot);
    }
    return this.#missingCount === 0;
  }

  /** Whether it waits for its turn in another slot. */
  get isGathering(): boolean {
    return this.#missingCount > 0;
  }

  /** Why it cannot be sent any more. */
  get failure(): DinomoError | undefined {
    return this.#failure;
  }

  arrive(slot: Slot): boolean {
    this.#missingCount -= 1;
    if (!this.#hasEnded) this.#enter(slot);
    return this.#missingCount === 0 && !this.#hasEnded;
  }

  settle(
    status: number,
    address: number,
    versionLow: number,
    versionHigh: number,
    ring: Int32Array,
    requestAt: number,
  ): void {
    this.#completion.settle(status, address, versionLow, versionHigh, ring, requestAt);
    this.#end();
  }

  fail(error: DinomoError): void {
    this.#completion.fail(error);
    this.#end();
  }

  /** Puts a mark behind what is pending of a slot. No KN answers it. */
  #wait(slot: Slot): void {
    this.#missingCount += 1;
    const completion = { settle: () => {}, fail: (error: DinomoError) => this.#failMark(error) };
    const sequence = this.#sequence;
    this.#parts.held.keep({ slot, sequence, words: NO_WORDS, completion, gathering: this });
  }

  /** A mark was given up, as its slot was: the request is given up in its turn. */
  #failMark(error: DinomoError): void {
    const { held, inFlight } = this.#parts;
    this.#missingCount -= 1;
    this.#failure ??= error;
    if (this.#missingCount === 0 && !inFlight.has(this.slot)) held.markReady(this.slot);
  }

  #enter(slot: Slot): void {
    this.#parts.held.hold(slot);
    this.#parts.inFlight.add(slot);
    this.#arrived.push(slot);
  }

  /** Lets go of the slots. */
  #end(): void {
    this.#hasEnded = true;
    const arrived = this.#arrived;
    for (let slot = arrived.pop(); slot !== undefined; slot = arrived.pop()) {
      this.#parts.leave(slot);
    }
  }
}
