/**
 * What Keyv costs on `dinomo/keyv`, beside Keyv on a `Map`.
 *
 * Each subject sets and gets all keys in turns, one operation after the other; of the turns, the median counts.
 *
 * "Alone" is the adapter for Keyv 6 alone. "Least" is an adapter whose `set` does what none can do without (least_put.ts), in one function.
 *
 * @module
 */
import Keyv5 from "keyv";
import Keyv6 from "keyv6";
import { Keyv6Dinomo, KeyvDinomo } from "../../lib/adapters/keyv.ts";
import { open } from "../../mod.ts";
import { LeastPuts } from "./least_put.ts";

/** How much is measured. */
export interface AdaptersPlan {
  readonly keyCount: number;
  /** Rounds in which each of the subjects takes its turn. */
  readonly roundCount: number;
}

/** Microseconds for a set and a get of one subject. */
export interface AdapterFigures {
  readonly setMicros: number;
  readonly getMicros: number;
}

/** An adapter whose `set` does what none can do without. */
class LeastDinomo extends KeyvDinomo {
  readonly #puts = new LeastPuts();

  override set(key: string, value: unknown): Promise<boolean> {
    return this.#puts.set(key, value as string);
  }
}

/** The same for Keyv 6 alone. */
class LeastDinomo6 extends Keyv6Dinomo {
  readonly #puts = new LeastPuts();

  override set(key: string, value: unknown): Promise<boolean> {
    return this.#puts.set(key, value as string);
  }
}

/** What all versions of Keyv have. */
interface AnyKeyv {
  set(key: string, value: unknown): Promise<unknown>;
  get(key: string): Promise<unknown>;
}

const VALUE = {
  name: "Ada Lovelace",
  visits: 12,
  tags: ["a", "b", "c"],
  home: { city: "London", zip: 12345 },
};

const SERIALIZES_NOT_5 = { serialize: undefined, deserialize: undefined } as object;

/** Measures everything of a plan; the names say the version, where it keeps entries, and how. */
export async function measureAdapters(
  { keyCount, roundCount }: AdaptersPlan,
): Promise<Map<string, AdapterFigures>> {
  const store = await open({ capacity: Math.max(64 * 2 ** 20, keyCount * 8 * 300) });
  const places = {
    Map: () => new Map() as never,
    Dinomo: (prefix: string) => new KeyvDinomo(store, { prefix }) as never,
  };
  const subjects = new Map<string, AnyKeyv>();
  for (const [place, make] of Object.entries(places)) {
    subjects.set(`5, ${place}`, new Keyv5({ store: make("5:") }));
    subjects.set(`5, ${place}, plain`, new Keyv5({ store: make("5p:"), ...SERIALIZES_NOT_5 }));
    subjects.set(`6, ${place}`, new Keyv6({ store: make("6:") }) as never);
    subjects.set(
      `6, ${place}, plain`,
      new Keyv6({ store: make("6p:"), serialization: false }) as never,
    );
  }
  const alone = (prefix: string) => new Keyv6Dinomo(store, { prefix }) as never;
  subjects.set("6 alone, Dinomo", new Keyv6({ store: alone("6a:") }) as never);
  subjects.set(
    "6 alone, Dinomo, plain",
    new Keyv6({ store: alone("6ap:"), serialization: false }) as never,
  );
  subjects.set("5, least", new Keyv5({ store: new LeastDinomo(store) as never }));
  subjects.set("6, least", new Keyv6({ store: new LeastDinomo(store) as never }) as never);
  subjects.set("6 alone, least", new Keyv6({ store: new LeastDinomo6(store) as never }) as never);
  const keys = Array.from({ length: keyCount }, (_, i) => `key:${i}`);
  const times = new Map<string, { sets: number[]; gets: number[] }>();
  for (let round = 0; round < roundCount; round++) {
    for (const [name, keyv] of subjects) {
      const own = times.get(name) ?? { sets: [], gets: [] };
      times.set(name, own);
      let start = performance.now();
      for (const key of keys) await keyv.set(key, VALUE);
      own.sets.push(performance.now() - start);
      start = performance.now();
      for (const key of keys) await keyv.get(key);
      own.gets.push(performance.now() - start);
    }
  }
  await store.close();
  const microsOf = (ms: number[]) => ms.sort((a, b) => a - b)[ms.length >> 1]! * 1000 / keyCount;
  return new Map(
    [...times].map(([name, { sets, gets }]) => [
      name,
      { setMicros: microsOf(sets), getMicros: microsOf(gets) },
    ]),
  );
}

/** The figures as a table. */
export function formatAdapters(figures: ReadonlyMap<string, AdapterFigures>): string {
  const rows = [...figures].map(([name, { setMicros, getMicros }]) =>
    `| ${name.padEnd(22)} | ${setMicros.toFixed(2).padStart(6)} | ${
      getMicros.toFixed(2).padStart(6)
    } |`
  );
  return [
    "| Keyv                   | set µs | get µs |",
    "| ---------------------- | ------ | ------ |",
    ...rows,
  ]
    .join("\n");
}
