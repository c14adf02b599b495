/**
 * Campaigns of simulated clusters: they count what was checked, repeat what a seed has done, and
 * stop at what is wrong.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  campaignRunOf,
  type CampaignTally,
  CampaignViolation,
  runCampaign,
} from "../support/cluster/sim_campaign.ts";
import { UndecidedError } from "../support/linearizability/configuration_set.ts";
import { SEED } from "../support/random.ts";

test("a campaign goes on with fresh seeds, and a seed does the same again", async () => {
  // Those with few clients.
  const seeds = Array.from({ length: 100 }, (_, i) => SEED + i)
    .filter((seed) => !campaignRunOf(seed).name.includes("clients"));
  const runOf = (number: number) => campaignRunOf(seeds[number]!);
  const counts: number[] = [];
  const until = (runs: number) => (tally: CampaignTally) => {
    counts.push(tally.operations);
    return tally.runs === runs;
  };
  const tally = await runCampaign(0, until(2), runOf);
  assert.ok(counts[0]! > 0 && counts[1]! > counts[0]!, `${counts}`);
  assert.is(tally.operations, counts[1]);
  assert.is([...tally.byName.values()].reduce((sum, { runs }) => sum + runs, 0), 2);
  const again = await runCampaign(0, until(1), runOf);
  assert.is(again.operations, counts[0]);
});

test("it stops at the first thing that is wrong, and not at what nobody can decide", async () => {
  const name = "what three runs do";
  const outcomes = [() => 5, () => raise(new UndecidedError()), () => raise(new Error("lost"))];
  const seen: CampaignTally[] = [];
  const onRun = (tally: CampaignTally) => {
    seen.push(structuredClone(tally));
    return false;
  };
  const runOf = (seed: number) => ({ seed, name, run: outcomes[seed - 7]! });
  const failure = await runCampaign(7, onRun, runOf).catch((error: unknown) => error);
  assert.instance(failure, CampaignViolation);
  assert.is((failure as Error).message, 'seed 9, "what three runs do": lost');
  assert.equal(seen.map(({ operations, undecided }) => [operations, undecided]), [[5, 0], [5, 1]]);
});

test("simulations of all kinds are drawn", () => {
  const names = new Set(Array.from({ length: 400 }, (_, seed) => campaignRunOf(seed).name));
  assert.ok(names.size > 30, `${names.size}`);
});

function raise(error: Error): never {
  throw error;
}

test.run();
