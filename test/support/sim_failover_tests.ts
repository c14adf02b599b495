/**
 * A KN fails at every access to shared memory of a step, one after the other: it dies there, or it is taken for dead and goes on
 * later; and so does a DPM processor that cleans. Nothing is lost, nothing is done twice, and the order is kept.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withAtomicHooks } from "./sim_atomics.ts";
import { SEED } from "./random.ts";
import { SHARE_COUNT, SHARE_FIRST } from "./campaign.ts";
import { dieAt } from "./sim_death.ts";
import { type FailoverOptions, type ScriptStep, SimFailover } from "./sim_failover.ts";

/** What there is before. */
const BEFORE: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 40 },
  { kind: "put", key: 1, bytes: 300 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "put", key: 6, bytes: 40 },
  { kind: "put", key: 7, bytes: 40 },
  { kind: "put", key: 10, bytes: 40 },
  { kind: "put-expiring", key: 3, bytes: 40 },
  { kind: "put-expiring", key: 4, bytes: 40 },
  { kind: "put-expiring", key: 8, bytes: 40 },
  { kind: "put-expiring", key: 12, bytes: 40 },
  { kind: "add", slot: 0 },
  { kind: "add", slot: 1 },
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
  "records that expire": [
    { kind: "put-expiring", key: 2, bytes: 40 },
    { kind: "put-expiring", key: 0, bytes: 60 },
    { kind: "put-expiring", key: 8, bytes: 60 },
    { kind: "put", key: 8, bytes: 60 },
    { kind: "delete", key: 3 },
    { kind: "put-expiring", key: 5, bytes: 60 },
    { kind: "put-absent", key: 5, bytes: 60 },
    { kind: "clear", slot: 2 },
    { kind: "put-expiring", key: 11, bytes: 40 },
  ],
  "records that have expired": [
    { kind: "wait" },
    { kind: "put-absent", key: 3, bytes: 40 },
    { kind: "put-expiring", key: 8, bytes: 40 },
    { kind: "delete", key: 12 },
    { kind: "clear", slot: 0 },
    { kind: "put-absent", key: 4, bytes: 40 },
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
  "records that are made from others": [
    { kind: "add", slot: 0 },
    { kind: "touch", key: 3 },
    { kind: "add", slot: 2 },
    { kind: "add", slot: 0 },
    { kind: "touch", key: 1 },
    { kind: "touch", key: 2 },
    { kind: "put", key: 2, bytes: 1200 },
    { kind: "touch", key: 2 },
    { kind: "clear", slot: 1 },
    { kind: "add", slot: 1 },
    { kind: "touch", key: 5 },
    { kind: "touch", key: 2 },
    { kind: "add", slot: 1 },
  ],
  "values that are too large for the ring": [
    { kind: "put", key: 2, bytes: 3000 },
    { kind: "put", key: 0, bytes: 2900 },
    { kind: "put-absent", key: 0, bytes: 2800 },
    { kind: "put", key: 10, bytes: 40 },
  ],
};

/** Deletes of keys that are not there, which a cache that is logged logs as well. */
const IDLE_SCRIPT: readonly ScriptStep[] = [
  { kind: "delete", key: 2 },
  { kind: "delete", key: 0 },
  { kind: "delete", key: 0 },
  { kind: "put", key: 11, bytes: 40 },
  { kind: "delete", key: 13 },
  { kind: "clear", slot: 1 },
  { kind: "delete", key: 5 },
];

/** In a far pool also reads, between changes of the same keys, of values of all sizes. */
const FAR_SCRIPT: readonly ScriptStep[] = [
  { kind: "get", key: 0 },
  { kind: "put", key: 0, bytes: 60 },
  { kind: "add", slot: 0 },
  { kind: "touch", key: 0 },
  { kind: "get", key: 1 },
  { kind: "touch", key: 1 },
  { kind: "add", slot: 0 },
  { kind: "put", key: 1, bytes: 1400 },
  { kind: "get", key: 0 },
  { kind: "get", key: 1 },
  { kind: "delete", key: 0 },
  { kind: "get", key: 0 },
  { kind: "clear", slot: 1 },
  { kind: "get", key: 5 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "get", key: 5 },
];

