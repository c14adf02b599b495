/**
 * Operations of one thread on two keys, issued without waiting for each other, beside a model in
 * which they apply one after the other in the order of their issue.
 *
 * What changes something, and what is synchronous, has exactly the model's outcome. A read that is
 * not synchronous sees what was issued before it, and perhaps what was issued later.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { DELETE, KEEP, type Store } from "../../mod.ts";
import { applied, assertVersion } from "./versions.ts";

/** The keys, in the model. One is in the same batches as the other, and otherwise not used. */
const K = "key";
const L = "schlüssel";

/**
 * What the model holds: a number for each key that exists, and which of its changes it comes from.
 */
export interface State {
  readonly values: ReadonlyMap<string, number>;
  /** The change that K has its value by; 0 before the first. */
  readonly stamp: number;
}

/** What an operation does in the model, and answers. */
interface Effect {
  readonly state: State;
  readonly outcome: unknown;
}

/** An operation. */
export interface OrderedStep {
  readonly name: string;
  /** Issues it on a store; `context` knows the version that K had at first. */
  run(store: Store<unknown>, n: number, context: OrderContext): unknown;
  /** What it does to the model; of a read, what it answers in a state. */
  apply(state: State, n: number, context: OrderContext): Effect;
  /** Whether it is a read that may see what is issued later. */
  readonly isLateRead?: boolean;
  /** Whether it looks at all slots. */
  readonly isSlow?: boolean;
}

/** What a sequence begins with, and what is noticed on the way. */
export interface OrderContext {
  /** The keys in the store. */
  readonly k: string;
  readonly l: string;
  readonly version: number | null;
  readonly stamp: number;
  changeCalls: number;
  updates: number;
}

function set(state: State, key: string, value: number, n: number): State {
  const values = new Map(state.values).set(key, value);
  return { values, stamp: key === K ? n : state.stamp };
}

function remove(state: State, key: string, n: number): State {
  const values = new Map(state.values);
  values.delete(key);
  return { values, stamp: key === K ? n : state.stamp };
}

function removeIfSame(
  state: State,
  n: number,
  { stamp, version }: Pick<OrderContext, "stamp" | "version">,
): Effect {
  const isSame = version !== null && state.stamp === stamp;
  return isSame ? { state: remove(state, K, n), outcome: true } : { state, outcome: false };
}

const none = (state: State): Effect => ({ state, outcome: undefined });
const reads = (answer: (values: ReadonlyMap<string, number>) => unknown) => (state: State) => ({
  state,
  outcome: answer(state.values),
});
const add = (state: State, n: number): Effect => {
  const sum = (state.values.get(K) ?? 0) + n;
  return { state: set(state, K, sum, n), outcome: sum };
};
const counted = (context: OrderContext, n: number) => (old: unknown) => {
  context.changeCalls += 1;
  return ((old as number | undefined) ?? 0) + n;
};
async function listed<T>(iterator: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of iterator) list.push(item);
  return list;
}
const sorted = (values: ReadonlyMap<string, number>) => [...values.keys()].sort();

