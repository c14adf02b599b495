/**
 * A socket between two processes of one machine, each of which may look for what comes before it
 * sleeps: from when it has written something until it has read the next bytes (turning_wait.ts). A
 * thread waits for answers so, and a node for the next requests.
 *
 * @module
 */
import type { Socket } from "node:net";
import { TurningWait } from "../../gateway/turning_wait.ts";
import { processorCount } from "../../platform/processor_count.ts";
import { monotonicMs, runNextTurn } from "../../platform/runtime.ts";
import { LOOK_MS } from "../../wire/wait_choice.ts";
import type { ByteStream } from "./byte_stream.ts";

/**
 * Nothing is lost on the way to a process of this machine, and there is TCP beside it: who has not
 * answered by then is not waited for.
 */
const HELLO_MS_MAX = 1000;

/** Such a socket. */
export class TurningStream implements ByteStream {
  readonly remoteAddress = "this machine";
  readonly helloMsMax = HELLO_MS_MAX;
  readonly #socket: Socket;
  readonly #turns: TurningWait;

  /** Uses a socket that may not be connected yet. */
  constructor(socket: Socket) {
    this.#socket = socket;
    // Who looks on the only processor keeps the other process from it.
    const turnsMs = processorCount() > 1 ? LOOK_MS : 0;
    this.#turns = new TurningWait({ turnsMs, now: monotonicMs, nextTurn: runNextTurn });
    socket.on("close", () => this.#turns.end());
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  on(event: string, listener: (...given: never[]) => void): this {
    if (event !== "data") this.#socket.on(event, listener as () => void);
    else {
      this.#socket.on("data", (bytes) => {
        this.#turns.noteAnswer();
        (listener as (bytes: Uint8Array) => void)(bytes);
      });
    }
    return this;
  }

  write(bytes: Uint8Array): boolean {
    this.#turns.begin();
    return this.#socket.write(bytes);
  }

  end(bytes: Uint8Array): void {
    this.#socket.end(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  unref(): void {
    this.#socket.unref();
  }

  /** It has none. */
  setNoDelay(): void {}
}