/** In a far pool also changes of keys that have cells, of all sizes, and of one whose slot is cleared. */
const SHARED_KEYS = [0, 5, 10];
const SHARED_SCRIPT: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 60 },
  { kind: "touch", key: 0 },
  { kind: "get", key: 0 },
  { kind: "put-absent", key: 0, bytes: 40 },
  { kind: "delete", key: 0 },
  { kind: "touch", key: 0 },
  { kind: "touch", key: 10 },
  { kind: "delete", key: 10 },
  { kind: "get", key: 10 },
  { kind: "put-expiring", key: 10, bytes: 40 },
  { kind: "put-absent", key: 0, bytes: 1400 },
  { kind: "put", key: 5, bytes: 1500 },
  { kind: "put", key: 10, bytes: 1500 },
  { kind: "put", key: 0, bytes: 1500 },
  { kind: "get", key: 5 },
  { kind: "clear", slot: 1 },
  { kind: "put-absent", key: 5, bytes: 40 },
  { kind: "put", key: 2, bytes: 40 },
  { kind: "put", key: 0, bytes: 3000 },
  { kind: "get", key: 0 },
];

/** Changes of keys that have cells, few enough for the KN to leave them to a merger. */
const UNMERGED_SCRIPT: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 60 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "put", key: 0, bytes: 40 },
  { kind: "delete", key: 10 },
  { kind: "put-expiring", key: 10, bytes: 40 },
  { kind: "delete", key: 5 },
  { kind: "put", key: 2, bytes: 40 },
];

/** Reads of one key before and behind changes of it. */
const ALTERNATING: readonly ScriptStep[] = Array.from({ length: 4 }, () =>
  [
    { kind: "get", key: 0 },
    { kind: "put", key: 0, bytes: 40 },
  ] as const).flat();

/** What is issued while nobody knows yet what has become of the step. */
const AFTER: readonly ScriptStep[] = [
  { kind: "put-absent", key: 0, bytes: 40 },
  { kind: "put-absent", key: 2, bytes: 40 },
  { kind: "delete", key: 10 },
  { kind: "put", key: 5, bytes: 40 },
];

class Death extends Error {}

/** A store, what is in it, and what is done to it. */
interface Scenario {
  readonly name: string;
  readonly options: FailoverOptions;
  readonly before: readonly ScriptStep[];
  readonly script: readonly ScriptStep[];
  /** Keys that have cells while it runs. @default none */
  readonly shared?: readonly number[];
}

/** Accesses from one that is tried to the next: a process's share of all of them (campaign.ts), unless there is no time for that. */
const STRIDE_GIVEN = process.env["DINOMO_FAILOVER_STRIDE"];
/** In far pools each access takes longer to try: in one run some, from another one on in each run. */
const FAR_STRIDE = SHARE_COUNT === 1 ? 1 : 31;
/** Steps in which a script is executed, at most; a large value takes two. */
const STEPS_MAX = 8;
/** Segments that a DPM processor cleans, or dies in. */
const CLEANED_COUNT = 2;
const ROOMY_SEGMENT_COUNT = 16;
const FAR_SEGMENT_COUNT = 32;
/** So few that what has been overwritten must be cleaned before anything else fits. */
const SCARCE_SEGMENT_COUNT = 9;

/** Leaves every segment half full of records that are live. */
const WORN: readonly ScriptStep[] = Array.from({ length: 24 }, (_, i) => ({
  kind: "put",
  key: i % 3 === 0 ? (i / 3) % 5 : 5 + (i % 5),
  bytes: 900,
}));
/** The same for a far pool with keys that have cells: each segment holds the newest record of one of them, and dead ones. */
const FAR_WORN: readonly ScriptStep[] = [0, 6, 11, 5, 10].flatMap((kept, i) => [
  { kind: "put", key: kept, bytes: 300 } as const,
  ...Array.from({ length: 11 }, () => ({ kind: "put", key: 1 + i % 4, bytes: 300 } as const)),
]);
const CHURN: readonly ScriptStep[] = Array.from({ length: 8 }, (_, i) => ({
  kind: "put",
  key: 5 + (i % 5),
  bytes: 900,
}));

