/**
 * What processes have asked a store for, and what is known to have been applied: a history that has
 * one order for each slot, that of the versions. Replayed in that order it must hold at every step,
 * and end in what the store has. So a change that was applied twice, or that counts as applied and
 * was not, is found: sums would not follow from each other, or the end would be another one.
 *
 * @module
 */
import type { Slot } from "../../lib/core/brands.ts";
import { Condition } from "../../lib/rings/ring_layout.ts";
import type { SimKey } from "./sim_keys.ts";
import { require } from "./sim_model.ts";

/** What is asked about one key, or about a slot. */
export interface Wish {
  readonly kind: "put" | "delete" | "add" | "touch" | "check" | "clear";
  readonly slot: Slot;
  /** Undefined for a slot. */
  readonly key: SimKey | undefined;
  readonly condition: number;
  readonly expectedVersion: number;
  readonly bytes: number;
  readonly addend: number;
  readonly expiresAtMs: number;
}

/** One request. */
export interface Ask {
  /** Among all requests; puts carry it. */
  readonly id: number;
  readonly process: number;
  readonly isCommit: boolean;
  /** In the order of their entries, if it is a commit. */
  readonly wishes: readonly Wish[];
}

/** What one wish has come to. */
export interface Effect {
  /** 0: it has left everything as it was. */
  readonly version: number;
  /** The number that is stored; undefined if that was not told. */
  readonly number?: number;
  readonly expiresAtMs?: number;
}

/** What a key holds. */
export interface Held {
  readonly version: number;
  /** The request that has put it; 0 for a sum. */
  readonly id: number;
  readonly number: number;
  readonly expiresAtMs: number;
}

interface Step {
  readonly ask: Ask;
  readonly wish: Wish;
  readonly effect: Effect;
}

/** A history of all processes. */
export class SessionHistory {
  readonly #steps: Step[] = [];
  readonly #applied = new Set<number>();

  /** Requests known to be applied. */
  get appliedCount(): number {
    return this.#applied.size;
  }

  /** A request was applied, as its process knows now for good. */
  apply(ask: Ask, effects: readonly Effect[]): void {
    require(!this.#applied.has(ask.id), `I5: request ${ask.id} is applied twice`);
    this.#applied.add(ask.id);
    this.#steps.push(...stepsOf(ask, effects));
  }

  /**
   * Checks what the store has, if some requests have been applied of which no process knows yet.
   */
  check(
    find: (key: SimKey) => Held | undefined,
    keys: readonly SimKey[],
    unknown: readonly (readonly [Ask, readonly Effect[]])[],
  ): void {
    const bySlot = new Map<Slot, Step[]>();
    const steps = [...this.#steps, ...unknown.flatMap(([ask, effects]) => stepsOf(ask, effects))];
    for (const step of steps) {
      const ofSlot = bySlot.get(step.wish.slot) ?? [];
      ofSlot.push(step);
      bySlot.set(step.wish.slot, ofSlot);
    }
    const held = new Map<string, Held>();
    for (const ofSlot of bySlot.values()) replay(ofSlot, held, keys);
    for (const key of keys) {
      const [found, expected] = [find(key), held.get(key.text)];
      const isSame = found?.id === expected?.id && found?.version === expected?.version &&
        Object.is(found?.number, expected?.number) && found?.expiresAtMs === expected?.expiresAtMs;
      require(isSame, `I5: ${key.text} is ${textOf(found)}, not ${textOf(expected)}`);
    }
  }
}

function stepsOf(ask: Ask, effects: readonly Effect[]): Step[] {
  return ask.wishes
    .map((wish, i) => ({ ask, wish, effect: effects[i]! }))
    .filter(({ effect }) => effect.version !== 0);
}

/** Does what was applied in one slot, in the order of the versions. */
function replay(steps: Step[], held: Map<string, Held>, keys: readonly SimKey[]): void {
  steps.sort((one, other) => one.effect.version - other.effect.version);
  const newestOf = new Map<number, number>();
  steps.forEach((step, i) => {
    const { ask, wish, effect } = step;
    const isAlone = effect.version !== steps[i - 1]?.effect.version;
    require(isAlone, `I9: ${textOfStep(step)} has the version of another change`);
    require((newestOf.get(ask.process) ?? 0) <= ask.id, `I4: ${textOfStep(step)} was overtaken`);
    newestOf.set(ask.process, ask.id);
    if (wish.kind === "clear") {
      for (const { text, slot } of keys) if (slot === wish.slot) held.delete(text);
    } else take(step, held);
  });
}

function take(step: Step, held: Map<string, Held>): void {
  const { ask, wish, effect } = step;
  const { version } = effect;
  const key = wish.key!.text;
  const old = held.get(key);
  const name = `${textOfStep(step)} on ${textOf(old)}`;
  if (wish.condition === Condition.ABSENT) require(old === undefined, `I4: ${name}`);
  if (wish.condition === Condition.VERSION) {
    require(old?.version === wish.expectedVersion, `I4: ${name}`);
  }
  if (wish.kind === "put") {
    held.set(key, { version, id: ask.id, number: NaN, expiresAtMs: wish.expiresAtMs });
  } else if (wish.kind === "add") {
    const number = (old?.number ?? 0) + wish.addend;
    const isTold = effect.number === undefined || effect.number === number;
    require(isTold, `I5: ${name} has come to ${effect.number}, not ${number}`);
    held.set(key, { version, id: 0, number, expiresAtMs: old?.expiresAtMs ?? Infinity });
  } else {
    require(old !== undefined, `I5: ${name}`);
    if (wish.kind === "delete") held.delete(key);
    else held.set(key, { ...old, version, expiresAtMs: wish.expiresAtMs });
  }
  const { expiresAtMs } = effect;
  const isTold = expiresAtMs === undefined || wish.kind === "delete" ||
    held.get(key)!.expiresAtMs === expiresAtMs;
  require(isTold, `I5: ${name} expires at ${expiresAtMs}`);
}

function textOfStep({ ask, wish, effect }: Step): string {
  const what = `${wish.kind} ${wish.key?.text ?? `slot ${wish.slot}`}`;
  return `request ${ask.id} of process ${ask.process}, ${what}, version ${effect.version}`;
}

function textOf(held: Held | undefined): string {
  if (held === undefined) return "nothing";
  return `${held.id === 0 ? `sum ${held.number}` : `put ${held.id}`} (version ${held.version})`;
}
