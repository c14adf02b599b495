/**
 * What a client was asked for, and the rules of its order: what is executed of a slot is executed
 * in the order of the calls, each call ends once, and as what it was (I4, I5).
 *
 * @module
 */
import type { Completion } from "../../../lib/client/completions.ts";
import type { JoinableCompletion } from "../../../lib/client/joinable_additions.ts";
import type { Slot } from "../../../lib/core/brands.ts";
import type { DinomoError } from "../../../lib/core/errors.ts";
import { Status } from "../../../lib/rings/ring_layout.ts";

/** What a call is about. */
export interface CallSubject {
  readonly kind: string;
  readonly slots: readonly Slot[];
  /** The key of each slot that others are about, too; none: a key of its own. */
  readonly key: number | undefined;
  /** Whether it is about all keys of its slots. */
  readonly isWide: boolean;
}

/** One call, and the completion of its request. */
export class OrderedCall implements JoinableCompletion {
  /** Its number among the calls that became requests; 0: it has begun and is none yet. */
  order = 0;
  readonly subject: CallSubject;
  /** Calls that go along in its request. */
  readonly joined: OrderedCall[] = [];
  executed = 0;
  isSettled = false;
  readonly #onEnd: (call: OrderedCall) => void;

  /** Makes one that has not been issued. */
  constructor(subject: CallSubject, onEnd: (call: OrderedCall) => void) {
    this.subject = subject;
    this.#onEnd = onEnd;
  }

  join(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  settle(status: number): void {
    const times = status === Status.OK ? 1 : 0;
    this.#end(this.executed === times, `ended with ${status}`);
  }

  fail(error: DinomoError): void {
    const mayHaveBeen = /may or may not/.test(error.message);
    this.#end(mayHaveBeen || this.executed === 0, `failed as "${error.message}"`);
  }

  /** How it is named where something has gone wrong. */
  get name(): string {
    const { kind, slots } = this.subject;
    return `call ${this.order} (${kind} of ${slots.join(" and ")})`;
  }

  #end(isRight: boolean, how: string): void {
    require(!this.isSettled, `I5: ${this.name} ended twice`);
    require(isRight, `I5: ${this.name} ${how}, and was executed ${this.executed} times`);
    this.isSettled = true;
    this.#onEnd(this);
    for (const call of this.joined) {
      call.isSettled = true;
      this.#onEnd(call);
    }
  }
}

/** What was executed of each slot. */
export class ExecutedOrder {
  /** How many calls were executed. */
  count = 0;
  /** Per slot: the newest call that has a request of its own, that is about all keys, and any. */
  readonly #newest = new Map<Slot, OrderedCall>();
  readonly #newestWide = new Map<Slot, OrderedCall>();
  readonly #newestAny = new Map<Slot, OrderedCall>();
  /** The newest of each key. */
  readonly #newestOfKey = new Map<string, OrderedCall>();

  /** A request is executed: for all calls in it. */
  execute(call: OrderedCall): void {
    for (const one of [call, ...call.joined]) {
      require(one.executed === 0 && !one.isSettled, `I5: ${one.name} is executed once more`);
      one.executed += 1;
      this.count += 1;
      for (const slot of one.subject.slots) this.#note(slot, one, one === call);
    }
  }

  /**
   * Calls that have joined are made with another one's request: what is about other keys of the
   * slot may come in between.
   */
  #note(slot: Slot, call: OrderedCall, isOwn: boolean): void {
    const { key, isWide } = call.subject;
    const place = `${slot}/${key}`;
    if (isOwn) this.#follow(this.#newest, slot, call);
    if (isWide) this.#follow(this.#newestAny, slot, call);
    this.#mustFollow(this.#newestWide.get(slot), call);
    if (isWide) this.#newestWide.set(slot, call);
    if (key !== undefined) this.#follow(this.#newestOfKey, place, call);
    if ((this.#newestAny.get(slot)?.order ?? 0) < call.order) this.#newestAny.set(slot, call);
  }

  #follow<Place>(newest: Map<Place, OrderedCall>, place: Place, call: OrderedCall): void {
    this.#mustFollow(newest.get(place), call);
    newest.set(place, call);
  }

  #mustFollow(before: OrderedCall | undefined, call: OrderedCall): void {
    if (before === undefined || before.order < call.order) return;
    throw new Error(`I4: ${call.name} was executed behind ${before.name}`);
  }
}

/** Throws unless something is so. */
export function require(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** The call that a completion is of, if it has not been wrapped. */
export function callOf(completion: Completion): OrderedCall | undefined {
  return completion instanceof OrderedCall ? completion : undefined;
}
