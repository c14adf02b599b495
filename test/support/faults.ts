/**
 * Orders for a KN that dies or stalls in the middle of a step: given by a test in shared memory,
 * carried out by workers/mortal_kn.ts at an atomic access that the test has chosen.
 *
 * The words are at the end of the KN's agent block, where the library has none.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { exitForGood } from "../../scripts/exit_for_good.ts";
import { NO_ADDRESS, type Slot } from "../../lib/core/brands.ts";
import { NODE_COUNT_MAX } from "../../lib/core/limits.ts";
import { Executor } from "../../lib/agent/executor.ts";
import { LINE_WORDS } from "../../lib/pool/lines.ts";
import {
  AGENT_BLOCK_WORDS,
  AGENT_COMMIT_FIRST,
  AGENT_EXECUTOR,
  SLOT_LOCK,
} from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { holderOf } from "../../lib/routing/ownership.ts";
import { activeNodes } from "../../lib/routing/node_directory.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import type { StoreHandle } from "../../mod.ts";

/** What happens to a thread. */
export const Fault = {
  NONE: 0,
  /** It throws. */
  THROW: 1,
  /** It calls `process.exit`. */
  EXIT: 2,
  /**
   * It makes no progress for some milliseconds, asleep, and then goes on as if nothing had
   * happened.
   */
  STALL: 3,
  /** The same, busy. */
  LOOP: 4,
  /** It takes memory until it has no more. */
  MEMORY: 5,
  /**
   * It makes no progress until {@linkcode Hang.end}, in a call of the operating system: no runtime
   * can end it before.
   */
  HANG: 6,
} as const;

const WORDS_AT = AGENT_BLOCK_WORDS - LINE_WORDS;
const KIND = 0;
const COUNTDOWN = 1;
const DURATION_MS = 2;
/** Orders carried out, and what the last of them was. */
const FIRED = 3;
const FIRED_KIND = 4;
const FIRED_NODE = 5;
const FIRED_AT_MS = 6;
/** Stalls that have ended by themselves after their KN had been given up. */
const WOKEN = 7;
/**
 * Slot that has to be locked for the agent when the order is carried out, plus 1; 0 if it does not
 * matter.
 */
const SLOT = 8;
/** Orders that were carried out in the middle of an atomic commit. */
const COMMITS_HIT = 9;

/** Milliseconds of the wall clock, in as many bits as a word has; the same on all threads. */
export function wallClockMs(): number {
  return Date.now() & 0x7fffffff;
}

/** In the place of a slot: whatever the slot, in the middle of an atomic commit. */
export const IN_COMMIT = -2;

/** Whether an agent makes an atomic commit, or has left one behind. */
export function hasCommit(pool: Pool, agent: number): boolean {
  // Plain, since the accesses of the library are what is counted.
  return pool.control[pool.agentAt(agent) + AGENT_COMMIT_FIRST] !== NO_ADDRESS;
}

/** A fault that was carried out. */
export interface FiredFault {
  readonly kind: number;
  /** Identity of the KN. */
  readonly node: number;
  /** See {@linkcode wallClockMs}. */
  readonly atMs: number;
}

/** The orders for the KNs of one store. */
export class FaultOrders {
  readonly #pool: Pool;

  /** Gives orders by a store's handle. */
  constructor(handle: StoreHandle) {
    this.#pool = Pool.attach(checkHandle(handle).pool);
  }

  /** The KNs that run. */
  get agents(): number[] {
    return activeNodes(this.#pool).map(({ agent }) => agent);
  }

  /** All agent blocks that KNs may have. */
  get allAgents(): number[] {
    return Array.from({ length: NODE_COUNT_MAX }, (_, agent) => agent);
  }

  /**
   * Orders a fault at so many atomic accesses from now, counted in steps only; with a slot, only
   * those are counted at which the agent has it locked, with {@linkcode IN_COMMIT} those in atomic
   * commits.
   */
  give(
    agent: number,
    kind: number,
    accesses: number,
    durationMs = 0,
    slot: Slot | -1 | typeof IN_COMMIT = -1,
  ): void {
    const at = this.#pool.agentAt(agent) + WORDS_AT;
    this.#pool.control[at + COUNTDOWN] = accesses;
    this.#pool.control[at + DURATION_MS] = durationMs;
    this.#pool.control[at + SLOT] = slot + 1;
    Atomics.store(this.#pool.control, at + KIND, kind);
  }

  /** Whether an order waits to be carried out. */
  isWaiting(agent: number): boolean {
    return Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + WORDS_AT + KIND) !== 0;
  }

  /** Whether an order waits for an atomic commit, which may not come. */
  waitsForCommit(agent: number): boolean {
    const at = this.#pool.agentAt(agent) + WORDS_AT;
    return this.isWaiting(agent) && this.#pool.control[at + SLOT] === IN_COMMIT + 1;
  }

  /** How many orders have hit the holders of an agent block in the middle of an atomic commit. */
  commitsHit(agent: number): number {
    return Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + WORDS_AT + COMMITS_HIT);
  }

