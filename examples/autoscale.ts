/**
 * The store changes the number of its KNs by itself: one more while there is a load that is slower
 * than it should be, one less when there is none.
 *
 * ```sh
 * bun examples/autoscale.ts
 * deno run -A examples/autoscale.ts
 * npm run build && node dist/examples/autoscale.js
 * ```
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { open } from "dinomo";

await using store = await open<number>({
  capacity: "64MiB",
  autoscale: {
    min: 1,
    max: 2,
    // So fast that any load is too slow, to have something to see soon; so are the other figures.
    slo: { meanMicros: 0.1 },
    occupancy: { lower: 0.01, upper: 0.02 },
    periodMs: 100,
    graceMs: 300,
  },
});

let nodes = store.nodes;
store.addEventListener("decision", ({ detail: { row, outcome, report } }) => {
  if (outcome !== "done") return;
  nodes = report!.to;
  console.log(`${row}: ${report!.from} -> ${nodes}`);
});

let written = 0;
while (nodes === 1) {
  await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(`key:${i}`, written)));
  written += 100;
  await sleep(0);
}
while (nodes === 2) await sleep(20);
const { window } = store.stats();
console.log(`keys: ${store.count}, requests in the last window: ${window!.requestedKeys.total}`);
