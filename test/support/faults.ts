/**
 * Orders for a KN that dies or stalls in the middle of a step: given by a test in shared memory, carried out by
 * workers/mortal_kn.ts at an atomic access that the test has chosen.
 *
 * The words are at the end of the KN's agent block, where the library has none.
 *
 * @module
 */
import { AGENT_BLOCK_WORDS, LINE_WORDS } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { activeNodes } from "../../lib/routing/node_directory.ts";
import type { StoreHandle } from "../../mod.ts";

/** What happens to a thread. */
export const Fault = {
  NONE: 0,
  /** It throws. */
  THROW: 1,
  /** It calls `process.exit`. */
  EXIT: 2,
  /** It makes no progress for some milliseconds, asleep, and then goes on as if nothing had happened. */
  STALL: 3,
  /** The same, busy. */
  LOOP: 4,
  /** It takes memory until it has no more. */
  MEMORY: 5,
} as const;

const WORDS_AT = AGENT_BLOCK_WORDS - LINE_WORDS;
const KIND = 0;
const COUNTDOWN = 1;
const DURATION_MS = 2;
const FIRED = 3;

/** The orders for the KNs of one store. */
export class FaultOrders {
  readonly #pool: Pool;

  /** Gives orders by a store's handle. */
  constructor(handle: StoreHandle) {
    this.#pool = Pool.attach(handle.pool);
  }

  /** The KNs that run. */
  get agents(): number[] {
    return activeNodes(this.#pool).map(({ agent }) => agent);
  }

  /** Orders a fault at so many atomic accesses from now, counted in steps only. */
  give(agent: number, kind: number, accesses: number, durationMs = 0): void {
    const at = this.#pool.agentAt(agent) + WORDS_AT;
    this.#pool.control[at + COUNTDOWN] = accesses;
    this.#pool.control[at + DURATION_MS] = durationMs;
    Atomics.store(this.#pool.control, at + KIND, kind);
  }

  /** Whether an order waits to be carried out. */
  isWaiting(agent: number): boolean {
    return Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + WORDS_AT + KIND) !== 0;
  }

  /** How many orders the holders of an agent block have carried out. */
  firedCount(agent: number): number {
    return Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + WORDS_AT + FIRED);
  }
}

/** Carries out the orders for one agent block; called before and after each atomic access of its thread. */
export class FaultTaker {
  readonly #control: Int32Array;
  readonly #at: number;
  readonly #store = Atomics.store;
  readonly #wait = Atomics.wait;
  readonly #add = Atomics.add;

  /** Takes the orders for an agent. */
  constructor(pool: Pool, agent: number) {
    this.#control = pool.control;
    this.#at = pool.agentAt(agent) + WORDS_AT;
  }

  /** Counts an access. */
  onAccess(exit: () => void): void {
    const control = this.#control;
    const at = this.#at;
    const kind = control[at + KIND];
    if (kind === Fault.NONE || --control[at + COUNTDOWN] > 0) return;
    this.#store(control, at + KIND, Fault.NONE);
    this.#add(control, at + FIRED, 1);
    if (kind === Fault.THROW) throw new Error("planted failure");
    if (kind === Fault.EXIT) return exit();
    if (kind === Fault.MEMORY) return exhaustMemory();
    const untilMs = performance.now() + control[at + DURATION_MS];
    const word = new Int32Array(new SharedArrayBuffer(4));
    while (performance.now() < untilMs) {
      if (kind === Fault.STALL) this.#wait(word, 0, 0, 10);
    }
  }
}

function exhaustMemory(): void {
  const hoard: number[][] = [];
  for (;;) hoard.push(new Array<number>(1 << 20).fill(hoard.length + 0.5));
}
