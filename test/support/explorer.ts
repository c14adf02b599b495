/**
 * Explores the interleavings of a simulated world: all within its bounds, or random ones.
 *
 * A state machine of objects cannot be copied, so a state is made again by the steps that led to
 * it. One that has been seen before, by its name, is not gone on from.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CAMPAIGN_FACTOR, runtimeShare, SHARE_COUNT } from "./campaign.ts";
import { Random, seeded } from "./random.ts";

/** What is explored. */
export interface ExploredWorld {
  /** A name that no other state has which can go on in another way, or has ended otherwise. */
  readonly state: string;
  /** What can happen next. */
  steps(): string[];
  /**
   * Does one of the steps, and what follows from it alone.
   *
   * @throws {Error} what is wrong in the state that it leads to
   */
  step(step: string): void | Promise<void>;
  /** Looks at a state from which nothing can happen. @throws {Error} what is wrong there */
  checkEnd(): void;
}

/** Whether all cases are tried, and the wide ones in as many states as there is time for. */
const IS_CAMPAIGN = SHARE_COUNT === 1 && CAMPAIGN_FACTOR > 0;
/** Whether each run is to do the same, whatever its seed: see planted_copy.ts. */
const IS_ALWAYS_ALIKE = CAMPAIGN_FACTOR === 0;

/** Which worlds {@linkcode defineExploredTests} explores. */
export interface ExploredCases<Bounds> {
  readonly make: (bounds: Bounds) => ExploredWorld;
  /** What must hold, as the names of the tests say it. */
  readonly what: string;
  /** Cases of which every interleaving is tried, under what their tests are to be called. */
  readonly small: Readonly<Record<string, readonly Bounds[]>>;
  /** Cases that are too much for that, and how many states of each a run tries. */
  readonly wide: readonly Bounds[];
  readonly wideStates: { readonly run: number; readonly campaign: number };
  /** A case of which random interleavings are tried, and how many. */
  readonly large: Bounds;
  readonly largeCount: number;
}

/**
 * Defines the tests of a world: every interleaving of the small cases that are its runtime's, a
 * part of the wide ones, and random ones of the large case. With DINOMO_CAMPAIGN=1 they try all of
 * the small ones, and of the wide ones as many states as there is time for; the number is printed.
 */
export function defineExploredTests<Bounds>(cases: ExploredCases<Bounds>): void {
  const { make, what, large } = cases;
  for (const [turn, [name, small]] of Object.entries(cases.small).entries()) {
    test(`${name}, in every interleaving`, async () => {
      for (const bounds of runtimeShare(small, turn)) {
        const found = await explore(() => make(bounds));
        if (IS_CAMPAIGN) console.log(describe(found));
        assert.ok(found.isWhole && found.ends > 1);
      }
    });
  }
  test(`${what}, in interleavings of more steps`, async () => {
    const { run, campaign } = cases.wideStates;
    const statesMax = IS_CAMPAIGN ? campaign * CAMPAIGN_FACTOR : run;
    const wide = SHARE_COUNT === 1 && IS_ALWAYS_ALIKE ? [] : runtimeShare(cases.wide);
    for (const [i, bounds] of wide.entries()) {
      const found = await explore(() => make(bounds), statesMax);
      if (IS_CAMPAIGN) console.log(`case ${i}: ${describe(found)}`);
      assert.ok(found.ends > 0);
    }
  });
  const inRandomOnes = seeded(async (random) => {
    const count = cases.largeCount * (IS_ALWAYS_ALIKE ? 1 : CAMPAIGN_FACTOR);
    await tryRandomly(() => make(large), IS_ALWAYS_ALIKE ? new Random(1) : random, count);
  });
  test(`${what}, in random interleavings of many steps`, inRandomOnes);
}

function describe({ states, ends, steps, isWhole }: Exploration): string {
  return `${states} states${isWhole ? ", all" : ""}, ${ends} ends, ${steps} steps`;
}

/** A step, and those before it. */
interface Trail {
  readonly step: string;
  readonly before: Trail | undefined;
}

/** What was explored. */
export interface Exploration {
  readonly states: number;
  readonly ends: number;
  readonly steps: number;
  /** Whether there was nothing left. */
  readonly isWhole: boolean;
}

/**
 * Explores every interleaving, up to a number of states.
 *
 * @throws {Error} what is wrong, with the steps that lead to it
 */
export async function explore(
  make: () => ExploredWorld,
  statesMax = Infinity,
): Promise<Exploration> {
  const known = new Set<number>();
  const open: (Trail | undefined)[] = [undefined];
  let ends = 0;
  let steps = 0;
  while (open.length > 0 && known.size < statesMax) {
    let trail = open.pop();
    const world = make();
    steps += await follow(world, trail);
    for (;;) {
      const name = sumOf(world.state);
      if (known.has(name)) break;
      known.add(name);
      const next = world.steps();
      if (next.length === 0) {
        ends += 1;
        checked(trail, world);
        break;
      }
      const before = trail;
      for (let i = 1; i < next.length; i++) open.push({ step: next[i]!, before });
      trail = { step: next[0]!, before };
      await tried(world, trail);
      steps += 1;
    }
  }
  return { states: known.size, ends, steps, isWhole: open.length === 0 };
}

/** Takes random steps to the end, so many times; see {@linkcode explore}. */
export async function tryRandomly(
  make: () => ExploredWorld,
  random: Random,
  count: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const world = make();
    let trail: Trail | undefined;
    for (let next = world.steps(); next.length > 0; next = world.steps()) {
      trail = { step: random.pick(next), before: trail };
      await tried(world, trail);
    }
    checked(trail, world);
  }
}

/** A short name of bytes. */
export function sumOf(bytes: Uint8Array | string): number {
  let low = 0x811c9dc5;
  let high = 0x1234567;
  for (let i = 0; i < bytes.length; i++) {
    const byte = typeof bytes === "string" ? bytes.charCodeAt(i) : bytes[i]!;
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x5bd1e995) + low;
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

async function follow(world: ExploredWorld, trail: Trail | undefined): Promise<number> {
  const steps = stepsOf(trail);
  for (const step of steps.slice(0, -1)) await world.step(step);
  if (trail !== undefined) await tried(world, trail);
  return steps.length;
}

async function tried(world: ExploredWorld, trail: Trail): Promise<void> {
  try {
    await world.step(trail.step);
  } catch (error) {
    throw wrong(trail, error);
  }
}

function checked(trail: Trail | undefined, world: ExploredWorld): void {
  try {
    world.checkEnd();
  } catch (error) {
    throw wrong(trail, error);
  }
}

function wrong(trail: Trail | undefined, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${message}\nafter: ${stepsOf(trail).join(", ")}`, { cause });
}

function stepsOf(trail: Trail | undefined): string[] {
  const steps: string[] = [];
  for (let at = trail; at !== undefined; at = at.before) steps.push(at.step);
  return steps.reverse();
}
