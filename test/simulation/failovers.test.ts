/**
 * A KN fails at every access to shared memory of a step, one after the other: it dies there, or it is taken for dead and goes on
 * later. Nothing is lost, nothing is done twice, and the order is kept.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { type ScriptStep, SimFailover } from "../support/sim_failover.ts";

/** What there is before. */
const BEFORE: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 40 },
  { kind: "put", key: 1, bytes: 300 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "put", key: 6, bytes: 40 },
  { kind: "put", key: 7, bytes: 40 },
  { kind: "put", key: 10, bytes: 40 },
];

/** What the step does: every kind of change, several of one key, and of slots that have other keys. */
const SCRIPTS: Readonly<Record<string, readonly ScriptStep[]>> = {
  "changes of all kinds": [
    { kind: "put", key: 2, bytes: 40 },
    { kind: "put", key: 0, bytes: 60 },
    { kind: "delete", key: 1 },
    { kind: "delete", key: 3 },
    { kind: "put-absent", key: 0, bytes: 40 },
    { kind: "put-absent", key: 1, bytes: 40 },
    { kind: "put", key: 10, bytes: 500 },
    { kind: "clear", slot: 1 },
    { kind: "put-absent", key: 5, bytes: 40 },
  ],
  "many changes of one key": [
    { kind: "put", key: 0, bytes: 40 },
    { kind: "delete", key: 0 },
    { kind: "put-absent", key: 0, bytes: 40 },
    { kind: "put-absent", key: 0, bytes: 48 },
    { kind: "delete", key: 0 },
    { kind: "delete", key: 0 },
    { kind: "put", key: 0, bytes: 40 },
  ],
  "records that do not fit the open segment": [
    { kind: "put", key: 2, bytes: 1500 },
    { kind: "put", key: 3, bytes: 1500 },
    { kind: "put", key: 4, bytes: 1500 },
    { kind: "put", key: 2, bytes: 1500 },
    { kind: "delete", key: 3 },
  ],
  "values that are too large for the ring": [
    { kind: "put", key: 2, bytes: 3000 },
    { kind: "put", key: 0, bytes: 2900 },
    { kind: "put-absent", key: 0, bytes: 2800 },
    { kind: "put", key: 10, bytes: 40 },
  ],
};

class Death extends Error {}

/** Steps in which a script is executed, at most; a large value takes two. */
const STEPS_MAX = 4;

/** Runs a script until its step makes access number `at`, and lets something happen there. */
function runUntil(
  world: SimFailover,
  script: readonly ScriptStep[],
  at: number,
  onAccess: () => void,
): boolean {
  world.issue(BEFORE);
  world.drainVictim();
  world.issue(script);
  let count = 0;
  let isDone = false;
  const hooks = {
    onAccess: () => {
      if (isDone || count++ !== at) return;
      isDone = true;
      onAccess();
    },
  };
  for (let i = 0; i < STEPS_MAX && !isDone; i++) {
    withAtomicHooks(hooks, () => world.victim.doWork());
    if (!isDone) world.poll();
  }
  return isDone;
}

for (const isLogged of [false, true]) {
  const kind = isLogged ? "logged" : "in memory";
  for (const [name, script] of Object.entries(SCRIPTS)) {
    test(`${kind}, ${name}: a KN dies at any access`, () => {
      let deaths = 0;
      for (let at = 0;; at++) {
        const world = new SimFailover(isLogged);
        let hasDied = false;
        try {
          hasDied = runUntil(world, script, at, () => {
            throw new Death();
          });
        } catch (error) {
          if (!(error instanceof Death)) throw error;
          hasDied = true;
        }
        if (!hasDied) break;
        deaths += 1;
        try {
          world.die();
          world.failOver();
          world.finish();
        } catch (error) {
          throw new Error(`death at access ${at}: ${(error as Error).stack}`);
        }
      }
      assert.ok(deaths > 40, `${deaths} deaths`);
    });

    test(`${kind}, ${name}: a KN is taken for dead at any access, and goes on`, () => {
      let zombies = 0;
      let held = 0;
      for (let at = 0;; at++) {
        const world = new SimFailover(isLogged);
        try {
          const isZombie = runUntil(world, script, at, () => {
            world.failOver();
            held += Math.min(world.heldCount, 1);
          });
          if (!isZombie) break;
          zombies += 1;
          world.finish();
        } catch (error) {
          throw new Error(`failover at access ${at}: ${(error as Error).stack}`);
        }
      }
      assert.ok(zombies > 40, `${zombies} zombies`);
      assert.ok(held > 10, `${held} of them held a slot`);
    });
  }
}

test.run();