function scenariosOf(isLogged: boolean, isFar: boolean): Scenario[] {
  const segmentCount = isFar ? FAR_SEGMENT_COUNT : ROOMY_SEGMENT_COUNT;
  const roomy = { isLogged, isFar, segmentCount, ringBytes: 8 * 1024 };
  const scarce = { isLogged, segmentCount: SCARCE_SEGMENT_COUNT, ringBytes: 32 * 1024 };
  const scenarios = Object.entries(SCRIPTS).map(([name, script]) => ({
    name,
    options: roomy,
    before: BEFORE,
    script,
  }));
  if (isFar) {
    const name = "reads between changes";
    return [...scenarios, { name, options: roomy, before: BEFORE, script: FAR_SCRIPT }];
  }
  if (isLogged) {
    const options = { ...roomy, evicts: true };
    scenarios.push({ name: "deletes in a cache", options, before: BEFORE, script: IDLE_SCRIPT });
  }
  return [...scenarios, { name: "cleaning", options: scarce, before: WORN, script: CHURN }];
}

/** The scenario of keys that have cells, in a far pool. */
function cellScenario(isLogged: boolean): Scenario {
  return {
    name: "keys with cells",
    options: { isLogged, isFar: true, segmentCount: FAR_SEGMENT_COUNT, ringBytes: 8 * 1024 },
    before: BEFORE,
    script: SHARED_SCRIPT,
    shared: SHARED_KEYS,
  };
}

