/**
 * A KN fails at every access to shared memory of a step, one after the other: it dies there, or it
 * is taken for dead and goes on later; and so does a DPM processor that cleans. Nothing is lost,
 * nothing is done twice, and the order is kept.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { GroupState } from "../../lib/node/request_group.ts";
import { CommitState } from "../../lib/pool/commit_state.ts";
import { AGENT_COMMIT_STATE, AGENT_GROUP_STATE } from "../../lib/pool/control_layout.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { SEED } from "./random.ts";
import { SHARE_COUNT, SHARE_FIRST } from "./campaign.ts";
import { dieAt } from "./sim_death.ts";
import { SimFailover } from "./sim_failover.ts";
import {
  AFTER,
  ALTERNATING,
  cellScenario,
  commitScenarios,
  FAR_WORN,
  type Scenario,
  scenariosOf,
  UNMERGED_SCRIPT,
} from "./sim_failover_scenarios.ts";

class Death extends Error {}

/**
 * Accesses from one that is tried to the next: a process's share of all of them (campaign.ts),
 * unless there is no time for that.
 */
const STRIDE_GIVEN = process.env["DINOMO_FAILOVER_STRIDE"];
/**
 * In far pools each access takes longer to try: in one run some, from another one on in each run.
 */
const FAR_STRIDE = SHARE_COUNT === 1 ? 1 : 31;
/**
 * The same for commits, of which each is many accesses: as many times as usual from one to the
 * next.
 */
const COMMIT_FACTOR = SHARE_COUNT === 1 ? 1 : 5;
/** Steps in which a script is executed, at most; a large value takes two. */
const STEPS_MAX = 8;
/** What a failover is has been tried without sessions: of those with them, a campaign tries all. */
const SESSION_SCENARIOS = new Set([
  "changes of all kinds",
  "records that are made from others",
  "values that are too large for the ring",
  "deletes in a cache",
  "sets of commits",
]);
/**
 * Watchers change little in what a failover is: of the accesses that are tried without, one in so
 * many.
 */
const WATCHED_STRIDE = 4;
/** Each of these tries takes longer, as so much is looked at. */
const WHOLENESS_FACTOR = SHARE_COUNT === 1 ? 7 : 3;
/** Segments that a DPM processor cleans, or dies in. */
const CLEANED_COUNT = 2;

/**
 * Runs a scenario's script until its step makes access number `at`, and lets something happen
 * there.
 */
