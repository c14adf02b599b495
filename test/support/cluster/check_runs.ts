/**
 * Runs of a simulated cluster, each of which is checked.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { forEachSeed } from "../sim_seeds.ts";
import { runChecked, type SimWorldKind } from "./sim_worlds.ts";

/** Answers of a run, on average: in one with bad luck there are fewer. */
const ANSWERS_MIN = 50;

/** Defines a test of each kind: what clients see is right, and they see something. */
export function defineWorldTests(kinds: readonly SimWorldKind[]): void {
  for (const { name, runs, plan } of kinds) {
    test(name, () => {
      const answers: number[] = [];
      forEachSeed(runs, (seed) => {
        answers.push(runChecked({ seed, ...plan }).answeredCount);
      });
      const sum = answers.reduce((total, count) => total + count, 0);
      assert.ok(answers.length === 1 || sum > ANSWERS_MIN * answers.length, `${answers} answers`);
    });
  }
}
