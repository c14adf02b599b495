/**
 * One suite of cases, run on several stores: as an application opens one, and so small that rings
 * wrap, segments are cleaned and requests are held all the time.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import { type Random, seeded } from "./random.ts";
import { attach, type Key, open, type OpenOptions, type Store } from "../../mod.ts";

/** A store to run the cases on. */
export interface StoreSetup {
  readonly name: string;
  readonly options: OpenOptions;
  /** Whether the cases get a store that is attached to it. @default false */
  readonly isAttached?: boolean;
}

/** The stores that a suite runs on unless it says otherwise. */
export const SETUPS: readonly StoreSetup[] = [
  { name: "as it comes", options: { capacity: "64MiB" } },
  {
    name: "tiny",
    options: { capacity: "1MiB", segmentBytes: "4KiB", ringBytes: "8KiB", inFlight: 8 },
  },
  {
    name: "attached",
    options: { nodes: 2, capacity: "1MiB", segmentBytes: "4KiB", ringBytes: "8KiB", inFlight: 8 },
    isAttached: true,
  },
  {
    name: "three small KNs, and a cache",
    options: {
      nodes: 3,
      capacity: "4MiB",
      segmentBytes: "16KiB",
      ringBytes: "8KiB",
      cache: "16KiB",
      dpmThreads: 2,
      prefault: true,
      statistics: true,
    },
  },
  {
    name: "far",
    options: {
      placement: "far",
      nodes: 2,
      capacity: "2MiB",
      segmentBytes: "8KiB",
      ringBytes: "8KiB",
      inFlight: 64,
      cache: "32KiB",
      backlog: "32KiB",
    },
  },
];

/** Those of them whose changes are in the index when they are acknowledged. */
export const NEAR_SETUPS: readonly StoreSetup[] = SETUPS.filter(({ options }) =>
  options.placement !== "far"
);

/**
 * A case: it gets an open, empty store with keys of both types, and a generator that starts from
 * the process's seed.
 */
export type StoreCase = (store: Store<unknown, Key>, random: Random) => void | Promise<void>;

/** Registers cases, and runs them. */
export interface StoreSuite {
  /** Registers a case. */
  (name: string, body: StoreCase): void;
  /** Runs all cases on all setups. */
  run(): void;
}

/** Makes a suite. A store is opened once per setup, and cleared before each case. */
export function storeSuite(title: string, setups: readonly StoreSetup[] = SETUPS): StoreSuite {
  const cases: [string, StoreCase][] = [];
  const register = (name: string, body: StoreCase) => {
    cases.push([name, body]);
  };
  const run = () => setups.forEach((setup) => runOn(title, setup, cases));
  return Object.assign(register, { run });
}

function runOn(
  title: string,
  setup: StoreSetup,
  cases: readonly [string, StoreCase][],
): void {
  const test = suite<{ host: Store<unknown, Key>; store: Store<unknown, Key> }>(
    `${title}: ${setup.name}`,
  );
  test.before(async (context) => {
    context.host = await open({ ...setup.options, keys: "mixed" });
    context.store = setup.isAttached ? await attach(context.host.share()) : context.host;
  });
  test.after(async (context) => {
    await context.store.close();
    await context.host.close();
  });
  test.before.each((context) => context.store.clear());
  for (const [name, body] of cases) {
    test(name, ({ store }) => seeded((random) => body(store, random))());
  }
  test.run();
}

/** Resolves when `condition` holds; the runner's time limit is the only one. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await setTimeout(5);
}

/** All entries of a store, sorted by key. */
export async function contentsOf<V, K extends Key>(
  store: Store<V, K>,
  prefix?: string,
): Promise<[string, V][]> {
  const entries: [string, V][] = [];
  for await (const [key, value] of store.entries(prefix === undefined ? {} : { prefix })) {
    entries.push([String(key), value]);
  }
  return entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}
