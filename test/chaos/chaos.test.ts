/**
 * Chaos on real threads, for some rounds: see ../support/chaos/chaos_round.ts for what is done and
 * what must hold.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Durability, Placement } from "../../mod.ts";
import { runtimeShare } from "../support/campaign.ts";
import { runChaosRound } from "../support/chaos/chaos_round.ts";
import { ChaosTally } from "../support/chaos/chaos_tally.ts";
import { SEED } from "../support/random.ts";

const ROUND_SECONDS = 3;
const EVICTING_ROUND_SECONDS = 2;
/** Rounds in which enough has to happen: on a busy machine one is not enough. */
const ROUNDS_MAX = 6;

/** How much has to happen at least, or the rounds have shown nothing. */
type Minima =
  & { readonly nodeFaults: number }
  & Partial<Record<"operations" | "scales" | "watched" | "commits" | "sums" | "scans", number>>
  & Partial<Record<"evicted" | "keysMissed", number>>;

/** What has not happened often enough. */
function missingIn(tally: ChaosTally, minima: Minima): string[] {
  return Object.entries(minima)
    .map(([name, min]) => ({ name, min, count: tally[name as keyof Minima] }))
    .filter(({ min, count }) => count < min)
    .map(({ name, min, count }) => `${count} ${name}, and not ${min}`);
}

/** Runs a round at each level, and more of them until enough has happened. */
async function chaos(
  durabilities: readonly Durability[],
  minima: Minima,
  { placement = "near", seconds = ROUND_SECONDS, evicts = false }: {
    placement?: Placement;
    seconds?: number;
    evicts?: boolean;
  } = {},
): Promise<void> {
  const tally = new ChaosTally();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const durability = durabilities[round % durabilities.length]!;
    const nodeFaultsMin = minima.nodeFaults;
    const seed = SEED + round;
    await runChaosRound({ seed, durability, placement, seconds, evicts, nodeFaultsMin, tally });
    assert.equal(tally.violations, []);
    if (round + 1 >= durabilities.length && missingIn(tally, minima).length === 0) break;
  }
  console.log(tally.table);
  assert.equal(missingIn(tally, minima), []);
}

// The runtimes share the levels; "disk" is for `npm run chaos`, as a round of it takes too long.
test("KNs and clients die and stall under load", async () => {
  await chaos(runtimeShare<Durability>(["memory", "os", "memory"]), {
    nodeFaults: 3,
    operations: 500,
    scales: 1,
    watched: 11,
    commits: 21,
    sums: 3,
    scans: 3,
  });
});

test("far KNs and clients die and stall under load", async () => {
  const levels = runtimeShare<Durability>(["os", "memory", "os"]);
  await chaos(levels, { nodeFaults: 2, operations: 100 }, { placement: "far" });
});

test("KNs and clients die and stall while what they use is evicted", async () => {
  // In memory, as this evicts most; again if clients have not been where something was evicted.
  await chaos(["memory"], { nodeFaults: 2, operations: 100, evicted: 1, keysMissed: 1 }, {
    seconds: EVICTING_ROUND_SECONDS,
    evicts: true,
  });
});

test.run();