  /** How many orders the holders of an agent block have carried out. */
  firedCount(agent: number): number {
    return Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + WORDS_AT + FIRED);
  }

  /** The last order that the holders of an agent block have carried out. */
  lastFired(agent: number): FiredFault {
    const { control } = this.#pool;
    const at = this.#pool.agentAt(agent) + WORDS_AT;
    return {
      kind: control[at + FIRED_KIND],
      node: control[at + FIRED_NODE],
      atMs: control[at + FIRED_AT_MS],
    };
  }

  /**
   * How many threads have gone on, after a stall, in the middle of a step of a KN that had been
   * given up.
   */
  wokenCount(): number {
    let count = 0;
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      count += Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + WORDS_AT + WOKEN);
    }
    return count;
  }
}

/**
 * Carries out the orders for one agent block; called before and after each atomic access of its
 * thread.
 */
export class FaultTaker {
  readonly #pool: Pool;
  readonly #agent: number;
  readonly #control: Int32Array;
  readonly #at: number;
  readonly #executorAt: number;
  readonly #node: number;
  readonly #store = Atomics.store;
  readonly #wait = Atomics.wait;
  readonly #add = Atomics.add;

  /** Takes the orders for an agent, as the KN with an identity. */
  constructor(pool: Pool, agent: number, node: number) {
    this.#pool = pool;
    this.#agent = agent;
    this.#control = pool.control;
    this.#at = pool.agentAt(agent) + WORDS_AT;
    this.#executorAt = pool.agentAt(agent) + AGENT_EXECUTOR;
    this.#node = node;
  }

  /** Counts an access. */
  onAccess(exit: () => void): void {
    const control = this.#control;
    const at = this.#at;
    const kind = control[at + KIND];
    if (kind === Fault.NONE) return;
    const slot = control[at + SLOT];
    if (slot === IN_COMMIT + 1) {
      if (!hasCommit(this.#pool, this.#agent)) return;
    } else if (slot !== 0) {
      const word = control[this.#pool.slotAt((slot - 1) as Slot) + SLOT_LOCK];
      if (holderOf(word) !== this.#agent) return;
    }
    if (--control[at + COUNTDOWN] > 0) return;
    this.#store(control, at + KIND, Fault.NONE);
    control[at + FIRED_KIND] = kind;
    control[at + FIRED_NODE] = this.#node;
    control[at + FIRED_AT_MS] = wallClockMs();
    if (hasCommit(this.#pool, this.#agent)) this.#add(control, at + COMMITS_HIT, 1);
    this.#add(control, at + FIRED, 1);
    if (kind === Fault.THROW) throw new Error("planted failure");
    if (kind === Fault.EXIT) return exitForGood(exit);
    if (kind === Fault.MEMORY) return exhaustMemory();
    if (kind === Fault.HANG) hang(control[at + DURATION_MS]);
    const untilMs = performance.now() + (kind === Fault.HANG ? 0 : control[at + DURATION_MS]);
    const word = new Int32Array(new SharedArrayBuffer(4));
    while (performance.now() < untilMs) {
      if (kind === Fault.STALL) this.#wait(word, 0, 0, 10);
    }
    if (control[this.#executorAt] < Executor.ABANDONED) this.#add(control, at + WOKEN, 1);
  }
}

/**
 * What a thread hangs in that carries out {@linkcode Fault.HANG}: it waits for a file to go away.
 */
export class Hang {
  static #count = 0;
  /** What to order as the duration. */
  readonly id: number = ++Hang.#count;

  /** Prepares for it. */
  constructor() {
    writeFileSync(hangFile(this.id), "");
  }

  /** Lets the thread go on. */
  end(): void {
    rmSync(hangFile(this.id), { force: true });
  }
}

function hangFile(id: number): string {
  return join(tmpdir(), `dinomo-hang-${process.pid}-${id}`);
}

function hang(id: number): void {
  // Not for longer than this process lives.
  const script = 'while [ -e "$1" ] && kill -0 "$2"; do sleep 0.2; done';
  spawnSync("sh", ["-c", script, "sh", hangFile(id), `${process.pid}`]);
}

function exhaustMemory(): void {
  const hoard: number[][] = [];
  for (;;) hoard.push(new Array<number>(1 << 20).fill(hoard.length + 0.5));
}
