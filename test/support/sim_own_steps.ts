/**
 * What a thread makes itself in the place of the first KN, with something happening at any access
 * of it.
 *
 * @module
 */
import { clientExecutor } from "../../lib/agent/executor.ts";
import { AGENT_EXECUTOR } from "../../lib/pool/control_layout.ts";
import { SHARE_COUNT, SHARE_FIRST } from "./campaign.ts";
import { SEED } from "./random.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { type FailoverOptions, type ScriptStep, SimFailover } from "./sim_failover.ts";

/** What is done, each of the first ones until it has ended. */
export interface OwnSteps {
  readonly options: FailoverOptions;
  readonly before: readonly ScriptStep[];
  readonly script: readonly ScriptStep[];
  /** Of the accesses of this process, one in so many is tried. @default 1 */
  readonly factor?: number;
}

/** How often something happened, and how much was made at once where nothing did. */
export interface OwnTries {
  readonly tries: number;
  readonly atOnceMax: number;
}

/**
 * Lets something happen at access number `at` of the steps that the client's thread makes for the
 * first KN; whether there is one.
 */
function happensAt(world: SimFailover, steps: OwnSteps, at: number, event: () => void): boolean {
  const { control } = world.pool;
  const executorAt = world.pool.agentAt(0) + AGENT_EXECUTOR;
  for (const step of steps.before) {
    world.issue([step]);
    world.drainVictim();
  }
  let count = 0;
  const onAccess = () => {
    if (control[executorAt] === clientExecutor(0) && count++ === at) event();
  };
  withAtomicHooks({ onAccess }, () => world.issue(steps.script));
  return count > at;
}

/** Tries an event at each access; `end` is called then. */
export function tryAll(
  steps: OwnSteps,
  event: (world: SimFailover) => void,
  end: (world: SimFailover) => void,
): OwnTries {
  let atOnceMax = 0;
  let tries = 0;
  const factor = steps.factor ?? 1;
  const stride = SHARE_COUNT * factor;
  for (let at = SHARE_FIRST + SHARE_COUNT * (SEED % factor);; at += stride) {
    const world = new SimFailover(steps.options);
    tries += 1;
    const hasHappened = happensAt(world, steps, at, () => event(world));
    atOnceMax = Math.max(atOnceMax, world.atOnceCount);
    if (!hasHappened) return { tries: tries * stride, atOnceMax };
    try {
      end(world);
    } catch (error) {
      throw new Error(`at access ${at}: ${(error as Error).stack}`);
    }
  }
}

/** What may happen, by name, and how it ends. */
export const OWN_EVENTS = {
  "a thread throws, and lives on": {
    event: (): void => {
      throw new Error("the thread throws");
    },
    end: (world: SimFailover): void => {
      world.die();
      world.failOver();
      world.finish();
    },
  },
  "a thread is taken for dead, and throws": {
    event: (world: SimFailover): void => {
      world.retireVictim();
      throw new Error("the thread throws");
    },
    end: (world: SimFailover): void => {
      world.die();
      world.turn();
      world.finish();
    },
  },
  "a thread is taken for dead, and goes on": {
    event: (world: SimFailover): void => world.retireVictim(),
    end: (world: SimFailover): void => {
      world.turn();
      world.finish();
    },
  },
} as const;
