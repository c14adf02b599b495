/**
 * A process of its own for one subject: sets and gets all keys in rounds, one operation after the
 * other, and prints the medians, in microseconds. Arguments: the subject's name, and the plan.
 *
 * @module
 */
import process from "node:process";
import { median } from "../measure/statistics.ts";
import type { AdapterFigures, RoundsPlan } from "./adapters.ts";
import { SUBJECTS } from "./subjects.ts";

const VALUE = {
  name: "Ada Lovelace",
  visits: 12,
  tags: ["a", "b", "c"],
  home: { city: "London", zip: 12345 },
};

const [name, plan] = process.argv.slice(2) as [string, string];
const { keyCount, warmUpCount, roundCount } = JSON.parse(plan) as RoundsPlan;
const keys = Array.from({ length: keyCount }, (_, i) => `key:${i}`);
// Room for eight times what the keys take, so that nothing waits for cleaning.
const keyv = SUBJECTS.get(name)!({ capacity: Math.max(64 * 2 ** 20, keyCount * 8 * 300) });

const setMs: number[] = [];
const getMs: number[] = [];
for (let round = -warmUpCount; round < roundCount; round++) {
  const startMs = performance.now();
  for (const key of keys) await keyv.set(key, VALUE);
  const middleMs = performance.now();
  for (const key of keys) await keyv.get(key);
  if (round < 0) continue;
  setMs.push(middleMs - startMs);
  getMs.push(performance.now() - middleMs);
}
await keyv.disconnect();

const microsOf = (ms: readonly number[]) => median(ms) * 1000 / keyCount;
const figures: AdapterFigures = { setMicros: microsOf(setMs), getMicros: microsOf(getMs) };
console.log(JSON.stringify(figures));
