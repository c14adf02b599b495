/**
 * Connections between simulated processes in simulated time: bytes come in their order, late, after
 * a process has gone on that stood still, or when the way is free again.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { SimProcess, SimTime } from "./sim_processes.ts";

/** One end of a connection. */
class WireEnd extends EventEmitter {
  readonly writableLength = 0;
  isOpen = true;
  readonly #send: (bytes: Uint8Array | undefined) => void;

  constructor(send: (bytes: Uint8Array | undefined) => void) {
    super();
    this.#send = send;
  }

  setNoDelay(): void {}

  unref(): void {}

  write(bytes: Uint8Array): boolean {
    if (this.isOpen) this.#send(bytes.slice());
    return true;
  }

  end(bytes: Uint8Array): void {
    this.write(bytes);
    this.destroy();
  }

  destroy(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#send(undefined);
    queueMicrotask(() => this.emit("close"));
  }
}

/** A connection of a thread to a node. */
export class SimWire {
  /** Until then nothing comes, in either direction. */
  heldUntilMs = 0;
  readonly thread: WireEnd;
  readonly node: WireEnd;
  readonly threadProcess: SimProcess;
  readonly #time: SimTime;
  readonly #delayMs: () => number;

  constructor(
    time: SimTime,
    delayMs: () => number,
    threadProcess: SimProcess,
    nodeProcess: SimProcess,
    accept: (socket: Socket) => void,
  ) {
    this.threadProcess = threadProcess;
    this.#time = time;
    this.#delayMs = delayMs;
    this.thread = new WireEnd(this.#way(nodeProcess, () => this.node));
    this.node = new WireEnd(this.#way(threadProcess, () => this.thread));
    time.after(delayMs(), () => {
      nodeProcess.deliver(() => {
        accept(this.node as unknown as Socket);
        threadProcess.deliver(() => this.thread.emit("connect"), this);
      }, this);
    });
  }

  /** Ends for both sides, sooner or later. */
  cut(): void {
    this.thread.destroy();
  }

  /** Has what one end sends come to the other one, in its order; undefined is its end. */
  #way(to: SimProcess, end: () => WireEnd): (bytes: Uint8Array | undefined) => void {
    let lastMs = 0;
    const onTheirWay: (Uint8Array | undefined)[] = [];
    return (sent) => {
      onTheirWay.push(sent);
      const { nowMs } = this.#time;
      lastMs = Math.max(lastMs, nowMs + this.#delayMs());
      const arrive = () => {
        if (this.heldUntilMs > this.#time.nowMs) {
          return this.#time.after(this.heldUntilMs - this.#time.nowMs, arrive);
        }
        // What was held for longer is not overtaken by what is held for a shorter time.
        const bytes = onTheirWay.shift();
        to.deliver(() => {
          if (bytes === undefined) end().destroy();
          else if (end().isOpen) end().emit("data", bytes);
        }, this);
      };
      this.#time.after(lastMs - nowMs, arrive);
    };
  }
}
