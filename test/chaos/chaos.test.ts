/**
 * Chaos on real threads, for some rounds: see ../support/chaos/chaos_round.ts for what is done and what must hold.
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

/** Runs a round at each level, in all of which enough happens; no more when it is enough. */
async function chaos(
  durabilities: readonly Durability[],
  nodeFaultsMin: number,
  { placement = "near", seconds = ROUND_SECONDS, evicts = false, isEnough = () => false }: {
    placement?: Placement;
    seconds?: number;
    evicts?: boolean;
    isEnough?: (tally: ChaosTally) => boolean;
  } = {},
): Promise<ChaosTally> {
  const tally = new ChaosTally();
  for (const [round, durability] of durabilities.entries()) {
    const seed = SEED + round;
    await runChaosRound({
      seed,
      durability,
      placement,
      seconds,
      evicts,
      nodeFaultsMin,
      tally,
    });
    assert.equal(tally.violations, []);
    if (isEnough(tally)) break;
  }
  console.log(tally.table);
  return tally;
}

// The runtimes share the levels; "disk" is for `npm run chaos`, as a round of it takes too long.
test("KNs and clients die and stall under load", async () => {
  const tally = await chaos(runtimeShare<Durability>(["memory", "os", "memory"]), 3);
  assert.ok(tally.nodeFaults >= 3, `${tally.nodeFaults} faults of KNs`);
  assert.ok(tally.operations >= 500, `${tally.operations} operations`);
  assert.ok(tally.scales > 0, "KNs came and went");
  assert.ok(tally.watched > 10, `${tally.watched} items were delivered to watchers`);
  assert.ok(tally.commits > 20, `${tally.commits} commits`);
  assert.ok(tally.sums > 2 && tally.scans > 2, `${tally.sums} sums, ${tally.scans} ranges`);
});

test("far KNs and clients die and stall under load", async () => {
  const levels = runtimeShare<Durability>(["os", "memory", "os"]);
  const tally = await chaos(levels, 2, { placement: "far" });
  assert.ok(tally.nodeFaults >= 2, `${tally.nodeFaults} faults of KNs`);
  assert.ok(tally.operations >= 100, `${tally.operations} operations`);
});

test("KNs and clients die and stall while what they use is evicted", async () => {
  // In memory, as this evicts most; again if clients have not been where something was evicted.
  const tally = await chaos(["memory", "memory", "memory"], 2, {
    seconds: EVICTING_ROUND_SECONDS,
    evicts: true,
    isEnough: ({ keysMissed }) => keysMissed > 0,
  });
  assert.ok(tally.nodeFaults >= 2, `${tally.nodeFaults} faults of KNs`);
  assert.ok(tally.operations >= 100, `${tally.operations} operations`);
  assert.ok(tally.evicted > 0 && tally.keysMissed > 0, `${tally.keysMissed} keys were missed`);
});

test.run();
