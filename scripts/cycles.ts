/**
 * Opens and closes stores, and attaches and detaches threads, many times, and prints what stays
 * behind.
 *
 * ```sh
 * npm run cycles -- 200          # of each kind; also: bun scripts/cycles.ts 200, deno run -A scripts/cycles.ts 200
 * ```
 *
 * @module
 */
import process from "node:process";
import { CYCLE_KINDS, Cycles, growthOf, type Usage } from "../test/support/cycles.ts";

const CYCLES_DEFAULT = 200;
const WARM_UP_COUNT = 100;

const cycleCount = Number(process.argv[2] ?? CYCLES_DEFAULT);

function format({ threadCount, descriptorCount, rssBytes }: Usage): string {
  const rss = `RSS ${(rssBytes / 2 ** 20).toFixed(1)} MiB`;
  if (threadCount === undefined) return rss;
  return `${threadCount} threads, ${descriptorCount} descriptors, ${rss}`;
}

for (const { name, run } of CYCLE_KINDS) {
  const startMs = performance.now();
  const { before, after } = await run(
    new Cycles({ warmUpCount: WARM_UP_COUNT, cycleCount, ms: Infinity }),
  );
  const grown = growthOf(before, after);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${name}: ${cycleCount} cycles in ${seconds} s`);
  console.log(`  before  ${format(before)}\n  after   ${format(after)}`);
  if (grown.length === 0) continue;
  console.log(`  HAS GROWN: ${grown.join(", ")}`);
  process.exitCode = 1;
}