/** Every operation on keys. */
export const ORDERED_STEPS: readonly OrderedStep[] = [
  {
    name: "put",
    run: (store, n, { k }) => applied(store.put(k, n)),
    apply: (state, n) => ({ state: set(state, K, n, n), outcome: true }),
  },
  {
    name: "putSync",
    run: (store, n, { k }) => assertVersion(store.putSync(k, n)),
    apply: (state, n) => none(set(state, K, n, n)),
  },
  {
    name: "delete",
    run: (store, _n, { k }) => store.delete(k),
    apply: (state, n) => ({ state: remove(state, K, n), outcome: state.values.has(K) }),
  },
  {
    name: "deleteSync",
    run: (store, _n, { k }) => store.deleteSync(k),
    apply: (state, n) => ({ state: remove(state, K, n), outcome: state.values.has(K) }),
  },
  {
    name: "compareAndSet null",
    run: (store, n, { k }) => applied(store.compareAndSet(k, null, n)),
    apply: (state, n) =>
      state.values.has(K)
        ? { state, outcome: false }
        : { state: set(state, K, n, n), outcome: true },
  },
  {
    name: "compareAndSet version",
    run: (store, n, { k, version }) => applied(store.compareAndSet(k, version, n)),
    apply: (state, n, { stamp, version }) => {
      const isSame = version === null ? !state.values.has(K) : state.stamp === stamp;
      return isSame ? { state: set(state, K, n, n), outcome: true } : { state, outcome: false };
    },
  },
  {
    name: "compareAndSetSync",
    run: (store, n, { k, version }) => store.compareAndSetSync(k, version, n) !== undefined,
    apply: (state, n, { stamp, version }) => {
      const isSame = version === null ? !state.values.has(K) : state.stamp === stamp;
      return isSame ? { state: set(state, K, n, n), outcome: true } : { state, outcome: false };
    },
  },
  {
    name: "compareAndDelete",
    // A key that does not exist has no version: none that it will have is 0.
    run: (store, _n, { k, version }) => store.compareAndDelete(k, version ?? 0),
    apply: removeIfSame,
  },
  {
    name: "compareAndDeleteSync",
    run: (store, _n, { k, version }) => store.compareAndDeleteSync(k, version ?? 0),
    apply: removeIfSame,
  },
  {
    name: "update",
    run: (store, n, context) => {
      context.updates += 1;
      return store.update(context.k, counted(context, n));
    },
    apply: add,
  },
  {
    name: "update that deletes",
    run: (store, _n, context) => {
      context.updates += 1;
      return store.update(context.k, () => {
        context.changeCalls += 1;
        return DELETE;
      });
    },
    apply: (state, n) => none(state.values.has(K) ? remove(state, K, n) : state),
  },
  {
    name: "update that keeps",
    run: (store, _n, context) => {
      context.updates += 1;
      return store.update(context.k, () => {
        context.changeCalls += 1;
        return KEEP;
      });
    },
    apply: reads((values) => values.get(K)),
  },
  {
    name: "getAndDelete",
    run: (store, _n, { k }) => store.getAndDelete(k),
    apply: (state, n) => ({
      state: state.values.has(K) ? remove(state, K, n) : state,
      outcome: state.values.get(K),
    }),
  },
  { name: "increment", run: (store, n, { k }) => store.increment(k, n), apply: add },
  {
    name: "putMany",
    run: (store, n, { k, l }) => store.putMany([[k, n], [l, n], [k, n + 0.5]]),
    apply: (state, n) => none(set(set(state, L, n, n), K, n + 0.5, n)),
  },
  {
    name: "deleteMany",
    run: (store, _n, { k, l }) => store.deleteMany([l, k, k]),
    apply: (state, n) => ({
      state: remove(remove(state, L, n), K, n),
      outcome: [state.values.has(L), state.values.has(K), false],
    }),
  },
  {
    name: "clear",
    isSlow: true,
    run: (store) => store.clear(),
    apply: (_state, n) => none({ values: new Map(), stamp: n }),
  },
  {
    name: "getSync",
    run: (store, _n, { k }) => store.getSync(k),
    apply: reads((values) => values.get(K)),
  },
  {
    name: "hasSync",
    run: (store, _n, { k }) => store.hasSync(k),
    apply: reads((values) => values.has(K)),
  },
  {
    name: "getEntrySync",
    run: (store, _n, { k }) => store.getEntrySync(k)?.value,
    apply: reads((values) => values.get(K)),
  },
  {
    name: "get",
    run: (store, _n, { k }) => store.get(k),
    apply: reads((values) => values.get(K)),
    isLateRead: true,
  },
  {
    name: "has",
    run: (store, _n, { k }) => store.has(k),
    apply: reads((values) => values.has(K)),
    isLateRead: true,
  },
  {
    name: "getEntry",
    run: async (store, _n, { k }) => (await store.getEntry(k))?.value,
    apply: reads((values) => values.get(K)),
    isLateRead: true,
  },
  {
    name: "getMany",
    run: async (store, _n, { k, l }) => (await store.getMany([k, l, k]))[0],
    apply: reads((values) => values.get(K)),
    isLateRead: true,
  },
  {
    name: "keys",
    isSlow: true,
    run: async (store, _n, { k }) => (await listed(store.keys())).includes(k),
    apply: reads((values) => sorted(values).includes(K)),
    isLateRead: true,
  },
];

