/**
 * The gate: lets a thread stop every agent between two steps, and know that they have stopped.
 *
 * An agent stores BUSY before it looks at PAUSED; the pauser stores PAUSED before it looks at the
 * agents' states. Both are sequentially consistent, so either the agent sees the pause and does not
 * start its step, or the pauser sees BUSY and waits until the step has ended. An agent that sleeps
 * need not wake up to be paused.
 *
 * **A pause is a lease**, since its holder may die, or stall until others take it for dead. PAUSED
 * names the holder, and has a number that no other pause has. It is taken by a compare-and-swap
 * from 0, so there is one pause at a time, and given back by one from the holder's own word. The
 * M-node may clear it ({@linkcode breakPause}); then agents go on, also in the middle of what the
 * holder does. When that holder comes back, its swap fails, even if the same agent has paused again
 * since, and it learns that what it has seen was not of one moment ({@linkcode PauseLostError}). So
 * nothing that a pause is for may take effect before the pause has been given back; I10 and the
 * checkpoints rely on that.
 *
 * **No agent waits for ever**: an agent that stalls in the middle of a step holds a pause up for a
 * bounded time, after which it fails; and the others do not wait all that time, because in between
 * the pause is given back for some time. (Also one that is fenced is waited for: what it has
 * changed is complete when its step has ended, not before.)
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import {
  AGENT_COUNT,
  AGENT_GATE_STATE,
  AGENT_READER,
  GATE_PAUSE_COUNT,
  GATE_PAUSED,
} from "./control_layout.ts";
import type { Pool } from "./pool.ts";

const IDLE = 0;
const BUSY = 1;

/** Word of a pool that no agent pauses. */
const NOBODY = 0;
/** A lease is (number of the pause << 8) | (agent + 1). */
const NUMBER_SHIFT = 8;
const HOLDER_MASK = (1 << NUMBER_SHIFT) - 1;

/**
 * How long a pause waits for steps to end before it lets all agents go on for a while: at first far
 * longer than a step in memory takes, then twice as long each time, since a step may wait for a
 * disk, and all of them must end in one round.
 */
const FIRST_ROUND_MS = 20;
const ROUND_MS_MAX = 160;
/** For how long all agents go on then. */
const ROUND_GAP_MS = 5;
/**
 * How long a pause may take to begin, unless told otherwise: longer than it takes until a KN that
 * stalls is replaced.
 */
const PAUSE_WAIT_MS_MAX = 2500;
/** How long to wait for the end of a pause before looking again. */
const PAUSED_WAIT_MS_MAX = 10;
/** Polls between two looks at the clock. */
const POLLS_PER_CLOCK = 64;
/**
 * How long a pause spins until it takes a step for one that waits, for a disk or for a processor
 * that the pause keeps busy, and how long it sleeps then between two looks.
 */
const SPIN_MS_MAX = 0.5;
const NAP_MS = 0.2;

/** The pause was taken away from its holder: what it has copied is not of one moment. */
export class PauseLostError extends Error {
  override readonly name: string = "PauseLostError";

  /** Makes the error of an agent. */
  constructor(agent: number) {
    super(
      `the pause of agent ${agent} was ended by another agent, because it seemed to have failed`,
    );
  }
}

/** The pool could not be paused in time: a step does not end, or another agent's pause does not. */
export class PauseTimeoutError extends Error {
  override readonly name: string = "PauseTimeoutError";

  /** Makes the error of an agent that has waited so long. */
  constructor(agent: number, waitMsMax: number) {
    super(`agent ${agent} could not pause the pool within ${waitMsMax} ms`);
  }
}

/** How a pause begins. */
export interface PauseOptions {
  /** How long it may take until all steps have ended, in milliseconds. @default 2500 */
  readonly waitMsMax?: number;
  /** A monotonic clock in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** One agent's side of the gate. */
export class Gate {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #state: number;

  /** The gate of one agent. */
  constructor(pool: Pool, agent: number) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#state = pool.agentAt(agent) + AGENT_GATE_STATE;
  }

