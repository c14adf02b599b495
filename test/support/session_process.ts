/**
 * The processes of a simulation: what each has sent, what it may send, and what a host says of it.
 *
 * @module
 */
import type { Slot } from "../../lib/core/brands.ts";
import { outcomeOf } from "../../lib/gateway/session_evidence.ts";
import { commitOutcomeOf } from "./session_commits.ts";
import { SLOT_LOCK } from "../../lib/pool/control_layout.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { HOLDER_MASK } from "../../lib/routing/ownership.ts";
import type { Ask, Effect } from "./session_history.ts";
import { isCertain, numbersOf } from "./session_requests.ts";

/** A request that was sent, and of whose end its process does not know yet. */
export interface Flight {
  readonly ask: Ask;
  readonly number: number;
  /** On its way back; undefined if it has not been answered. */
  answer: { readonly status: number; readonly effects: readonly Effect[] } | undefined;
}

/** Whether a request has no answer yet. */
export function isOpen(flight: Flight): boolean {
  return flight.answer === undefined;
}

/** Another process, with one connection at a time. */
export class SimProcess {
  readonly number: number;
  /** Of its newest connection; 0 before there is one. */
  session = 0;
  isConnected = false;
  next = 1;
  flights: Flight[] = [];
  /** Sessions that it has asked about for the last time. */
  ended: number[] = [];

  constructor(number: number) {
    this.number = number;
  }

  /** The number up to which all answers have come. */
  get confirmed(): number {
    return (this.flights[0]?.number ?? this.next) - 1;
  }
}

/** Whether a process may send a request now. */
export function maySend(
  { next, flights, confirmed }: SimProcess,
  ask: Ask,
  window: number,
): boolean {
  if (next + numbersOf(ask) - 1 - confirmed > window) return false;
  const slots = new Set(ask.wishes.map(({ slot }) => slot));
  const isBehind = ({ wishes }: Ask) => wishes.some(({ slot }) => slots.has(slot));
  return flights.every((other) => isCertain(other.ask) || !isBehind(other.ask));
}

/** What a host knows of a request; undefined if it was not applied. */
export function effectsNow(
  pool: Pool,
  { session }: SimProcess,
  { ask, number }: Flight,
): readonly Effect[] | undefined {
  if (ask.isCommit) {
    const versions = commitOutcomeOf(pool, session, number, ask.wishes.length);
    return versions?.map((version, i) => ({
      version,
      number: ask.wishes[i]!.kind === "add"
        ? outcomeOf(pool, session, number + i)!.derivation.number
        : NaN,
    }));
  }
  const outcome = outcomeOf(pool, session, number);
  return outcome && [{ version: outcome.version, ...outcome.derivation }];
}

/** Whether the checkpoint copies a slot just now. */
export function isHeld(pool: Pool, slot: Slot): boolean {
  return (pool.control[pool.slotAt(slot) + SLOT_LOCK]! & HOLDER_MASK) !== 0;
}

export function sharesSlot(one: Ask, other: Ask): boolean {
  return one.wishes.some(({ slot }) => other.wishes.some((wish) => wish.slot === slot));
}