/** One issued operation. */
interface Issued {
  readonly step: OrderedStep;
  readonly outcome: unknown;
  /** The model's states from its issue on begin here. */
  readonly at: number;
  readonly expected: unknown;
}

/** A sequence of operations that are being issued. */
export class OrderedSequence {
  readonly context: OrderContext;
  readonly #store: Store<unknown>;
  readonly #states: State[];
  readonly #issued: Issued[] = [];

  private constructor(store: Store<unknown>, id: number, first: State, version: number | null) {
    this.#store = store;
    this.#states = [first];
    const stamp = first.stamp;
    const [k, l] = [`${K} ${id}`, `${L} ${id}`];
    this.context = { k, l, version, stamp, changeCalls: 0, updates: 0 };
  }

  /** Begins a sequence on keys of its own, with K in the store or without. */
  static async begin(store: Store<unknown>, id: number, hasKey: boolean): Promise<OrderedSequence> {
    const [k, l] = [`${K} ${id}`, `${L} ${id}`];
    await store.deleteMany([k, l]);
    if (!hasKey) return new OrderedSequence(store, id, { values: new Map(), stamp: 0 }, null);
    await store.put(k, 1000);
    const { version } = (await store.getEntry(k))!;
    return new OrderedSequence(store, id, { values: new Map([[K, 1000]]), stamp: 0 }, version);
  }

  /** Issues an operation; what it ends with is checked by {@linkcode end}. */
  issue(step: OrderedStep): unknown {
    const n = this.#issued.length + 1;
    const state = this.#states.at(-1)!;
    const outcome = step.run(this.#store, n, this.context);
    const effect = step.apply(state, n, this.context);
    this.#states.push(effect.state);
    this.#issued.push({ step, outcome, at: this.#states.length - 1, expected: effect.outcome });
    return outcome;
  }

  /** Fails if another thread that looks now could see K as it was before all of this was issued. */
  checkSeen(seen: unknown, from: number): void {
    const possible = this.#states.slice(from).map(({ values }) => values.get(K));
    assert.ok(possible.includes(seen as number), `${this.#names()}: ${seen} of ${possible}`);
  }

  /** How many states there are: what is seen from now on is none of those before the last. */
  get position(): number {
    return this.#states.length - 1;
  }

  /** Checks what all operations have ended with. */
  async end(): Promise<void> {
    const ends = await Promise.allSettled(this.#issued.map(({ outcome }) => outcome));
    ends.forEach((end, i) => {
      const { step, at, expected } = this.#issued[i]!;
      const context = `${i}: ${step.name} of ${this.#names()}`;
      if (end.status === "rejected") assert.unreachable(`${context}: ${end.reason}`);
      else if (step.isLateRead) {
        const possible = this.#states.slice(at).map((state) =>
          step.apply(state, 0, this.context).outcome
        );
        assert.ok(possible.includes(end.value), `${context}: ${end.value} of ${possible}`);
      } else assert.equal(end.value, expected, context);
    });
    assert.is(this.context.changeCalls, this.context.updates, `${this.#names()}: calls of change`);
  }

  /** Checks what the store holds; after {@linkcode end}. */
  checkContents(store: Store<unknown>): void {
    const { values } = this.#states.at(-1)!;
    assert.is(store.getSync(this.context.k), values.get(K), this.#names());
    assert.is(store.getSync(this.context.l), values.get(L), this.#names());
  }

  #names(): string {
    return this.#issued.map(({ step }) => step.name).join(", ");
  }
}