  /** Whether the pool is not paused. */
  get isOpen(): boolean {
    return Atomics.load(this.#control, GATE_PAUSED) === NOBODY;
  }

  /** Starts a step; false when the pool is paused, and then the step must not be made. */
  enter(): boolean {
    Atomics.store(this.#control, this.#state, BUSY);
    if (Atomics.load(this.#control, GATE_PAUSED) === 0) return true;
    Atomics.store(this.#control, this.#state, IDLE);
    return false;
  }

  /**
   * Starts a step as soon as the pool is not paused. A pause does not last for ever, see {@linkcode
   * PauseWatch}.
   */
  enterAfterPause(): void {
    while (!this.enter()) waitWhilePaused(this.#pool, PAUSED_WAIT_MS_MAX);
  }

  /** Ends a step, and does what is left to do afterwards. */
  leave(): void {
    this.open();
    this.finish();
  }

  /** Ends a step. Publishes everything done in it to the agent that pauses the pool. */
  open(): void {
    Atomics.store(this.#control, this.#state, IDLE);
  }

  /**
   * Does what is left to do after a step, when the agent has let go of all that others wait for.
   */
  finish(): void {
    const { afterStep } = this.#pool;
    if (afterStep !== undefined) afterStep();
  }
}

/** Waits a bounded time for the end of a pause. */
export function waitWhilePaused(pool: Pool, timeoutMs: number): void {
  const lease = Atomics.load(pool.control, GATE_PAUSED);
  if (lease !== NOBODY) Atomics.wait(pool.control, GATE_PAUSED, lease, timeoutMs);
}

/**
 * Runs `step` while no agent is inside one of its own.
 *
 * @param agent the agent that pauses; it must not be inside a step
 * @throws {PauseTimeoutError} when the steps in progress, or another agent's pause, do not end in
 *   time
 * @throws {PauseLostError} when the M-node has ended the pause meanwhile: what `step` has done must
 *   be discarded
 */
export function whilePaused<Result>(
  pool: Pool,
  agent: number,
  step: () => Result,
  options: PauseOptions = {},
): Result {
  const { waitMsMax = PAUSE_WAIT_MS_MAX, now = monotonicMs } = options;
  const lease = pause(pool, agent, waitMsMax, now);
  let isHeld = true;
  let result: Result;
  try {
    result = step();
  } finally {
    isHeld = giveBack(pool.control, lease);
  }
  if (!isHeld) throw new PauseLostError(agent);
  return result;
}

/**
 * Ends pauses that last too long: their holders have stalled, and all other agents wait for them.
 */
export class PauseWatch {
  readonly #pool: Pool;
  readonly #lastsMsMax: number;
  #lease = NOBODY;
  #sinceMs = 0;

  /** Watches a pool, in which a pause may last so long. */
  constructor(pool: Pool, lastsMsMax: number) {
    this.#pool = pool;
    this.#lastsMsMax = lastsMsMax;
  }

  /**
   * Looks at the pause that there is, if there is one; to be called regularly. Returns whether it
   * was ended.
   */
  look(nowMs: number): boolean {
    const lease = Atomics.load(this.#pool.control, GATE_PAUSED);
    if (lease !== this.#lease) {
      this.#lease = lease;
      this.#sinceMs = nowMs;
    }
    if (lease === NOBODY || nowMs - this.#sinceMs < this.#lastsMsMax) return false;
    return breakPause(this.#pool, (lease & HOLDER_MASK) - 1);
  }
}

/**
 * Ends the pause of an agent that is dead or fenced, if it has one; returns whether it had.
 *
 * If it lives, it learns that when it gives the pause back.
 */
export function breakPause(pool: Pool, agent: number): boolean {
  const lease = Atomics.load(pool.control, GATE_PAUSED);
  return (lease & HOLDER_MASK) === agent + 1 && giveBack(pool.control, lease);
}

/** Takes the lease, and waits until all steps have ended; returns the lease. */
function pause(pool: Pool, agent: number, waitMsMax: number, now: () => number): number {
  const { control } = pool;
  const deadlineMs = now() + waitMsMax;
  let roundMs = FIRST_ROUND_MS;
  for (;;) {
    const lease = (Atomics.add(control, GATE_PAUSE_COUNT, 1) << NUMBER_SHIFT) | (agent + 1);
    if (Atomics.compareExchange(control, GATE_PAUSED, NOBODY, lease) === NOBODY) {
      const haveEnded = stepsEnd(pool, Math.min(deadlineMs, now() + roundMs), now);
      if (haveEnded && Atomics.load(control, GATE_PAUSED) === lease) return lease;
      if (!giveBack(control, lease)) throw new PauseLostError(agent);
      sleepSync(ROUND_GAP_MS);
      roundMs = Math.min(ROUND_MS_MAX, 2 * roundMs);
    } else waitWhilePaused(pool, ROUND_GAP_MS);
    if (now() >= deadlineMs) throw new PauseTimeoutError(agent, waitMsMax);
  }
}

/**
 * Waits until no agent is inside a step that began before the pause; false when the time is up.
 */
function stepsEnd(pool: Pool, endMs: number, now: () => number): boolean {
  const napsFromMs = now() + SPIN_MS_MAX;
  for (let agent = 0; agent < AGENT_COUNT; agent++) {
    for (let poll = 1; isInStep(pool, agent); poll++) {
      if (poll % POLLS_PER_CLOCK !== 0) continue;
      const nowMs = now();
      if (nowMs >= endMs) return false;
      if (nowMs >= napsFromMs) sleepSync(NAP_MS);
    }
  }
  return true;
}

function isInStep(pool: Pool, agent: number): boolean {
  const { control } = pool;
  const agentAt = pool.agentAt(agent);
  return Atomics.load(control, agentAt + AGENT_GATE_STATE) === BUSY;
}

/** Clears the lease unless that has been done; returns whether it was still there. */
function giveBack(control: Int32Array, lease: number): boolean {
  const isHeld = Atomics.compareExchange(control, GATE_PAUSED, lease, NOBODY) === lease;
  if (isHeld) Atomics.notify(control, GATE_PAUSED);
  return isHeld;
}

assert(AGENT_READER < HOLDER_MASK, "a lease can name every agent");
