/**
 * The number of KNs, the threads that own the data, changes while the store is written to and read
 * from.
 *
 * ```sh
 * bun examples/elastic.ts
 * deno run -A examples/elastic.ts
 * npm run build && node dist/examples/elastic.js
 * ```
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { open } from "dinomo";

const KEY_COUNT = 10_000;

await using store = await open<number>({ nodes: 1, capacity: "64MiB" });

const written = new Array<number>(KEY_COUNT).fill(0);
let isEnding = false;

/** Writes growing numbers to its share of the keys, and reads each of them back. */
async function write(first: number, step: number): Promise<void> {
  for (let number = 1; !isEnding; number++) {
    for (let key = first; key < KEY_COUNT; key += step) {
      await store.put(`key:${key}`, number);
      written[key] = number;
      if (store.getSync(`key:${key}`) !== number) throw new Error(`key:${key} is stale`);
      if (isEnding) break;
    }
    await nextTurn();
  }
}

const writers = [0, 1, 2, 3].map((first) => write(first, 4));
for (const nodes of [2, 3, 1]) {
  const report = await store.scale(nodes);
  const share = (report.slotsMoved / 4096 * 100).toFixed(0);
  console.log(
    `${report.from} -> ${report.to}: ${share} % of the slots, ${report.bytesMoved} bytes moved`,
  );
}
isEnding = true;
await Promise.all(writers);

const lost = written.filter((number, key) => number > 0 && store.getSync(`key:${key}`) !== number);
console.log("lost writes:", lost.length);
