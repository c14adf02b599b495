/**
 * The thread of a gateway, as the host's thread sees it: started with the store, and again if it
 * ends by itself; ended before the store's files are.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { NodeFailedError, PathError } from "../core/errors.ts";
import { GATEWAY_CLOSE_MS_MAX, THREAD_RETRY_MS, THREAD_START_MS_MAX } from "../core/limits.ts";
import { clearPlace, GATEWAY, socketPlaceOf } from "../persistence/socket_place.ts";
import { sleep } from "../platform/runtime.ts";
import { settlesWithin } from "../platform/settles_within.ts";
import { startUrlOf, type WorkerCode } from "../platform/worker_loader.ts";
import { assertThreadFits, workerOptions } from "../platform/worker_options.ts";
import { type HostStore, serveHostCalls } from "./calls/host_calls.ts";
import type { GatewayOrder, GatewayReport, GatewayStart } from "./gateway_shell.ts";

/** Longest wait between two starts; it doubles with each that fails. */
const RETRY_MS_MAX = 10_000;

/** A thread of a gateway that has not been told to start, so that it need not be waited for. */
export class IdleGateway {
  readonly #worker: Worker;
  #isThere = true;

  /**
   * Starts the thread.
   *
   * @throws {NodeFailedError} when it cannot be started
   */
  constructor(code: WorkerCode) {
    const worker = this.#worker = makeWorker(code);
    worker.on("error", () => this.#isThere = false);
    worker.on("exit", () => this.#isThere = false);
    worker.unref();
  }

  /** Gives it to its user, if it has not ended. */
  take(): Worker | undefined {
    const isThere = this.#isThere;
    this.#isThere = false;
    return isThere ? this.#worker : undefined;
  }

  /** Ends the thread, unless it was taken. */
  async close(): Promise<void> {
    await this.take()?.terminate();
  }
}

/** A gateway that runs, or is started again. */
export class GatewayThread {
  readonly #code: WorkerCode;
  readonly #start: GatewayStart;
  readonly #store: HostStore;
  readonly #ended = new AbortController();
  #worker: Worker | undefined;
  /** Resolves when a thread listens again, or is not to. */
  #restarted: Promise<void> | undefined;

  private constructor(code: WorkerCode, start: GatewayStart, store: HostStore) {
    this.#code = code;
    this.#start = start;
    this.#store = store;
  }

  /**
   * Starts the thread; resolves when it listens.
   *
   * @param store does what only this thread can do
   * @param idle is used first, if there is one
   * @throws {PathError} when it cannot listen
   * @throws {NodeFailedError} when it cannot be started
   */
  static async start(
    code: WorkerCode,
    start: GatewayStart,
    store: HostStore,
    idle?: IdleGateway,
  ): Promise<GatewayThread> {
    const thread = new GatewayThread(code, start, store);
    await thread.#run(idle?.take());
    return thread;
  }

  /** Has what was begun answered, ends the thread, and removes the socket. */
  async close(): Promise<void> {
    this.#ended.abort();
    // One that is being started would listen for a pool that is closed, or is another process's.
    await this.#restarted;
    const worker = this.#worker;
    if (worker !== undefined) {
      worker.ref();
      const closed = new Promise<void>((resolve) => {
        worker.on("message", ({ kind }: GatewayReport) => kind === "closed" && resolve());
        worker.once("exit", () => resolve());
      });
      worker.postMessage({ kind: "close" } satisfies GatewayOrder);
      await settlesWithin(closed, GATEWAY_CLOSE_MS_MAX);
      await worker.terminate();
    }
    const { directory } = this.#start;
    clearPlace(socketPlaceOf(directory, GATEWAY), directory);
  }

  /** Resolves when a thread listens. */
  async #run(worker: Worker = makeWorker(this.#code)): Promise<void> {
    worker.ref();
    const ended = new Promise<void>((resolve) => {
      worker.on("error", () => resolve());
      worker.on("exit", () => resolve());
    });
    const reported = new Promise<GatewayReport | undefined>((resolve) => {
      worker.once("message", resolve);
      worker.postMessage({ kind: "start", start: this.#start } satisfies GatewayOrder);
      void ended.then(() => resolve(undefined));
    });
    const isInTime = await settlesWithin(reported, THREAD_START_MS_MAX);
    const report = isInTime ? await reported : undefined;
    if (report?.kind !== "listening") {
      await worker.terminate();
      throw failureOf(report);
    }
    this.#worker = worker;
    this.#answerCalls(worker, ended);
    worker.unref();
    void ended.then(() => this.#restarted = this.#runAgain());
  }

  /** Does what other processes ask of the thread that has opened the pool. */
  #answerCalls(worker: Worker, ended: Promise<void>): void {
    const post = (bytes: Uint8Array) => worker.postMessage({ kind: "call", bytes });
    const calls = serveHostCalls(this.#store, post);
    worker.on("message", (report: GatewayReport) => {
      if (report.kind === "call") calls.receive(report.bytes);
    });
    void ended.then(() => calls.close());
  }

  async #runAgain(): Promise<void> {
    const { signal } = this.#ended;
    this.#worker = undefined;
    for (let ms = THREAD_RETRY_MS; !signal.aborted; ms = Math.min(2 * ms, RETRY_MS_MAX)) {
      await sleep(ms, { keepsAlive: false, signal });
      if (signal.aborted) return;
      try {
        return await this.#run();
      } catch {
        // What is missing may be there later: descriptors, memory.
      }
    }
  }
}

function makeWorker(code: WorkerCode): Worker {
  try {
    assertThreadFits();
    return new Worker(startUrlOf(code), workerOptions());
  } catch (cause) {
    throw new NodeFailedError(`the gateway could not be started: ${String(cause)}`, { cause });
  }
}

function failureOf(report: GatewayReport | undefined): PathError | NodeFailedError {
  if (report?.kind !== "failed") {
    return new NodeFailedError("the gateway ended before it had started");
  }
  return report.code === "DINOMO_PATH"
    ? new PathError(report.message)
    : new NodeFailedError(`the gateway could not be started: ${report.message}`);
}
