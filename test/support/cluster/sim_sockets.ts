/**
 * Connections whose bytes come when a simulation says so, in parts, and are cut when it says so.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Random } from "../random.ts";

/** A connection that the thread has given up has a turn so many times less often. */
const SLOW = 30;

/** One end of a connection. */
export class SimSocket extends EventEmitter {
  readonly writableLength = 0;
  /** What was written here and has not come to the other end. */
  readonly onTheirWay: Uint8Array[] = [];
  isOpen = true;

  setNoDelay(): void {}

  unref(): void {}

  write(bytes: Uint8Array): boolean {
    if (this.isOpen) this.onTheirWay.push(bytes.slice());
    return true;
  }

  destroy(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    queueMicrotask(() => this.emit("close"));
  }
}

/**
 * A connection: what a thread sends may come after it has ended, as it does from a socket's buffer.
 */
export class SimConnection {
  readonly thread = new SimSocket();
  readonly node = new SimSocket();
  readonly nodeNumber: number;
  #isAccepted = false;

  constructor(nodeNumber: number) {
    this.nodeNumber = nodeNumber;
  }

  /** Whether nothing can come by it any more. */
  get isOver(): boolean {
    return !this.thread.isOpen && (!this.node.isOpen || this.#isAccepted) &&
      this.thread.onTheirWay.length === 0;
  }

  /** Whether something is on its way, by a connection that the thread has not given up. */
  get isBusy(): boolean {
    return this.thread.isOpen &&
      this.thread.onTheirWay.length + this.node.onTheirWay.length > 0;
  }

  /** Has something come, or nothing. */
  step(random: Random, accept: (socket: Socket) => void): void {
    // What comes late comes when others have been told more.
    if (!this.thread.isOpen && random.below(SLOW) > 0) return;
    if (!this.#isAccepted) {
      this.#isAccepted = true;
      accept(this.node as unknown as Socket);
      this.thread.emit("connect");
      return;
    }
    const { length: sent } = this.thread.onTheirWay;
    const { length: answered } = this.node.onTheirWay;
    const isAnswer = answered > 0 && (sent === 0 || random.below(2) === 0);
    const isEnd = sent + answered === 0 && !this.node.isOpen;
    const [from, to] = isAnswer || isEnd ? [this.node, this.thread] : [this.thread, this.node];
    const bytes = from.onTheirWay.shift();
    if (bytes === undefined) {
      // The end comes behind all that was sent.
      if (!from.isOpen) to.destroy();
      return;
    }
    const cut = random.below(4) === 0 ? random.below(bytes.length) : 0;
    if (cut > 0) from.onTheirWay.unshift(bytes.subarray(cut));
    if (to.isOpen) to.emit("data", cut > 0 ? bytes.subarray(0, cut) : bytes);
  }

  /** The thread takes it for ended; the node does not know yet. */
  cut(): void {
    this.node.onTheirWay.length = 0;
    this.thread.destroy();
  }
}