function runUntil(
  world: SimFailover,
  { before, script, shared, isWatched }: Scenario,
  at: number,
  onAccess: () => void,
  counts: (pool: Pool) => boolean = () => true,
): boolean {
  for (const step of before) {
    world.issue([step]);
    world.drainVictim();
  }
  if (shared !== undefined) world.share(shared);
  if (isWatched) world.watch();
  world.issue(script);
  let count = 0;
  let isDone = false;
  const hooks = {
    onAccess: () => {
      if (isLooking || isDone || !counts(world.pool) || count++ !== at) return;
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

function dies(
  world: SimFailover,
  scenario: Scenario,
  at: number,
  counts?: (pool: Pool) => boolean,
): boolean {
  const die = () => {
    throw new Death();
  };
  try {
    return runUntil(world, scenario, at, die, counts);
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
  if (isLogged) defineBrokenDisk(isFar);
  test.run();
}

/**
 * The same for what another process has asked for: the ledger says what has become of each request,
 * also in the next life.
 */
export function runSessionFailovers(): void {
  const ofSession = ({ options, ...rest }: Scenario) => ({
    ...rest,
    options: { ...options, isOfSession: true },
  });
  const isTried = ({ name }: Scenario) => SHARE_COUNT === 1 || SESSION_SCENARIOS.has(name);
  defineFailovers(scenariosOf(true, false).filter(isTried).map(ofSession), false);
  defineFailovers(commitScenarios(true).filter(isTried).map(ofSession), false, COMMIT_FACTOR);
  test.run();
}

/** The same in pools that know the order of their keys, whatever the seed. */
export function runOrderedFailovers(): void {
  const scenarios = [false, true].map((isLogged) => {
    const { name, options, ...rest } = scenariosOf(isLogged, false)[0]!;
    const isOrdered = true;
    return { name: `${name}, logged: ${isLogged}`, options: { ...options, isOrdered }, ...rest };
  });
  defineFailovers(scenarios, true);
  test.run();
}

/**
 * The same for atomic commits; whatever happens, at each access they are seen whole or not at all.
 */
export function runCommitFailovers(isLogged: boolean): void {
  const scenarios = commitScenarios(isLogged);
  defineFailovers(scenarios, false, COMMIT_FACTOR);
  for (const scenario of scenarios) defineWholeness(scenario);
  if (isLogged) defineSealedDeaths(scenarios.find(({ name }) => name === "sets of commits")!);
  test.run();
}

/**
 * Whether the first KN's group is in the file, perhaps, and nothing of it has been begun to be
 * shown.
 */
function isSealed(pool: Pool): boolean {
  const { control } = pool;
  const agentAt = pool.agentAt(0);
  return control[agentAt + AGENT_GROUP_STATE] === GroupState.SEALED &&
    control[agentAt + AGENT_COMMIT_STATE] === CommitState.NONE;
}

/**
 * Defines the test of KNs that die, and what they had written cannot be written once more: what was
 * refused by a change of which nobody knows whether it will be there is not known either.
 */
function defineBrokenDisk(isFar: boolean): void {
  test("a KN dies, and the disk has failed: no refusal tells of what is not there", () => {
    const [{ options }] = scenariosOf(true, isFar) as [Scenario];
    const before = [{ kind: "put", key: 1, bytes: 40 }] as const;
    const script = [
      { kind: "put", key: 0, bytes: 40 },
      { kind: "put-absent", key: 0, bytes: 40 },
      { kind: "delete", key: 1 },
      { kind: "delete", key: 1 },
    ] as const;
    const scenario = { name: "refusals", options, before, script };
    const seen = new Set<string>();
    for (let at = 0;; at++) {
      const world = new SimFailover(options);
      if (!dies(world, scenario, at)) break;
      failing("death", at, () => {
        world.die();
        world.breakDisk();
        world.failOver();
        const ends = world.endAll(before.length);
        for (const [change, refusal] of [ends.slice(0, 2), ends.slice(2)]) {
          seen.add(`${change} ${refusal}`);
          if (refusal === Status.UNMET) assert.is(change, Status.OK);
        }
      });
    }
    const { OK, UNMET, NOT_DURABLE } = Status;
    assert.ok(
      seen.has(`${OK} ${UNMET}`) && seen.has(`${NOT_DURABLE} ${NOT_DURABLE}`),
      [...seen].join(),
    );
  });
}

/** Defines the test of KNs that die between two accesses of which there are few. */
function defineSealedDeaths(scenario: Scenario): void {
  test(`${scenario.name}: a KN dies when its group is sealed`, () => {
    let deaths = 0;
    for (;; deaths++) {
      const world = new SimFailover(scenario.options);
      if (!dies(world, scenario, deaths, isSealed)) break;
      failing("death", deaths, () => {
        world.die();
        watch(world, () => world.failOver());
        world.finish();
      });
    }
    assert.ok(deaths > 10, `${deaths} deaths`);
  });
}

/**
 * Defines the test of what can be seen while a KN makes commits, dies in one, and another one takes
 * its place.
 */
function defineWholeness(scenario: Scenario): void {
  test(`${scenario.name}: whoever looks sees all of a commit or nothing of it`, () => {
    const [first, strideOfAll] = accessesTried(false);
    const stride = strideOfAll *
      (STRIDE_GIVEN === undefined ? COMMIT_FACTOR * WHOLENESS_FACTOR : 1);
    let deaths = 0;
    for (let at = first;; at += stride) {
      const world = new SimFailover(scenario.options);
      const watched = (body: () => void) => watch(world, body);
      let hasDied = false;
      failing("death", at, () => {
        watched(() => hasDied = dies(world, scenario, at));
        if (!hasDied) return;
        world.die();
        watched(() => world.failOver());
        world.finish();
      });
      if (!hasDied) break;
      deaths += 1;
    }
    assert.ok(deaths * stride > 40, `${deaths} deaths`);
  });
}

/** Whether what is accessed is accessed by somebody who only looks. */
let isLooking = false;

/**
 * Looks before and after each write to shared memory by which something that can be read may
 * change.
 */
function watch(world: SimFailover, body: () => void): void {
  const { control } = world.pool;
  const stateAt = world.pool.agentAt(0) + AGENT_COMMIT_STATE;
  const onAccess = (isWrite: boolean, array: Int32Array, index: number) => {
    if (!isWrite || isLooking || (array === control && index !== stateAt)) return;
    isLooking = true;
    try {
      world.checkMoment();
    } finally {
      isLooking = false;
    }
  };
  withAtomicHooks({ onAccess }, body);
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

/**
 * The same beside a watcher, which knows the last state of every key in the end: of one scenario of
 * each kind of pool.
 */
export function runWatchedFailovers(): void {
  for (const [isLogged, isFar] of [[false, false], [true, false], [false, true]] as const) {
    const [scenario] = scenariosOf(isLogged, isFar);
    const name = `watched, ${isFar ? "far" : isLogged ? "logged" : "in memory"}`;
    defineFailovers([{ ...scenario!, name, isWatched: true }], isFar, WATCHED_STRIDE);
    defineWakeUp(scenario!, name);
  }
  test.run();
}

/**
 * Defines the test of cells that get other owners in the middle of a step: what was issued applies
 * in its order.
 */
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

/** Defines the test of a watcher that is woken by the step that changes a key. */
function defineWakeUp({ options, before }: Scenario, name: string): void {
  test(`${name}: a watcher is woken by the step that changes a key`, () => {
    const world = new SimFailover(options);
    world.issue(before);
    world.drainVictim();
    // In a far pool: before the change is merged, too.
    if (options.isFar) { while (world.merge() > 0); }
    world.watch();
    world.issue([{ kind: "put", key: 0, bytes: 40 }]);
    assert.not.ok(world.isWatcherWoken);
    world.victim.doWork();
    assert.ok(world.isWatcherWoken);
    world.drainVictim();
    world.failOver();
    world.finish();
  });
}

/** Each `factor`-th of the accesses that are tried otherwise. */
function defineFailovers(scenarios: readonly Scenario[], isFar: boolean, factor = 1): void {
  const [first, strideOfAll] = accessesTried(isFar);
  const stride = STRIDE_GIVEN === undefined ? factor * strideOfAll : strideOfAll;
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
