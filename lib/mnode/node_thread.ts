/**
 * The worker thread of a KN: started when there is work, stopped cooperatively, and known to have
 * ended or not.
 *
 * @module
 */
import type { Worker } from "node:worker_threads";
import { builtin } from "../platform/builtin.ts";
import { trace, TRACED } from "../platform/debug.ts";
import { NodeFailedError } from "../core/errors.ts";
import { monotonicMs, sleep } from "../platform/runtime.ts";
import {
  STALL_MS_MAX,
  SYSTEM_CALL_MS_MAX,
  THREAD_RETRY_MS,
  THREAD_START_MS_MAX,
} from "../core/limits.ts";
import { settlesWithin } from "../platform/settles_within.ts";
import { hasThreadEnded } from "../platform/thread_identity.ts";
import { startUrlOf, type WorkerCode } from "../platform/worker_loader.ts";
import { assertThreadFits, workerOptions } from "../platform/worker_options.ts";
import { wake } from "../node/idle_strategy.ts";
import { LifeState, lifeState, setLifeState, threadOf } from "../agent/liveness.ts";
import type { NodeStart } from "../node/node_shell.ts";
import {
  AGENT_EXECUTOR,
  AGENT_HEARTBEAT,
  AGENT_IN_SYSTEM_CALL,
  AGENT_STEPS,
  AGENT_STOP_WANTED,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SAMPLE_GAP_MS_MAX, StallDetector } from "./stall_detector.ts";

/**
 * How long a thread that said it has stopped may take to end before it is terminated, and one that
 * is terminated then.
 */
const EXIT_MS_MAX = 2000;

/**
 * A KN's heap holds little: what is stored is not in it. Where limits are observed (on Node), a KN
 * that takes more ends alone, and not with the whole process.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256 };

/** What a thread is started with. */
export interface NodeThreadOptions {
  readonly pool: Pool;
  readonly workerCode: WorkerCode;
  readonly start: NodeStart;
  /** Called once when the thread ends that was not asked to; not while it is being started. */
  readonly onEnd: (reason: string, cause: unknown) => void;
  /** How long it has to come up. @default `THREAD_START_MS_MAX` */
  readonly startMsMax?: number;
}

/** One KN's thread. */
export class NodeThread {
  readonly #options: NodeThreadOptions;
  readonly #pool: Pool;
  readonly #agentAt: number;
  #worker: Worker | undefined;
  #starting: Promise<void> | undefined;
  /** When it has to be up; Infinity unless it is being started. */
  #startDeadlineMs = Infinity;
  /** Ends the wait for the next attempt to start. */
  readonly #retries: AbortController = new AbortController();
  /** When it was seen to have come up. */
  #upSinceMs: number | undefined;
  #isStopping = false;
  #hasExited = false;
  #isTerminated = false;
  #failure: NodeFailedError | undefined;

  /** Prepares a thread; starts nothing. */
  constructor(options: NodeThreadOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#agentAt = options.pool.agentAt(options.start.agent);
  }

  /** Whether the thread was started, or was to be and cannot. */
  get isStarted(): boolean {
    return this.#starting !== undefined;
  }

  /**
   * Whether the thread has been up for so long; a thread that takes its time to come up does not
   * count as one that works.
   */
  wasUpFor(ms: number): boolean {
    return this.#upSinceMs !== undefined && monotonicMs() - this.#upSinceMs >= ms;
  }

  /**
   * Whether it should be up by now: also told while this thread blocks, when no event of a worker
   * reaches it.
   */
  get isOverdue(): boolean {
    return monotonicMs() > this.#startDeadlineMs && !this.#hasComeUp;
  }

  /** Whether the thread is known to have said that it will do no more. */
  get hasGivenUp(): boolean {
    const state = this.#state;
    return state === LifeState.FAILED || state === LifeState.NOT_STARTED;
  }

  /**
   * Whether the thread will not touch the pool or its files any more: it has said so, or has ended.
   */
  get hasLetGo(): boolean {
    return this.#state === LifeState.STOPPED || this.hasGivenUp || this.hasEnded;
  }

