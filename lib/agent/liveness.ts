/**
 * Whether the thread that acts for an agent lives, as words of the pool tell: so that the M-node
 * sees it while the host's thread blocks, too, when no event of a worker reaches it.
 *
 * @module
 */
import { hasThreadEnded, thisThread, type ThreadIdentity } from "../platform/thread_identity.ts";
import { AGENT_LIFE_STATE, AGENT_THREAD, AGENT_THREAD_START } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** Life of the thread that acts for an agent, in AGENT_LIFE_STATE. */
export const LifeState = {
  /** No thread uses the block. */
  NONE: 0,
  STARTING: 1,
  RUNNING: 2,
  STOPPED: 3,
  /** It has thrown. */
  FAILED: 4,
  /** It has thrown before it was ready: it has not done anything for the agent. */
  NOT_STARTED: 5,
} as const;

/** The calling thread, once it was asked for. */
let self: ThreadIdentity | undefined;

/** One of {@linkcode LifeState}. */
export function lifeState({ control }: Pool, agentAt: number): number {
  return Atomics.load(control, agentAt + AGENT_LIFE_STATE);
}

/** Says how the thread of an agent is. */
export function setLifeState({ control }: Pool, agentAt: number, state: number): void {
  Atomics.store(control, agentAt + AGENT_LIFE_STATE, state);
  Atomics.notify(control, agentAt + AGENT_LIFE_STATE);
}

/** Says that the calling thread acts for an agent. */
export function noteThread({ control }: Pool, agentAt: number): void {
  self ??= thisThread();
  control[agentAt + AGENT_THREAD] = self.number;
  control[agentAt + AGENT_THREAD_START] = self.startTicks;
}

/** The thread that acts for an agent, or did. */
export function threadOf({ control }: Pool, agentAt: number): ThreadIdentity {
  return {
    number: control[agentAt + AGENT_THREAD],
    startTicks: control[agentAt + AGENT_THREAD_START],
  };
}

/**
 * Does something for an agent that has no thread of its own. If it throws, or the thread ends,
 * {@linkcode hasDied} says so.
 */
export function actFor<Result>(pool: Pool, agent: number, act: () => Result): Result {
  const agentAt = pool.agentAt(agent);
  noteThread(pool, agentAt);
  setLifeState(pool, agentAt, LifeState.RUNNING);
  let state: number = LifeState.FAILED;
  try {
    const result = act();
    state = LifeState.NONE;
    return result;
  } finally {
    setLifeState(pool, agentAt, state);
  }
}

/**
 * Whether the thread that acted for an agent by {@linkcode actFor} has thrown, or is known to have
 * ended; until it is forgotten.
 */
export function hasDied(pool: Pool, agent: number): boolean {
  const agentAt = pool.agentAt(agent);
  const state = lifeState(pool, agentAt);
  return state === LifeState.FAILED ||
    (state === LifeState.RUNNING && hasThreadEnded(threadOf(pool, agentAt)));
}

/** Forgets that; before another thread begins to act for the agent. */
export function forgetDeath(pool: Pool, agent: number): void {
  setLifeState(pool, pool.agentAt(agent), LifeState.NONE);
}
