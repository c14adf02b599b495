/**
 * A connection between two threads of a process: a stream of bytes in each direction, through rings
 * in shared memory (byte_ring.ts). It does what is used here of a socket, so that who has one need
 * not know which of both it is.
 *
 * **Waking.** A thread that waits for bytes looks for them in each turn of its event loop, for some
 * time, or sleeps at once, as {@linkcode WaitChoice} decides. One that sleeps says so, looks once
 * more, and is told by a message on a port of what was written, and of room for what waits to be.
 * So whatever there is to do, one of these is so: it is looked for in the next turn, or a message
 * is on its way, or the thread says that it sleeps, and who gives it something to do sees that.
 * Should the runtime lose a message or a turn, a look of every second finds what the thread was to
 * do.
 *
 * **Ends.** A connection has ended for both threads when one of them has ended it, or has ended
 * itself, however: then the port is closed, and the runtime tells the other one. What was written
 * before can still be read, as from a socket, and comes before the end.
 *
 * **Bounds.** Of what is on its way a ring holds what it has room for. What is beyond that waits in
 * the thread that writes, which is told so as with a socket: see {@linkcode ThreadStream.write}.
 *
 * It does not keep the process alive.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { processorCount } from "../platform/processor_count.ts";
import {
  monotonicMs,
  runMicrotask,
  runNextTurn,
  startTimer,
  type Timer,
} from "../platform/runtime.ts";
import { ByteRing, makeByteRing } from "./byte_ring.ts";
import { LOOK_MS, WaitChoice } from "./wait_choice.ts";

/** Bytes on their way in one direction. */
const RING_BYTES = 128 * 1024;
/** What a message says: nothing. */
const BELL = 0;
/** After so many milliseconds a thread looks, whatever it was told. */
const CHECK_MS = 1000;

/** What is used of a port. */
export interface StreamPort {
  on(event: "message" | "close", listener: () => void): unknown;
  postMessage(message: number): void;
  close(): void;
  unref(): void;
}

/** One end of a connection; to be given to its thread, with the port in the list of transfers. */
export interface ThreadStreamEnd<Port extends StreamPort = MessagePort> {
  readonly incoming: SharedArrayBuffer;
  readonly outgoing: SharedArrayBuffer;
  readonly port: Port;
}

/** How a thread waits; in tests, as a simulation says. */
export interface StreamWaiting {
  readonly nextTurn: (task: () => void) => void;
  readonly nowMs: () => number;
  readonly processorCount: number;
  /** Repeats a task; the process does not wait for it. */
  readonly repeat: (task: () => void, ms: number) => Timer;
}

/**
 * Makes both ends of a connection.
 *
 * @param capacity of each ring, a power of two; for tests
 */
export function makeThreadStream(
  capacity: number = RING_BYTES,
): readonly [ThreadStreamEnd, ThreadStreamEnd] {
  const [one, other] = [makeByteRing(capacity), makeByteRing(capacity)];
  const { port1, port2 } = new MessageChannel();
  return [
    { incoming: one, outgoing: other, port: port1 },
    { incoming: other, outgoing: one, port: port2 },
  ];
}

/**
 * One end of a connection, in its thread: an emitter of `connect`, `data`, `drain` and `close`, as
 * a socket is.
 */
export class ThreadStream extends EventEmitter {
  readonly #incoming: ByteRing;
  readonly #outgoing: ByteRing;
  readonly #port: StreamPort;
  /** What was written and has no room yet. */
  #waiting: Uint8Array[] = [];
  #isOpen = true;
  /** Nothing more is written; it ends when all has been. */
  #isEnding = false;
  readonly #nextTurn: StreamWaiting["nextTurn"];
  readonly #nowMs: StreamWaiting["nowMs"];
  /** Undefined: it always sleeps. */
  readonly #choice: WaitChoice | undefined;
  /** Since when something is waited for, and whether by looking for it. */
  #waitsSinceMs = 0;
  #isToLook = false;
  /** Whether it is looked for in the next turn. */
  #isLooking = false;
  readonly #checks: Timer;

