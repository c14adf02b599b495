/**
 * One step of a KN: what its executor does before the work of the step, and after it.
 *
 * Between {@linkcode Step.begin} and {@linkcode Step.end} the calling thread is the KN's only
 * executor (executor.ts, I1) and is within the gate (pool/gate.ts), so a snapshot never sees half a
 * step. All that one step hands on to the next is in shared memory: where the rings and the logs
 * are. It is published by the store that gives the EXECUTOR word back.
 *
 * @module
 */
import type { LogWriter } from "../log/log_writer.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import { enterExecutor, Executor, leaveExecutor } from "./executor.ts";
import { AGENT_EXECUTOR, AGENT_STEPS } from "../pool/control_layout.ts";
import { Gate } from "../pool/gate.ts";
import type { Pool } from "../pool/pool.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";

/** How long a closing executor waits for the one inside before it looks again. */
const CLOSE_WAIT_MS = 1;

/** What a step hands on. */
export interface StepOptions {
  readonly pool: Pool;
  /** The KN's agent block. */
  readonly agent: number;
  /** The thread that acts for the KN. */
  readonly executor: number;
  readonly logs: readonly LogWriter[];
  /** The rings from the clients; the array may change between two steps. */
  readonly consumers: readonly RequestConsumer[];
}

/** The steps of one executor of a KN. */
export class Step {
  readonly #control: Int32Array;
  readonly #executorAt: number;
  readonly #executor: number;
  readonly #gate: Gate;
  readonly #logs: readonly LogWriter[];
  readonly #consumers: readonly RequestConsumer[];

  /** Prepares for steps; `logs` are resumed and suspended in their order. */
  constructor({ pool, agent, executor, logs, consumers }: StepOptions) {
    this.#control = pool.control;
    this.#executorAt = pool.agentAt(agent) + AGENT_EXECUTOR;
    this.#executor = executor;
    this.#gate = new Gate(pool, agent);
    this.#logs = logs;
    this.#consumers = consumers;
  }

  /** Whether no executor is inside, and any may enter. */
  get isFree(): boolean {
    return Atomics.load(this.#control, this.#executorAt) === Executor.NOBODY && this.#gate.isOpen;
  }

  /** Whether a request waits in a ring. */
  hasRequest(): boolean {
    for (let i = 0; i < this.#consumers.length; i++) {
      if (this.#consumers[i].hasRequest()) return true;
    }
    return false;
  }

  /** Becomes the KN's executor and passes the gate; false when either is not possible now. */
  begin(): boolean {
    if (!enterExecutor(this.#control, this.#executorAt, this.#executor)) return false;
    if (!this.#gate.enter()) {
      leaveExecutor(this.#control, this.#executorAt, this.#executor);
      return false;
    }
    this.#control[this.#executorAt - AGENT_EXECUTOR + AGENT_STEPS] += 1;
    for (let i = 0; i < this.#logs.length; i++) this.#logs[i].resume();
    for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].resume();
    return true;
  }

  /** Ends the step; the KN's next executor goes on from here. */
  end(): void {
    for (let i = 0; i < this.#logs.length; i++) this.#logs[i].suspend();
    for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].suspend();
    this.#gate.open();
    leaveExecutor(this.#control, this.#executorAt, this.#executor);
    // Waking a thread takes as long as many steps, longer where that thread gets this one's
    // processor: the next executor does not wait for it.
    this.#gate.finish();
  }

  /**
   * Does the KN's last step, after which it has no executor any more. The step waits for a pause to
   * end: an agent that repairs the list of free segments during the pause must not meet one that is
   * just being freed.
   *
   * @returns false when the KN has been fenced; nothing was done then
   */
  close(lastWork?: () => void): boolean {
    while (!enterExecutor(this.#control, this.#executorAt, this.#executor)) {
      if (Atomics.load(this.#control, this.#executorAt) < Executor.NOBODY) return false;
      sleepSync(CLOSE_WAIT_MS);
    }
    this.#gate.enterAfterPause();
    for (const log of this.#logs) log.resume();
    lastWork?.();
    for (const log of this.#logs) {
      log.seal();
      log.suspend();
    }
    this.#gate.leave();
    return true;
  }

  /** Says that the KN has left. After {@linkcode close}. */
  leave(): void {
    Atomics.store(this.#control, this.#executorAt, Executor.LEFT);
  }
}