/** Runs a scenario's script until its step makes access number `at`, and lets something happen there. */
function runUntil(
  world: SimFailover,
  { before, script, shared }: Scenario,
  at: number,
  onAccess: () => void,
): boolean {
  for (const step of before) {
    world.issue([step]);
    world.drainVictim();
  }
  if (shared !== undefined) world.share(shared);
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

function dies(world: SimFailover, scenario: Scenario, at: number): boolean {
  try {
    return runUntil(world, scenario, at, () => {
      throw new Death();
    });
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  }
}

/** Says at which access something went wrong. */
function failing(what: string, at: number, body: () => void): void {
  try {
    body();
  } catch (error) {
    throw new Error(`${what} at access ${at}: ${(error as Error).stack}`);
  }
}

/** Defines the tests of a pool, and runs them. */
export function runFailovers(isLogged: boolean, isFar = false): void {
  defineFailovers(scenariosOf(isLogged, isFar), isFar);
  if (isFar) defineDyingMergers(scenariosOf(isLogged, true), isLogged);
  else defineDyingCleaners(scenariosOf(isLogged, false).at(-1)!, ...accessesTried(false));
  test.run();
}

/** The same for KNs that hold cells. */
export function runCellFailovers(isLogged: boolean): void {
  defineFailovers([cellScenario(isLogged)], true);
  if (!isLogged) {
    defineSwaps();
    defineRefusals();
  }
  defineDyingMergers([{ ...cellScenario(isLogged), script: UNMERGED_SCRIPT }], isLogged);
  const far = { ...cellScenario(isLogged), before: FAR_WORN, shared: [0, 6, 11] };
  defineDyingCleaners(far, ...accessesTried(true));
  test.run();
}

/** Defines the test of cells that get other owners in the middle of a step: what was issued applies in its order. */
function defineSwaps(): void {
  test("a key gets other owners at any access", () => {
    const scenario = { ...cellScenario(false), script: ALTERNATING, shared: [0] };
    let swaps = 0;
    for (let at = 0;; at++) {
      const world = new SimFailover(scenario.options);
      let isReached = false;
      failing("other owners", at, () => {
        isReached = runUntil(world, scenario, at, () => swaps += Number(world.swapOwners(0)));
        world.drainVictim();
        world.failOver();
        world.finish();
      });
      if (!isReached) break;
    }
    assert.ok(swaps > 20, `${swaps} swaps`);
  });
}

/** Defines the test of cells that a zombie holds for long. */
function defineRefusals(): void {
  test("a key whose cell a zombie holds for long is refused, and can be had when it has let go", () => {
    const script = [{ kind: "put", key: 0, bytes: 40 }] as const;
    const scenario = { ...cellScenario(false), script, shared: [0] };
    let refused = 0;
    for (let at = 0;; at++) {
      const world = new SimFailover(scenario.options);
      let isReached = false;
      failing("a zombie", at, () => {
        isReached = runUntil(world, scenario, at, () => {
          world.failOver();
          if (world.heldCount > 0) refused += world.refuseHeld(0);
        });
        if (isReached) world.finish();
      });
      if (!isReached) break;
    }
    assert.ok(refused > 10, `${refused} were refused`);
  });
}

/** The first access that is tried, and from one to the next. */
function accessesTried(isFar: boolean): [first: number, stride: number] {
  const stride = Number(STRIDE_GIVEN ?? (isFar ? FAR_STRIDE : SHARE_COUNT));
  // Whoever asks for some of them gets the same ones each time.
  const first = isFar ? SEED % stride : SHARE_FIRST;
  return [STRIDE_GIVEN === undefined ? first : 0, stride];
}

function defineFailovers(scenarios: readonly Scenario[], isFar: boolean): void {
  const [first, stride] = accessesTried(isFar);
  for (const scenario of scenarios) {
    test(`${scenario.name}: a KN dies at any access`, () => {
      let deaths = 0;
      for (let at = first;; at += stride) {
        const world = new SimFailover(scenario.options);
        if (!dies(world, scenario, at)) break;
        deaths += 1;
        failing("death", at, () => {
          world.die();
          world.issue(AFTER);
          world.failOver();
          world.finish();
        });
      }
      assert.ok(deaths * stride > 40, `${deaths} deaths`);
    });

    test(`${scenario.name}: a KN is taken for dead at any access, and goes on`, () => {
      let zombies = 0;
      let held = 0;
      for (let at = first;; at += stride) {
        const world = new SimFailover(scenario.options);
        let isZombie = false;
        failing("failover", at, () => {
          isZombie = runUntil(world, scenario, at, () => {
            world.failOver();
            held += Math.min(world.heldCount, 1);
            world.issue(AFTER);
            world.turn();
          });
          if (isZombie) world.finish();
        });
        if (!isZombie) break;
        zombies += 1;
      }
      assert.ok(zombies * stride > 40, `${zombies} zombies`);
      assert.ok(held * stride >= 10, `${held} of them held a slot`);
    });
  }
}

/** Defines the test of DPM processors that die while they merge a log. */
function defineDyingMergers(scenarios: readonly Scenario[], isLogged: boolean): void {
  // A merger does nothing to files: whoever tidies up after it does, a little.
  const stride = Number(STRIDE_GIVEN ?? (isLogged ? FAR_STRIDE : SHARE_COUNT));
  const first = STRIDE_GIVEN !== undefined ? 0 : isLogged ? SEED % stride : SHARE_FIRST;
  for (const { name, options, before, script, shared } of scenarios) {
    test(`${name}: a DPM processor dies at any access while it merges`, () => {
      let deaths = 0;
      let settled = 0;
      for (let at = first;; at += stride) {
        const world = new SimFailover(options);
        for (const [i, step] of [...before, ...script].entries()) {
          if (i === before.length && shared !== undefined) world.share(shared);
          world.issue([step]);
          world.drainVictim();
        }
        if (!dieAt(at, () => world.merge())) break;
        deaths += 1;
        failing("death of a merger", at, () => {
          // The KN goes on before anybody has noticed.
          world.issue(AFTER);
          world.victim.doWork();
          if (world.endMerging()) settled += 1;
          world.drainVictim();
          world.merge();
          world.failOver();
          world.finish();
        });
      }
      assert.ok(settled * stride > 10, `${settled} of ${deaths} deaths in a step`);
    });
  }
}

/** Defines the test of DPM processors that die. */
function defineDyingCleaners(
  { options, before, shared }: Scenario,
  first: number,
  stride: number,
): void {
  test("a DPM processor dies at any access while it cleans", () => {
    let deaths = 0;
    for (let at = first;; at += stride) {
      const world = new SimFailover(options);
      for (const step of before) {
        world.issue([step]);
        world.drainVictim();
      }
      if (shared !== undefined) world.share(shared);
      // What it has left off at is not where the one is that dies.
      world.clean(1);
      if (!dieAt(at, () => world.clean(CLEANED_COUNT))) break;
      deaths += 1;
      failing("death of a processor", at, () => {
        world.endCleaning();
        world.clean(CLEANED_COUNT);
        world.issue(AFTER);
        world.drainVictim();
        world.failOver();
        world.finish();
      });
    }
    assert.ok(deaths * stride > 40, `${deaths} deaths`);
  });
}
