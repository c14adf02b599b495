/**
 * Records that a KN makes from others, in a pool so full that there is hardly ever a longer place
 * in the log without cleaning: the request lets go of its slot, and is made all the same.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { type ScriptStep, SimFailover } from "../support/sim_failover.ts";

/** Keys of all slots: of six values of this size two fit a segment. */
const KEYS = [0, 1, 5, 6, 10, 11];
const VALUE_BYTES = 1400;
const ROUNDS = 30;
const REQUESTS_AT_ONCE = 12;

/** Touches, and puts between them so that there is something to gain by cleaning. */
function script(): ScriptStep[] {
  const steps: ScriptStep[] = KEYS.map((key) => ({ kind: "put", key, bytes: VALUE_BYTES }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const key of KEYS) steps.push({ kind: "touch", key });
    const key = KEYS[round % KEYS.length]!;
    steps.push({ kind: "put-expiring", key, bytes: VALUE_BYTES - round });
    steps.push({ kind: "touch", key }, { kind: "add", slot: round % 3 });
  }
  return steps;
}

for (const isFar of [false, true]) {
  for (const isLogged of [false, true]) {
    const where = `${isFar ? "far" : "near"}, ${isLogged ? "logged" : "in memory"}`;
    test(`a touch for which there is no room begins again with the room that it needs: ${where}`, () => {
      const world = new SimFailover({
        isLogged,
        isFar,
        segmentCount: isFar ? 12 : 8,
        ringBytes: 64 * 1024,
      });
      const missed = countMissed(() => {
        const steps = script();
        while (steps.length > 0) {
          world.issue(steps.splice(0, REQUESTS_AT_ONCE));
          world.drainVictim();
        }
      });
      assert.ok(missed > 0, "there was not always room");
      world.failOver();
      world.finish();
    });
  }
}

/** How often no segment could be had while `run` ran. */
function countMissed(run: () => void): number {
  const { reserve } = LogWriter.prototype;
  let count = 0;
  LogWriter.prototype.reserve = function (words, segmentReserve) {
    const address = reserve.call(this, words, segmentReserve);
    if (address === 0) count += 1;
    return address;
  };
  try {
    run();
  } finally {
    LogWriter.prototype.reserve = reserve;
  }
  return count;
}

test.run();