  /** Takes one end. */
  constructor(
    { incoming, outgoing, port }: ThreadStreamEnd<StreamPort>,
    waiting: StreamWaiting = ofRuntime(),
  ) {
    super();
    this.#nextTurn = waiting.nextTurn;
    this.#nowMs = waiting.nowMs;
    // Who looks on the only processor keeps the other thread from it.
    this.#choice = waiting.processorCount > 1 ? new WaitChoice() : undefined;
    this.#incoming = new ByteRing(incoming);
    this.#outgoing = new ByteRing(outgoing);
    this.#port = port;
    port.on("message", this.#wake);
    port.on("close", () => {
      // What came before the end.
      if (this.#isOpen) this.#read();
      this.destroy();
    });
    port.unref();
    this.#incoming.sayAsleep(true);
    this.#checks = waiting.repeat(() => this.#hasToDo && this.#lookNext(), CHECK_MS);
    runMicrotask(() => {
      if (!this.#isOpen) return;
      this.emit("connect");
      this.#wake();
    });
  }

  /** Bytes that were written and are not on their way. */
  get writableLength(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }

  /** It comes from this process. */
  get remoteAddress(): string {
    return "this process";
  }

  /** It never does. */
  unref(): void {}

  /** It has none. */
  setNoDelay(): void {}

  /**
   * Writes bytes, which are not to be changed any more.
   *
   * @returns false if `drain` will be emitted, and no more should be written before
   */
  write(bytes: Uint8Array): boolean {
    if (!this.#isOpen || this.#isEnding) return false;
    const isNext = this.#waiting.push(bytes) === 1;
    this.#beginWait();
    // If not, it is written in the turn in which that is told.
    if (isNext) this.#flush();
    if (this.#isToLook && !this.#isLooking) this.#lookNext();
    return this.#waiting.length === 0;
  }

  /** Writes the last bytes, and ends it when all are on their way. */
  end(bytes: Uint8Array): void {
    this.write(bytes);
    this.#isEnding = true;
    if (this.#waiting.length === 0) this.destroy();
  }

  /** Ends it: nothing is read any more, and what waits is not written. */
  destroy(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#waiting = [];
    this.#checks.stop();
    this.#port.close();
    runMicrotask(() => this.emit("close"));
  }

  /** Writes what there is room for. */
  #flush(): void {
    let hasWritten = false;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const count = this.#outgoing.write(first);
      hasWritten ||= count > 0;
      if (count === first.length) {
        this.#waiting.shift();
        continue;
      }
      this.#waiting[0] = first.subarray(count);
      this.#outgoing.sayWantsRoom();
      // There may be some by now, and nobody who tells that.
      if (this.#outgoing.room === 0) break;
    }
    if (hasWritten) this.#tell();
  }

  /** Takes what has come. */
  #read(): void {
    const bytes = this.#incoming.read();
    if (bytes.length === 0) return;
    this.#choice?.learn(this.#isToLook, this.#nowMs() - this.#waitsSinceMs);
    this.#beginWait();
    if (this.#incoming.takeWantsRoom()) this.#tell();
    this.emit("data", bytes);
  }

  /** Something may come from now on. */
  #beginWait(): void {
    this.#waitsSinceMs = this.#nowMs();
    this.#isToLook = this.#choice?.next() === true;
  }

  /** There is something to do for the other thread: one that sleeps is woken. */
  #tell(): void {
    if (!this.#outgoing.takeAsleep()) return;
    // Before the other one is awake, which may take the processor from this one.
    if (!this.#isToLook) this.#incoming.sayAsleep(true);
    this.#port.postMessage(BELL);
  }

  /** A message says that there is something to do. */
  readonly #wake = (): void => {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#incoming.sayAsleep(false);
    this.#turn();
  };

  #lookNext(): void {
    this.#isLooking = true;
    this.#incoming.sayAsleep(false);
    this.#nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    if (!this.#isOpen) return;
    try {
      this.#look();
    } finally {
      // Also when a listener has thrown.
      if (this.#isOpen) this.#goOn();
    }
  };

  /** Does what can be done. */
  #look(): void {
    const hadWaiting = this.#waiting.length > 0;
    this.#flush();
    if (hadWaiting && this.#waiting.length === 0) {
      if (this.#isEnding) this.destroy();
      else this.emit("drain");
    }
    if (!this.#isOpen) return;
    this.#read();
  }

  /** Looks again in the next turn, or sleeps. */
  #goOn(): void {
    const goesOn = this.#isToLook && this.#nowMs() - this.#waitsSinceMs < LOOK_MS;
    if (goesOn) return this.#lookNext();
    this.#isLooking = false;
    this.#incoming.sayAsleep(true);
    if (this.#hasToDo) this.#lookNext();
  }

  /** Whether there is something to read, or room for what waits. */
  get #hasToDo(): boolean {
    return this.#incoming.length > 0 || this.#waiting.length > 0 && this.#outgoing.room > 0;
  }
}

/** The waiting of a thread of the runtime. */
function ofRuntime(): StreamWaiting {
  return {
    nextTurn: runNextTurn,
    nowMs: monotonicMs,
    processorCount: processorCount(),
    repeat: (task, ms) => startTimer(task, ms, { isRepeated: true, keepsAlive: false }),
  };
}
