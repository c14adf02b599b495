/**
 * Requests that have their place in the orders of several slots: atomic commits (I4).
 *
 * Such a request goes to the owner of its lowest slot, like any request for that one. In the other
 * slots' orders a *mark* stands for it: it is held like a request, and is not sent when its turn
 * comes and nothing of the slot is in flight any more, but has the slot counted as one with a
 * request in flight, and held, until the commit has ended. The commit is sent when it has come to its turn everywhere. So
 *
 * - what was issued before for any of the others of its slots has ended, and what was issued before
 *   for the lowest one has ended or is in front of it in its ring;
 * - what is issued later for the others of its slots is held until it has ended, and what is issued
 *   later for the lowest one is behind it in its ring;
 * - reads of all of its slots wait for it, like for any request.
 *
 * Commits of which each has its turn somewhere, and not in another's slot, cannot wait for each
 * other: turns come in the order of issue, the same in all slots.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import type { Completion, HeldRequest, SlotGathering } from "./completions.ts";
import type { HeldSlots } from "./held_slots.ts";
import type { Router } from "./router.ts";

/** What a request of several slots needs of its client. */
export interface GatheringParts {
  readonly held: HeldSlots;
  readonly router: Router;
  /** A slot has no mark any more that is counted as in flight. */
  readonly leave: (slot: Slot) => void;
}

const NO_WORDS = new Int32Array(0);

/** One such request, until it has ended. */
export class GatheredSlots implements SlotGathering {
  /** The request, with a completion that lets go of the slots. */
  readonly request: HeldRequest;
  readonly #parts: GatheringParts;
  /** The completion of all marks, which no KN answers. */
  readonly #mark: Completion = {
    settle: () => {},
    fail: (error) => this.#failMark(error),
  };
  /** Slots whose marks have had their turn. */
  readonly #arrived: Slot[] = [];
  #missingCount = 0;
  #failure: DinomoError | undefined;
  #hasEnded = false;

  /** Makes one; {@linkcode gather} puts marks into the orders of the other slots. */
  constructor(parts: GatheringParts, request: HeldRequest) {
    this.#parts = parts;
    const { completion } = request;
    this.request = { ...request, completion: this.#watch(completion), gathering: this };
  }

  /** Takes a place in the order of each slot but the request's own; whether all have come. */
  gather(others: readonly Slot[]): boolean {
    const { held, router } = this.#parts;
    const { sequence } = this.request;
    for (const slot of others) {
      if (!router.isPending(slot)) {
        this.#enter(slot);
        continue;
      }
      this.#missingCount += 1;
      held.keep({ slot, sequence, words: NO_WORDS, completion: this.#mark, gathering: this });
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

  /** A mark was given up, as its slot was: the request is given up in its turn. */
  #failMark(error: DinomoError): void {
    const { held, router } = this.#parts;
    this.#missingCount -= 1;
    this.#failure ??= error;
    const { slot } = this.request;
    if (this.#missingCount === 0 && !router.isInFlight(slot)) held.markReady(slot);
  }

  #enter(slot: Slot): void {
    this.#parts.held.hold(slot);
    this.#parts.router.noteSent(slot);
    this.#arrived.push(slot);
  }

  /** Lets go of the slots when the request has ended. */
  #watch(completion: Completion): Completion {
    return {
      settle: (status, address, low, high, ring, requestAt) => {
        completion.settle(status, address, low, high, ring, requestAt);
        this.#end();
      },
      fail: (error) => {
        completion.fail(error);
        this.#end();
      },
    };
  }

  #end(): void {
    this.#hasEnded = true;
    for (const slot of this.#arrived.splice(0)) this.#parts.leave(slot);
  }
}
