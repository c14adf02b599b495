/**
 * Runs of a simulated cluster, each of which is checked.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { forEachSeed } from "../sim_seeds.ts";
import { type SimPlan, simulateCluster } from "./sim_cluster.ts";

/** Answers of a run, on average: in one with bad luck there are fewer. */
const ANSWERS_MIN = 50;

/** Checks that what clients see is right, and that they see something. */
export function checkEach(runs: number, planOf: (seed: number) => SimPlan): void {
  const answers: number[] = [];
  forEachSeed(runs, (seed) => {
    const { violation, unserved, failures, answeredCount } = simulateCluster(planOf(seed));
    assert.is(violation, undefined);
    assert.equal(failures, []);
    assert.equal(unserved, [], "keys without an owner after the faults have ended");
    answers.push(answeredCount);
  });
  const sum = answers.reduce((total, count) => total + count, 0);
  assert.ok(answers.length === 1 || sum > ANSWERS_MIN * answers.length, `${answers} answers`);
}
