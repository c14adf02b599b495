/**
 * The host: opens the store, starts the threads that serve, and replaces those that die.
 *
 * A thread that dies takes nothing with it: what it has stored is in shared memory, and its place
 * in the store is freed.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { open, type Store } from "dinomo";
import type { Stored } from "./app.ts";
import type { Platform } from "./main.ts";
import type { Order, ThreadStart } from "./thread.ts";

/** How the server is run. */
export interface HostOptions {
  /** First port; 0: any that are free. */
  readonly port: number;
  readonly threads: number;
  /** Directory in which the sessions survive the process. */
  readonly path?: string;
}

const HOSTNAME = "127.0.0.1";
/**
 * How often threads are replaced in all, and how long that waits: one that dies at once should not
 * keep the others busy.
 */
const RESTARTS_MAX = 20;
const RESTART_MS = 200;

/** A place for a thread. */
interface Seat {
  port: number;
  /** Undefined while there is none. */
  worker: Worker | undefined;
  /** Resolves when the thread listens, or is not started again. */
  ready: Promise<void>;
}

/** Runs the threads of one server. */
export class Host {
  readonly store: Store<Stored>;
  readonly #platform: Platform;
  readonly #seats: Seat[];
  #restarts = 0;
  #isStopping = false;

  private constructor(platform: Platform, store: Store<Stored>, seats: Seat[]) {
    this.#platform = platform;
    this.store = store;
    this.#seats = seats;
  }

  /** Opens the store and starts the threads. */
  static async start(platform: Platform, options: HostOptions): Promise<Host> {
    const { port, threads, path } = options;
    const store = await open<Stored>({
      capacity: "64MiB",
      ...(path === undefined ? {} : { path }),
    });
    logEvents(store);
    const seats = Array.from({ length: threads }, (_, i) => ({
      port: port === 0 || platform.sharesPort ? port : port + i,
      worker: undefined,
      ready: Promise.resolve(),
    }));
    const host = new Host(platform, store, seats);
    try {
      for (const thread of seats.keys()) await host.#startThread(thread);
      return host;
    } catch (error) {
      await host.stop();
      throw error;
    }
  }

  /** Number of threads. */
  get threads(): number {
    return this.#seats.length;
  }

  /** Where the server can be reached: one address for each thread, or one for all. */
  get origins(): string[] {
    return [...new Set(this.#seats.map(({ port }) => `http://${HOSTNAME}:${port}`))];
  }

  /** Makes a thread throw; resolves when another one serves in its place. */
  async crash(thread: number): Promise<void> {
    const seat = this.#seats[thread]!;
    await tell(seat.worker!, "crash");
    await seat.ready;
  }

  /** Ends the threads, then the store. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#seats.map(async (seat) => {
      await seat.ready;
      if (seat.worker !== undefined) await tell(seat.worker, "stop");
    }));
    await this.store.close();
  }

  /** Starts a thread; resolves when it listens. */
  async #startThread(thread: number): Promise<void> {
    const { module, sharesPort } = this.#platform;
    const seat = this.#seats[thread]!;
    // The first one finds a port that is free, the others join it.
    const port = sharesPort ? this.#seats[0]!.port : seat.port;
    const handle = this.store.share();
    const workerData: ThreadStart = { handle, thread, hostname: HOSTNAME, port };
    const worker = new Worker(new URL(module), { workerData });
    worker.on("error", (error) => console.log(`thread ${thread} has failed: ${error.message}`));
    seat.port = await new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("exit", () => reject(new Error(`thread ${thread} has ended before it listened`)));
    });
    seat.worker = worker;
    worker.once("exit", () => {
      seat.worker = undefined;
      seat.ready = this.#replace(thread);
    });
  }

  /** Starts a thread in the place of one that has ended. */
  async #replace(thread: number): Promise<void> {
    while (!this.#isStopping) {
      if (++this.#restarts > RESTARTS_MAX) return console.error("threads end too often");
      await delay(RESTART_MS);
      try {
        return await this.#startThread(thread);
      } catch (error) {
        console.error(String(error));
      }
    }
  }
}

/** Gives an order; resolves when the thread has ended. */
function tell(worker: Worker, order: Order): Promise<void> {
  return new Promise((resolve) => {
    worker.once("exit", () => resolve());
    worker.postMessage(order);
  });
}

/** Prints what happens to the store. */
function logEvents(store: Store<Stored>): void {
  store.addEventListener(
    "nodefailed",
    ({ detail: { node, reason, replacement } }) =>
      console.log(`KN ${node} ${reason}; KN ${replacement} has taken its place`),
  );
  store.addEventListener(
    "noderecovered",
    ({ detail: { node, durationMs } }) =>
      console.log(`nothing is left of KN ${node} after ${durationMs.toFixed(0)} ms`),
  );
  store.addEventListener(
    "clientlost",
    ({ detail: { client } }) => console.log(`client ${client} is gone, and its place is free`),
  );
}
