/**
 * What a thread does that has run dry: spin for a bounded time, then sleep.
 *
 * Waking a sleeping thread costs 60 to 80 microseconds, a spinning one answers in less than one, so
 * spinning pays while requests come quickly. It must not take a processor away from the thread that
 * would send the next request:
 *
 * - A KN spins only if a processor is left for each client that has sent it requests of late, and
 *   for one at least, beside all that spin already. Those are a set, not a count, so that one that
 *   dies while it spins can be taken out: see {@linkcode forgetSpinner}.
 * - How long it spins follows what has paid: the time doubles whenever a sleep turned out to be
 *   short, and returns to its minimum after a long one. So a client that prepares large batches
 *   does not pay for a wake-up with each.
 * - A spinner that finds itself interrupted for longer than {@linkcode PREEMPTION_MS} was
 *   descheduled. When that happens several times without anything to show for it, processors are
 *   short whatever their number says, and it stops spinning for a while, twice as long each time.
 *
 * @module
 */
import {
  AGENT_SLEEPING,
  GATE_PROCESSOR_COUNT,
  SPINNERS,
  SPINNERS_WORDS,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";

/**
 * Polls between two looks at the clock, which costs as much as several polls. There is no
 * `Atomics.pause` between them: in a virtual machine many of them in a row make the hypervisor take
 * the processor away (pause-loop exiting); with them putSync took 20 to 100 microseconds on a busy
 * machine, without them 2.
 */
const POLLS_PER_CLOCK = 64;
/** A gap between two looks at the clock that only a descheduled thread sees. */
const PREEMPTION_MS = 1;
/**
 * Preemptions in a row, without a success between them, after which spinning is given up for a
 * while.
 */
const PREEMPTIONS_MAX = 3;
/** For how long spinning stays off then: at first, and at most. */
const BACKOFF_MS_MIN = 5;
const BACKOFF_MS_MAX = 40;

/** A sleep shorter than this would better have been spent spinning. */
const SHORT_SLEEP_MS = 0.5;
/** How much longer than asked for a thread may spin after short sleeps. */
const SPIN_GROWTH_MAX = 8;

/** Decides whether a thread may spin, and spins. One per thread. */
export class Spinner {
  readonly #control: Int32Array;
  /** The word and the bit of a KN among the spinners; no bit for a client. */
  readonly #word: number;
  readonly #bit: number;
  readonly #spinMs: number;
  readonly #now: () => number;
  readonly #busyClients: (nowMs: number) => number;
  #growth = 1;
  #preemptionCount = 0;
  #backoffMs = BACKOFF_MS_MIN;
  #offUntilMs = 0;

  /**
   * Makes a spinner.
   *
   * @param role the agent of a KN, which waits for requests that may not come and is counted; a
   *   client waits for a KN that is at work
   * @param spinMicros how long to spin at most; 0 never spins
   * @param now a monotonic clock in milliseconds
   * @param busyClients how many clients have sent requests of late
   */
  constructor(
    pool: Pool,
    role: number | "client",
    spinMicros: number,
    now: () => number,
    busyClients: (nowMs: number) => number = () => 0,
  ) {
    this.#control = pool.control;
    this.#word = role === "client" ? SPINNERS : spinnerWord(role);
    this.#bit = role === "client" ? 0 : spinnerBit(role);
    this.#spinMs = spinMicros / 1000;
    this.#now = now;
    this.#busyClients = busyClients;
  }

  /** Polls `isReady` until it is true or the time is up; returns what it said last. */
  spin(isReady: () => boolean): boolean {
    if (isReady()) return true;
    if (this.#spinMs === 0) return false;
    const startMs = this.#now();
    if (startMs < this.#offUntilMs || !this.#begin(startMs)) return false;
    const ready = this.#poll(isReady, startMs);
    if (this.#bit !== 0) Atomics.and(this.#control, this.#word, ~this.#bit);
    if (ready) {
      this.#backoffMs = BACKOFF_MS_MIN;
      this.#preemptionCount = 0;
    }
    return ready;
  }

  /** Learns from how long the thread slept after it had spun in vain. */
  learn(sleptMs: number): void {
    this.#growth = sleptMs < SHORT_SLEEP_MS ? Math.min(SPIN_GROWTH_MAX, this.#growth * 2) : 1;
  }

  /** Takes a place among the spinners, if processors are left for those that are waited for. */
  #begin(nowMs: number): boolean {
    const processorCount = Atomics.load(this.#control, GATE_PROCESSOR_COUNT);
    if (this.#bit === 0) return processorCount > 1;
    // Joins before it counts: of several that come at once, at most too many give up.
    Atomics.or(this.#control, this.#word, this.#bit);
    const wanted = Math.max(1, this.#busyClients(nowMs));
    if (spinnerCount(this.#control) + wanted <= processorCount) return true;
    Atomics.and(this.#control, this.#word, ~this.#bit);
    return false;
  }

  #poll(isReady: () => boolean, startMs: number): boolean {
    let lastMs = startMs;
    for (;;) {
      for (let i = 0; i < POLLS_PER_CLOCK; i++) {
        if (isReady()) return true;
      }
      const nowMs = this.#now();
      if (nowMs - lastMs > PREEMPTION_MS) {
        this.#preemptionCount += 1;
        if (this.#preemptionCount < PREEMPTIONS_MAX) return false;
        this.#offUntilMs = nowMs + this.#backoffMs;
        this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2);
        return false;
      }
      if (nowMs - startMs >= this.#spinMs * this.#growth) return false;
      lastMs = nowMs;
    }
  }
}

/** Takes a KN that has died out of the set of those that spin. */
export function forgetSpinner(pool: Pool, agent: number): void {
  Atomics.and(pool.control, spinnerWord(agent), ~spinnerBit(agent));
}

/** How many KNs spin. */
export function spinnerCount(control: Int32Array): number {
  let count = 0;
  for (let word = 0; word < SPINNERS_WORDS; word++) {
    // One look at most words: they are empty, or have one bit.
    for (let bits = Atomics.load(control, SPINNERS + word); bits !== 0; bits &= bits - 1) {
      count += 1;
    }
  }
  return count;
}

function spinnerWord(agent: number): number {
  return SPINNERS + (agent >>> 5);
}

function spinnerBit(agent: number): number {
  return 1 << (agent & 31);
}

/**
 * Sleeps until a client or the M-node calls {@linkcode wake}, or the time is up.
 *
 * The agent publishes that it sleeps **before** it looks once more for work; the thread that brings
 * work publishes it before looking whether the agent sleeps. One of them sees the other, so no
 * wake-up is lost.
 *
 * @returns whether the thread slept
 */
export function sleepUnless(
  control: Int32Array,
  agentAt: number,
  hasWork: () => boolean,
  timeoutMs: number,
): boolean {
  const word = agentAt + AGENT_SLEEPING;
  Atomics.store(control, word, 1);
  const sleeps = !hasWork();
  if (sleeps) Atomics.wait(control, word, 1, timeoutMs);
  Atomics.store(control, word, 0);
  return sleeps;
}

/** Whether an agent sleeps, or is about to. */
export function isAsleep(control: Int32Array, agentAt: number): boolean {
  return Atomics.load(control, agentAt + AGENT_SLEEPING) !== 0;
}

/** Wakes an agent if it sleeps. One load if it does not. */
export function wake(control: Int32Array, agentAt: number): void {
  const word = agentAt + AGENT_SLEEPING;
  if (Atomics.load(control, word) !== 0 && Atomics.exchange(control, word, 0) !== 0) {
    Atomics.notify(control, word);
  }
}
