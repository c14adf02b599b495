/**
 * The EXECUTOR word of a KN: which thread executes its requests, and whether any may.
 *
 * ```text
 *            enter                  fence                 leave
 *   NOBODY --------> a thread ----------------> FENCED ---------> LEFT
 *      ^  <--------      |                         ^
 *      |    leave        |                         |  fence
 *      +-----------------+             NOBODY -----+
 * ```
 *
 * Every change is one compare-and-swap or exchange, so there is one executor at a time (I1), and
 * after the M-node has fenced a KN no thread enters any more. The thread that is inside then, if it
 * is alive, ends its step: it can no longer lock any slot that has been moved, and the word says
 * when it has left. The word names the thread, so that when a client's thread dies the KNs are
 * found in whose place it was executing.
 *
 * @module
 */

import { CLIENT_COUNT_MAX } from "../core/limits.ts";

/** Values of the word beside the clients' numbers. */
export const Executor = {
  NOBODY: 0,
  /** The KN's own thread. */
  OWN_THREAD: 1,
  /** The KN has failed, or has been retired, and no thread is inside. None may enter. */
  LEFT: -1,
  /** The thread that was inside has thrown, in the middle of a step. None may enter. */
  ABANDONED: -2,
} as const;

/** The word of a KN that is fenced while a thread is inside is this less the thread's value. */
const FENCED_WITH_NOBODY = -2;

const FIRST_CLIENT = 2;
const FIRST_AGENT = FIRST_CLIENT + CLIENT_COUNT_MAX;

/** The value that stands for a client's thread. */
export function clientExecutor(clientId: number): number {
  return FIRST_CLIENT + clientId;
}

/** The client whose thread a value of the word stands for; undefined if it is no client's. */
export function clientOf(executor: number): number | undefined {
  const isClient = executor >= FIRST_CLIENT && executor < FIRST_AGENT;
  return isClient ? executor - FIRST_CLIENT : undefined;
}

/**
 * The value that stands for the thread that merges logs in the name of an agent block: a DPM
 * processor, or a KN that writes a checkpoint.
 */
export function agentExecutor(agent: number): number {
  return FIRST_AGENT + agent;
}

/** The word of a KN that is fenced, with a thread inside that may go on. */
function fencedWith(executor: number): number {
  return FENCED_WITH_NOBODY - executor;
}

/** Enters; false when another thread is inside, or the KN is fenced. */
export function enterExecutor(control: Int32Array, at: number, executor: number): boolean {
  return Atomics.compareExchange(control, at, Executor.NOBODY, executor) === Executor.NOBODY;
}

/** Leaves. Publishes everything done inside to the thread that enters next, or tidies up. */
export function leaveExecutor(control: Int32Array, at: number, executor: number): void {
  const seen = Atomics.compareExchange(control, at, executor, Executor.NOBODY);
  if (seen !== executor) Atomics.store(control, at, Executor.LEFT);
}

/** Says that the executor has thrown: it will do no more, and has not ended its step. */
export function abandonExecutor(control: Int32Array, at: number, executor: number): void {
  const seen = Atomics.compareExchange(control, at, executor, Executor.ABANDONED);
  // Not if another thread is inside: that one may go on.
  if (seen === fencedWith(executor)) Atomics.store(control, at, Executor.ABANDONED);
}

/** Lets no thread enter any more; returns the word as it was. */
export function fenceExecutor(control: Int32Array, at: number): number {
  for (;;) {
    const seen = Atomics.load(control, at);
    if (seen < Executor.NOBODY) return seen;
    // Without a thread inside there is none that would say that it has left.
    const fenced = seen === Executor.NOBODY ? Executor.LEFT : fencedWith(seen);
    if (Atomics.compareExchange(control, at, seen, fenced) === seen) return seen;
  }
}

/** Whether no thread is inside a fenced KN. */
export function hasLeft(control: Int32Array, at: number): boolean {
  return Atomics.load(control, at) === Executor.LEFT;
}
