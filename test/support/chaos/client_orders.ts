/**
 * Orders for a client's thread: to stop, or to die or stall at an atomic access that the director
 * has chosen.
 *
 * A thread that executes requests in the place of a KN when that happens leaves the KN in the
 * middle of a step.
 *
 * @module
 */
import { NODE_COUNT_MAX } from "../../../lib/core/limits.ts";
import { thisThread } from "../../../lib/platform/thread_identity.ts";
import { clientExecutor, Executor } from "../../../lib/agent/executor.ts";
import { AGENT_EXECUTOR } from "../../../lib/pool/control_layout.ts";
import type { Pool } from "../../../lib/pool/pool.ts";
import { ClientState, clientState, clientThread } from "../../../lib/routing/client_registry.ts";
import { nodeOfAgent } from "../../../lib/routing/node_directory.ts";
import { exitForGood } from "../../../scripts/exit_for_good.ts";
import { type FiredFault, hasCommit, wallClockMs } from "../faults.ts";

/** What happens to a client's thread. */
export const ClientFault = {
  NONE: 0,
  /** It calls `process.exit`, at any access. */
  EXIT: 1,
  /** The same while it executes for a KN. */
  EXIT_HELPING: 2,
  /** It throws while it executes for a KN; the thread goes on. */
  THROW_HELPING: 3,
  /** It sleeps for some milliseconds while it executes for a KN, and then goes on. */
  STALL_HELPING: 4,
  /** It throws between two operations, and ends. */
  THROW: 5,
  /** It calls `process.exit` in the middle of an atomic commit that it executes for a KN. */
  EXIT_COMMITTING: 6,
} as const;

/** What a client's thread is doing, in the word STATE. */
export const ClientPhase = { STARTING: 0, RUNNING: 1, LEFT: 2, FAILED: 3 } as const;

const PHASE = 0;
const STOP = 1;
const KIND = 2;
const COUNTDOWN = 3;
const DURATION_MS = 4;
const FIRED = 5;
const FIRED_KIND = 6;
const FIRED_NODE = 7;
const FIRED_AT_MS = 8;
const WOKEN = 9;
const HAS_HIT_COMMIT = 10;
const WORDS = 16;
const NO_KN = -1;

/** The words of one client's thread; structured-cloneable. */
export type ClientWords = Int32Array;

/** Makes the words of a thread that has not been started. */
export function makeClientWords(): ClientWords {
  return new Int32Array(new SharedArrayBuffer(WORDS * 4));
}

/** The director's view of the words. */
export class ClientOrders {
  readonly #words: ClientWords;

  /** Gives orders by a thread's words. */
  constructor(words: ClientWords) {
    this.#words = words;
  }

  /** One of {@linkcode ClientPhase}. */
  get phase(): number {
    return Atomics.load(this.#words, PHASE);
  }

  /** Whether an order waits to be carried out. */
  get isWaiting(): boolean {
    return Atomics.load(this.#words, KIND) !== ClientFault.NONE;
  }

  /** How many orders were carried out. */
  get firedCount(): number {
    return Atomics.load(this.#words, FIRED);
  }

  /**
   * How many stalls have ended in the middle of a step of a KN that had been given up meanwhile.
   */
  get wokenCount(): number {
    return Atomics.load(this.#words, WOKEN);
  }

  /** The last order that was carried out; its KN is -1 if it executed for none. */
  get lastFired(): FiredFault {
    const words = this.#words;
    return { kind: words[FIRED_KIND], node: words[FIRED_NODE], atMs: words[FIRED_AT_MS] };
  }

  /** Whether the last order that was carried out has hit an atomic commit. */
  get hasHitCommit(): boolean {
    return this.#words[HAS_HIT_COMMIT] !== 0;
  }

  /** Asks the thread to end its operations and to detach; an order that waits is taken back. */
  stop(): void {
    Atomics.store(this.#words, KIND, ClientFault.NONE);
    Atomics.store(this.#words, STOP, 1);
  }

  /** Orders a fault at so many accesses from now, of those that count for its kind. */
  give(kind: number, accesses: number, durationMs: number): void {
    this.#words[COUNTDOWN] = accesses;
    this.#words[DURATION_MS] = durationMs;
    Atomics.store(this.#words, KIND, kind);
  }
}

/** The thread's view of the words. */
export class ClientOrderTaker {
  readonly #words: ClientWords;
  readonly #pool: Pool;
  readonly #executor: number;
  readonly #exit: () => void;
  // The thread's own are hooked.
  readonly #store = Atomics.store;
  readonly #add = Atomics.add;
  readonly #wait = Atomics.wait;

  /** Takes orders, in a thread that is attached to the pool. */
  constructor(words: ClientWords, pool: Pool, exit: () => void) {
    this.#words = words;
    this.#pool = pool;
    this.#executor = clientExecutor(thisClient(pool));
    this.#exit = exit;
  }

  /** Says what the thread is doing. */
  setPhase(phase: number): void {
    this.#store(this.#words, PHASE, phase);
  }

  /** Whether the thread is to end its operations. */
  get isStopWanted(): boolean {
    return this.#words[STOP] !== 0;
  }

  /** Counts an access; called before and after each. */
  onAccess(): void {
    const words = this.#words;
    const kind = words[KIND];
    if (kind === ClientFault.NONE || kind === ClientFault.THROW) return;
    const agent = this.#agentHelped();
    if (agent === undefined && kind !== ClientFault.EXIT) return;
    if (kind === ClientFault.EXIT_COMMITTING && !hasCommit(this.#pool, agent!)) return;
    if (--words[COUNTDOWN] > 0) return;
    this.#fire(kind, agent);
    if (kind === ClientFault.THROW_HELPING) throw new Error("planted failure");
    if (kind !== ClientFault.STALL_HELPING) exitForGood(this.#exit);
    const word = new Int32Array(new SharedArrayBuffer(4));
    const untilMs = performance.now() + words[DURATION_MS];
    while (performance.now() < untilMs) this.#wait(word, 0, 0, 10);
    const at = this.#pool.agentAt(agent!) + AGENT_EXECUTOR;
    if (this.#pool.control[at] < Executor.ABANDONED) this.#add(words, WOKEN, 1);
  }

  /** Throws between two operations, if that is the order. */
  throwIfOrdered(): void {
    if (this.#words[KIND] !== ClientFault.THROW) return;
    this.#fire(ClientFault.THROW, undefined);
    throw new Error("planted failure");
  }

  #fire(kind: number, agent: number | undefined): void {
    const words = this.#words;
    // It is carried out once.
    this.#store(words, KIND, ClientFault.NONE);
    words[FIRED_KIND] = kind;
    words[FIRED_AT_MS] = wallClockMs();
    words[FIRED_NODE] = agent === undefined ? NO_KN : nodeOfAgent(this.#pool, agent);
    words[HAS_HIT_COMMIT] = agent !== undefined && hasCommit(this.#pool, agent) ? 1 : 0;
    this.#add(words, FIRED, 1);
  }

  /** The agent block of the KN that this thread executes for. */
  #agentHelped(): number | undefined {
    const { control } = this.#pool;
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      if (control[this.#pool.agentAt(agent) + AGENT_EXECUTOR] === this.#executor) return agent;
    }
    return undefined;
  }
}

/** The place that this thread's client has. */
function thisClient(pool: Pool): number {
  const { number, startTicks } = thisThread();
  for (let client = 0;; client++) {
    if (clientState(pool, client) !== ClientState.ACTIVE) continue;
    const thread = clientThread(pool, client);
    if (thread.number === number && thread.startTicks === startTicks) return client;
  }
}
