/**
 * Simulations of clusters with fresh seeds, for as long as one likes: partitions, delays, doubled
 * and lost messages, suspended and killed nodes, clocks that differ. Every operation that is
 * answered is checked; it stops at the first thing that is wrong, and says its seed.
 *
 * ```sh
 * npm run cluster:campaign                           # 10 minutes; also: bun scripts/cluster_campaign.ts
 * npm run cluster:campaign -- 60                     # so many minutes
 * npm run cluster:campaign -- --operations 10000000  # until so many operations were checked
 * npm run cluster:campaign -- --only 12345           # the simulation of this seed again
 * ```
 *
 * @module
 */
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  campaignRunOf,
  type CampaignTally,
  CampaignViolation,
  runCampaign,
} from "../test/support/cluster/sim_campaign.ts";
import { SEED } from "../test/support/random.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: `${SEED}` },
    only: { type: "string" },
    operations: { type: "string" },
  },
});
const REPORT_MS = 10_000;
const operationsMax = Number(values.operations ?? Infinity);
const minutes = Number(positionals[0] ?? (values.operations === undefined ? 10 : Infinity));
const startMs = performance.now();
let reportedMs = startMs;

function describe({ runs, operations, undecided }: CampaignTally): string {
  const seconds = (performance.now() - startMs) / 1000;
  const left = undecided === 0 ? "" : `, ${undecided} undecided`;
  return `${Math.round(seconds)} s: ${runs} simulations${left}, ${operations} operations were ` +
    `answered and checked, ${Math.round(operations / seconds)} a second`;
}

async function onRun(tally: CampaignTally): Promise<boolean> {
  if (values.only !== undefined) return true;
  const nowMs = performance.now();
  if (nowMs - reportedMs > REPORT_MS) {
    console.log(describe(tally));
    reportedMs = nowMs;
  }
  // An interrupt is noticed in between.
  await setImmediate();
  return tally.operations >= operationsMax || nowMs - startMs > minutes * 60_000;
}

const first = Number(values.only ?? values.seed);
console.log(
  values.only === undefined ? `seeds from ${first} on` : `${first}: ${campaignRunOf(first).name}`,
);
try {
  const tally = await runCampaign(first, onRun);
  for (const [name, { runs, operations, ms }] of [...tally.byName].sort()) {
    const rate = Math.round(operations / ms * 1000);
    console.log(
      `${String(runs).padStart(7)} ${String(operations).padStart(10)} ${rate}/s  ${name}`,
    );
  }
  console.log(`${describe(tally)}; 0 wrong`);
} catch (error) {
  if (!(error instanceof CampaignViolation)) throw error;
  console.error(error.message);
  console.error("npm run cluster:campaign -- --only and this seed does the same again");
  process.exit(1);
}
