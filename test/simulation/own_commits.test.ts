/**
 * A thread that makes commits itself throws at any access of them, or is taken for dead there and
 * goes on: each commit is made once and whole, or not at all, nothing is lost, and the order is
 * kept.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ScriptStep } from "../support/sim_failover.ts";
import { OWN_EVENTS, tryAll } from "../support/sim_own_steps.ts";

const OPTIONS = { segmentCount: 24, ringBytes: 16 * 1024, putsAtOnce: true };

const BEFORE: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 40 },
  { kind: "put", key: 1, bytes: 300 },
  { kind: "put", key: 10, bytes: 1100 },
  { kind: "add", slot: 1 },
];

const NONE = { absent: [], puts: [], deletes: [], adds: [] };

/**
 * Of one slot and of all, new keys and others, sums, refused ones, one that changes nothing,
 * between requests of their slots.
 */
const SCRIPT: readonly ScriptStep[] = [
  { kind: "commit", ...NONE, absent: [2], puts: [6, 0, 11], deletes: [1], adds: [0, 1], bytes: 60 },
  { kind: "commit", ...NONE, absent: [6], puts: [3], bytes: 40 },
  { kind: "commit", ...NONE, deletes: [4], bytes: 40 },
  { kind: "commit", ...NONE, puts: [10, 12], bytes: 1100 },
  { kind: "commit", ...NONE, adds: [0, 1, 2], deletes: [11], bytes: 40 },
  { kind: "delete", key: 6 },
  { kind: "commit", ...NONE, puts: [6, 7], adds: [2], bytes: 40 },
  { kind: "commit", ...NONE, puts: [13], adds: [2], bytes: 40 },
];

for (const isLogged of [false, true]) {
  const steps = { options: { ...OPTIONS, isLogged }, before: BEFORE, script: SCRIPT, factor: 4 };
  for (const [name, { event, end }] of Object.entries(OWN_EVENTS)) {
    test(`in the middle of a commit ${name}, logged: ${isLogged}`, () => {
      const { tries, atOnceMax } = tryAll(steps, event, end);
      assert.ok(tries > 300, `${tries} tries`);
      assert.ok(atOnceMax > 4, `${atOnceMax} were made at once`);
    });
  }
}

test.run();
