/**
 * Both ends of a connection between threads (wire/thread_stream.ts) in one thread, of which each
 * may be interrupted by the other one at every access to their memory.
 *
 * @module
 */
import { ByteRing, makeByteRing } from "../../lib/wire/byte_ring.ts";
import { type StreamPort, ThreadStream } from "../../lib/wire/thread_stream.ts";
import type { Random } from "./random.ts";

/** Of so many accesses one is interrupted. */
const INTERRUPTED = 3;
/** Milliseconds that pass with a task, at most. */
const TASK_MS_MAX = 0.05;
const ACCESSES = [
  "write",
  "read",
  "sayAsleep",
  "takeAsleep",
  "sayWantsRoom",
  "takeWantsRoom",
] as const;
const GETTERS = ["length", "room"] as const;

type Task = () => void;

/** A thread: what it does next, in its order. */
class SimThread {
  readonly tasks: Task[] = [];
}

class SimPort implements StreamPort {
  readonly #listeners = { message: [] as Task[], close: [] as Task[] };
  readonly #own: SimThread;
  /** Whether all messages are lost. */
  readonly #isLossy: boolean;
  #other!: SimPort;
  #isOpen = true;

  constructor(own: SimThread, isLossy: boolean) {
    this.#own = own;
    this.#isLossy = isLossy;
  }

  join(other: SimPort): void {
    this.#other = other;
  }

  on(event: "message" | "close", listener: Task): void {
    this.#listeners[event].push(listener);
  }

  postMessage(): void {
    if (this.#isOpen && !this.#isLossy) this.#other.#bring("message");
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = this.#other.#isOpen = false;
    this.#other.#bring("close");
  }

  unref(): void {}

  #bring(event: "message" | "close"): void {
    this.#own.tasks.push(() => this.#listeners[event].forEach((listener) => listener()));
  }
}

/** How the rings of a simulation are. */
export interface SimStreamsOptions {
  /** Of each ring, a power of two. */
  readonly capacity: number;
  /** Where positions begin. */
  readonly position: number;
  readonly processorCount: number;
  /** Whether all messages are lost. @default false */
  readonly isLossy?: boolean;
}

/** Two threads with a connection. */
export class SimStreams {
  readonly streams: readonly [ThreadStream, ThreadStream];
  readonly #threads = [new SimThread(), new SimThread()] as const;
  readonly #random: Random;
  readonly #repeated: Task[] = [];
  #nowMs = 0;
  /** Which thread runs; undefined: neither. */
  #running: number | undefined;
  #isInterrupted = false;

  constructor(random: Random, options: SimStreamsOptions) {
    const { capacity, position, processorCount, isLossy = false } = options;
    this.#random = random;
    const memory = [makeByteRing(capacity, position), makeByteRing(capacity, position)] as const;
    const ports = this.#threads.map((thread) => new SimPort(thread, isLossy)) as [SimPort, SimPort];
    ports[0].join(ports[1]);
    ports[1].join(ports[0]);
    const streamOf = (one: 0 | 1) =>
      new ThreadStream(
        { incoming: memory[one], outgoing: memory[1 - one]!, port: ports[one] },
        {
          nextTurn: (task) => void this.#threads[one].tasks.push(task),
          nowMs: () => this.#nowMs,
          processorCount,
          repeat: (task) => {
            this.#repeated.push(() => this.#threads[one].tasks.push(task));
            return { stop: () => {} };
          },
        },
      );
    this.streams = [streamOf(0), streamOf(1)];
  }

  /** Has a thread do something, in its turn. */
  do(thread: 0 | 1, task: Task): void {
    const { tasks } = this.#threads[thread];
    tasks.splice(this.#random.below(tasks.length + 1), 0, task);
  }

  /** Runs until neither thread has anything to do. */
  run(): void {
    const restore = this.#interruptAccesses();
    try {
      while (this.#threads.some(({ tasks }) => tasks.length > 0)) {
        this.#runOne(this.#random.below(2));
      }
    } finally {
      restore();
    }
  }

  /** Has a second pass, in which what is repeated is done once, and runs on. */
  passSecond(): void {
    for (const task of this.#repeated) task();
    this.run();
  }

  #runOne(thread: number): void {
    const task = this.#threads[thread]!.tasks.shift();
    if (task === undefined) return;
    const before = this.#running;
    this.#running = thread;
    this.#nowMs += this.#random.next() * TASK_MS_MAX;
    try {
      task();
    } finally {
      this.#running = before;
    }
  }

  /** Now and then, in front of an access of one thread the other one does something. */
  #interrupt(): void {
    if (this.#running === undefined || this.#isInterrupted) return;
    if (this.#random.below(INTERRUPTED) > 0) return;
    this.#isInterrupted = true;
    const other = 1 - this.#running;
    for (let left = this.#random.between(1, 3); left > 0; left--) this.#runOne(other);
    this.#isInterrupted = false;
  }

  #interruptAccesses(): Task {
    const { prototype } = ByteRing;
    const saved: [string, PropertyDescriptor][] = [];
    const interrupt = () => this.#interrupt();
    for (const name of [...ACCESSES, ...GETTERS]) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
      saved.push([name, descriptor]);
      const { get, value } = descriptor;
      const wrapped = function (this: ByteRing, ...given: unknown[]) {
        interrupt();
        return (get ?? value as (...given: unknown[]) => unknown).apply(this, given as []);
      };
      const kind = get === undefined ? { value: wrapped } : { get: wrapped };
      Object.defineProperty(prototype, name, { configurable: true, ...kind });
    }
    return () => {
      for (const [name, descriptor] of saved) Object.defineProperty(prototype, name, descriptor);
    };
  }
}
