/**
 * Pools that are opened and closed, scaled, killed, and lose KNs, many times, while little is live
 * in them, or which evict: no put may be refused.
 *
 * ```sh
 * npm run lives -- 200                    # of each kind; also: bun scripts/lives.ts 200, deno run -A scripts/lives.ts 200
 * npm run lives -- 200 --placement far    # in the far placement only
 * npm run lives -- 50 --live 60           # with 60 % of the capacity live
 * npm run lives -- 200 --when-full evict  # caches only, in which more is put than they may hold
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { EVICTING_SIZES, LIFE_KINDS, type LifeSizes, Lives } from "../test/support/lives.ts";
import { Random, SEED } from "../test/support/random.ts";

const LIVES_DEFAULT = 200;
const CAPACITY_BYTES = 16 * 2 ** 20;
const VALUE_BYTES = 10_000;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    placement: { type: "string", multiple: true, default: ["near", "far"] },
    "when-full": { type: "string", multiple: true, default: ["refuse", "evict"] },
    live: { type: "string", default: "5" },
    kind: { type: "string" },
  },
});
const count = Number(positionals[0] ?? LIVES_DEFAULT);
const keyCount = Math.ceil((CAPACITY_BYTES * Number(values.live)) / 100 / VALUE_BYTES);

for (const placement of values.placement as LifeSizes["placement"][]) {
  const sizes: LifeSizes = { capacity: "16MiB", placement, keyCount, valueBytes: VALUE_BYTES };
  if (values["when-full"].includes("refuse")) await live(placement, sizes);
}
if (values["when-full"].includes("evict") && values.placement.includes("near")) {
  await live("near, evicting", EVICTING_SIZES);
}
process.exit();

/** Lives all kinds of lives, or one. */
async function live(what: string, sizes: LifeSizes): Promise<void> {
  for (const [name, run] of LIFE_KINDS) {
    if (values.kind !== undefined && !name.includes(values.kind)) continue;
    const startMs = performance.now();
    const lives = new Lives(sizes, new Random(SEED));
    const outcome = await run(lives, count).then(() => "none refused, nothing lost", (error) => {
      process.exitCode = 1;
      return `FAILED, seed ${SEED}: ${error instanceof Error ? error.stack : error}`;
    });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const evicted = sizes.evicts ? `, ${lives.evictedCount} evicted` : "";
    console.log(
      `${what}: ${count} ${name}, ${lives.count} changes${evicted} in ${seconds} s: ${outcome}`,
    );
  }
}
