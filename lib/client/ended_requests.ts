/**
 * What becomes of a request when its carrier has an end for it: its operation is told, or goes on,
 * and its slot has one fewer in flight.
 *
 * One that was refused (MOVED) is held, to be sent again: it can not be followed by an accepted one
 * of the same slot, because all in flight carry the same, outdated owner word (I4).
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import type { RequestEnds } from "./carrier.ts";
import type { Completion, HeldRequest } from "./completions.ts";
import type { HeldSlots } from "./held_slots.ts";
import type { PendingOperations } from "./pending_operations.ts";
import type { SlotsInFlight } from "./slots_in_flight.ts";

/** Takes the ends of the requests of one client. */
export class EndedRequests implements RequestEnds {
  readonly #operations: PendingOperations;
  readonly #held: HeldSlots;
  readonly #inFlight: SlotsInFlight;

  /** Changes these parts of the client. */
  constructor(operations: PendingOperations, held: HeldSlots, inFlight: SlotsInFlight) {
    this.#operations = operations;
    this.#held = held;
    this.#inFlight = inFlight;
  }

  settle(
    slot: Slot,
    sequence: number,
    completion: Completion,
    status: number,
    detail: number,
    versionLow: number,
    versionHigh: number,
    words: Int32Array,
    requestAt: number,
  ): void {
    completion.settle(status, detail, versionLow, versionHigh, words, requestAt);
    if (completion.restart === undefined) this.#operations.noteEnd(sequence);
    this.#noteEnd(slot);
  }

  sendAgain(request: HeldRequest): void {
    this.#held.keep(request.completion.restart ?? request);
    this.#noteEnd(request.slot);
  }

  fail(slot: Slot, sequence: number, completion: Completion, error: DinomoError): void {
    completion.fail(error);
    this.#operations.noteEnd(sequence);
    this.#noteEnd(slot);
  }

  goOn(request: HeldRequest): void {
    this.#held.add(request);
  }

  stop(sequence: number): void {
    this.#operations.noteEnd(sequence);
  }

  /** A slot has one fewer that counts as in flight: a request, or a mark of one. */
  readonly leave = (slot: Slot): void => {
    if (!this.#inFlight.remove(slot)) return;
    if (this.#held.isHeld(slot)) this.#held.markReady(slot);
    else this.#operations.noteSettled(slot);
  };

  /** A request is in flight no longer. */
  #noteEnd(slot: Slot): void {
    this.#operations.sentCount -= 1;
    this.leave(slot);
  }
}
