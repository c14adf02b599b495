/**
 * A process of its own for one subject: for each line that it is sent it sets and gets all keys once, one
 * operation after the other, and says how long both took. Arguments: the subject's name, and how
 * many keys.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { SUBJECTS } from "./subjects.ts";

const VALUE = {
  name: "Ada Lovelace",
  visits: 12,
  tags: ["a", "b", "c"],
  home: { city: "London", zip: 12345 },
};

const [name, keyCount] = process.argv.slice(2) as [string, string];
const keys = Array.from({ length: Number(keyCount) }, (_, i) => `key:${i}`);
// Room for eight times what the keys take, so that nothing waits for cleaning.
const keyv = SUBJECTS.get(name)!({ capacity: Math.max(64 * 2 ** 20, keys.length * 8 * 300) });

for await (const _ of createInterface({ input: process.stdin })) {
  const startMs = performance.now();
  for (const key of keys) await keyv.set(key, VALUE);
  const setMs = performance.now();
  for (const key of keys) await keyv.get(key);
  const getMs = performance.now();
  console.log(JSON.stringify([setMs - startMs, getMs - setMs]));
}
await keyv.disconnect();
