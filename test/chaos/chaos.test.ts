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

/** Runs a round at each level, in all of which enough happens. */
async function chaos(
  durabilities: readonly Durability[],
  nodeFaultsMin: number,
  placement: Placement = "near",
): Promise<ChaosTally> {
  const tally = new ChaosTally();
  for (const [round, durability] of durabilities.entries()) {
    const seed = SEED + round;
    await runChaosRound({
      seed,
      durability,
      placement,
      seconds: ROUND_SECONDS,
      nodeFaultsMin,
      tally,
    });
    assert.equal(tally.violations, []);
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
});

test("far KNs and clients die and stall under load", async () => {
  const tally = await chaos(runtimeShare<Durability>(["os", "memory", "os"]), 2, "far");
  assert.ok(tally.nodeFaults >= 2, `${tally.nodeFaults} faults of KNs`);
  assert.ok(tally.operations >= 100, `${tally.operations} operations`);
});

test.run();