  /**
   * Whether the thread will not execute another instruction. Its `exit` event is proof of that
   * where the operating system does not say, unless it was terminated on Deno, where a terminated
   * worker runs on.
   */
  get hasEnded(): boolean {
    if (this.#worker === undefined) return true;
    const thread = threadOf(this.#pool, this.#agentAt);
    if (thread.number !== 0) return hasThreadEnded(thread);
    return this.#hasExited && !(this.#isTerminated && "Deno" in globalThis);
  }

  /**
   * Starts the thread, unless it was started; resolves when it runs.
   *
   * @throws {NodeFailedError} when it ends instead, or does not come up in time
   */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  /**
   * Starts the thread, unless it was started, and again if that fails; resolves when it runs, or is
   * not wanted any more.
   *
   * @throws {NodeFailedError} when it has failed so many times, or has not come up in time
   */
  startPersistently(startsMax: number): Promise<void> {
    this.#starting ??= this.#startAgainAndAgain(startsMax);
    return this.#starting;
  }

  /** Asks the thread to end; it does so between two steps. */
  requestStop(): void {
    if (!this.#isStopping) this.#trace("is asked to stop");
    this.#retries.abort();
    this.#isStopping = true;
    Atomics.store(this.#pool.control, this.#agentAt + AGENT_STOP_WANTED, 1);
    wake(this.#pool.control, this.#agentAt);
  }

  /**
   * Ends a thread that does not end by itself: at once where that is possible. Whether it was
   * possible, {@linkcode hasEnded} says: a thread in a call of the operating system ends when that
   * returns, and on Deno no thread is ended.
   */
  async terminate(): Promise<void> {
    this.#isStopping = this.#isTerminated = true;
    const worker = this.#worker;
    if (worker !== undefined) await settlesWithin(Promise.resolve(worker.terminate()), EXIT_MS_MAX);
  }

  /**
   * Stops the thread and waits until it has ended.
   *
   * @returns false when it did not stop in time, or has stalled, and was terminated
   */
  async stop(stopMsMax: number): Promise<boolean> {
    // Also one that is being started: it looks before it loads what it runs. If starting fails,
    // there is nothing to stop.
    this.requestStop();
    await this.#starting?.catch(() => {});
    const worker = this.#worker;
    if (worker === undefined || this.hasGivenUp || this.#hasExited) return true;
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const deadlineMs = monotonicMs() + stopMsMax;
    const stalls = new StallDetector({
      stallMsMax: STALL_MS_MAX,
      systemCallMsMax: SYSTEM_CALL_MS_MAX,
      gapMsMax: SAMPLE_GAP_MS_MAX,
    });
    while (this.#state !== LifeState.STOPPED) {
      if (this.hasGivenUp || this.#hasExited) return true;
      if (monotonicMs() > deadlineMs || this.#hasStalled(stalls)) {
        await this.terminate();
        return false;
      }
      await sleep(1);
    }
    // The thread has left its loop and ends by itself; a reference makes the process wait for that.
    worker.ref();
    if (!await settlesWithin(exited, EXIT_MS_MAX)) await this.terminate();
    this.#trace("has stopped");
    return true;
  }

  /** Whether the thread makes no progress on its way to its end. */
  #hasStalled(stalls: StallDetector): boolean {
    const { control } = this.#pool;
    return stalls.observe({
      nowMs: monotonicMs(),
      executor: Atomics.load(control, this.#agentAt + AGENT_EXECUTOR),
      steps: Atomics.load(control, this.#agentAt + AGENT_STEPS),
      heartbeat: Atomics.load(control, this.#agentAt + AGENT_HEARTBEAT),
      // It has been asked to stop, which is work.
      hasRequests: true,
      isThreadRunning: this.#state === LifeState.RUNNING,
      isInSystemCall: control[this.#agentAt + AGENT_IN_SYSTEM_CALL] !== 0,
    });
  }

  /**
   * Whether the thread runs, or did: one that has failed since then, or was stopped, is no thread
   * that could not be started.
   */
  get #hasComeUp(): boolean {
    const state = this.#state;
    return state === LifeState.RUNNING || state === LifeState.FAILED || state === LifeState.STOPPED;
  }

  /** One of {@linkcode LifeState}. */
  get #state(): number {
    return lifeState(this.#pool, this.#agentAt);
  }

  async #startAgainAndAgain(startsMax: number): Promise<void> {
    const { signal } = this.#retries;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await this.#start();
      } catch (error) {
        // One that has not come up in time may still do so: another one would be its rival.
        if (attempt >= startsMax || this.isOverdue) throw error;
        const retryMs = THREAD_RETRY_MS * 2 ** (attempt - 1);
        await sleep(retryMs, { keepsAlive: false, signal });
      }
    }
  }

  async #start(): Promise<void> {
    const { startMsMax = THREAD_START_MS_MAX } = this.#options;
    setLifeState(this.#pool, this.#agentAt, LifeState.STARTING);
    this.#failure = undefined;
    this.#isStopping = this.#hasExited = false;
    this.#startDeadlineMs = monotonicMs() + startMsMax;
    const worker = this.#worker = this.#makeWorker();
    while (!this.#hasComeUp) {
      if (this.isOverdue) {
        this.#fail(`did not start within ${startMsMax} ms`);
      } else if (this.#hasExited || this.hasGivenUp) {
        this.#fail("ended before it had started");
      }
      if (this.#failure !== undefined) {
        this.#isStopping = true;
        // One that ends by itself is let: on Node, terminating a worker while it reports what it
        // threw may abort the process.
        if (this.isOverdue) void this.terminate();
        else this.#startDeadlineMs = Infinity;
        throw this.#failure;
      }
      await sleep(1);
    }
    this.#startDeadlineMs = Infinity;
    worker.unref();
    this.#upSinceMs = monotonicMs();
    this.#trace("has started");
  }

  #makeWorker(): Worker {
    const { workerCode, start } = this.#options;
    let worker: Worker;
    try {
      assertThreadFits();
      worker = new (builtin("node:worker_threads").Worker)(startUrlOf(workerCode), {
        ...workerOptions(),
        workerData: start,
        resourceLimits: RESOURCE_LIMITS,
      });
    } catch (error) {
      this.#worker = undefined;
      this.#startDeadlineMs = Infinity;
      this.#fail(`could not be started: ${String(error)}`, error);
      throw this.#failure;
    }
    // A worker that has failed to start may end when the next one has been started.
    const isCurrent = () => this.#worker === worker;
    worker.on("error", (error) => {
      if (isCurrent()) this.#end(`failed: ${String(error)}`, error);
    });
    worker.on("exit", (code) => {
      if (!isCurrent()) return;
      this.#hasExited = true;
      this.#end(`ended by itself with exit code ${code}`);
    });
    return worker;
  }

  #end(reason: string, cause?: unknown): void {
    if (this.#failure !== undefined || this.#isStopping) return;
    this.#fail(reason, cause);
    if (this.#upSinceMs !== undefined) this.#options.onEnd(reason, cause);
  }

  #fail(reason: string, cause?: unknown): void {
    const { nodeId } = this.#options.start;
    this.#trace(reason);
    this.#failure ??= new NodeFailedError(`KN ${nodeId} ${reason}`, { cause });
  }

  #trace(event: string): void {
    if (TRACED.kn) trace("kn", `${this.#options.start.nodeId} ${event}`);
  }
}
