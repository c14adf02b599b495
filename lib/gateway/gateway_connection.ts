/**
 * One connection from another process, at the end of the process that has the pool: its first
 * frames, and who takes the others.
 *
 * Nothing that comes is believed. Bytes that are no frames, or not those that are due, end the
 * connection, and disturb no other.
 *
 * @module
 */
import type { Socket } from "node:net";
import { isDinomoError } from "../core/any_error.ts";
import type { DinomoError } from "../core/errors.ts";
import { HELLO_BYTES_MAX, HELLO_MS_MAX } from "../core/limits.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { type Frame, FrameError } from "../wire/frame.ts";
import type { CallEnd, WriteFrame } from "./call_end.ts";
import { FifoWriter } from "./fifo_writer.ts";
import { GatewayLine } from "./gateway_line.ts";
import { GatewaySession, type GatewaySessionOptions } from "./gateway_session.ts";
import {
  decodeHello,
  encodeRefusal,
  encodeWelcome,
  type Hello,
  type Welcome,
} from "./handshake.ts";
import { isCallFrame, isFarewell, RequestFrame, requestFrameBytesMax } from "./request_frames.ts";
import type { SessionRegister } from "./session_register.ts";
import type { SessionVerdicts } from "./session_verdicts.ts";

/** What all connections of a gateway have in common. */
export interface GatewayParts
  extends Omit<GatewaySessionOptions, "write" | "session" | "onConfirmed" | "memory"> {
  /** Of the pool: there are the FIFOs of other processes. */
  readonly directory: string;
  /** Bytes of the pool's segments. */
  readonly segmentBytes: number;
  /** The sessions of the gateway. */
  readonly register: SessionRegister;
  /**
   * Begins a session for a process.
   *
   * @throws {DinomoError} when it cannot use the pool
   */
  welcome(hello: Hello): Omit<Welcome, "verdicts">;
  /** Makes the end of a connection's calls. */
  makeCalls(write: WriteFrame): CallEnd;
  /**
   * Takes a connection whose first frame is no hello: perhaps a command has connected.
   *
   * @throws {FrameError} when the frame is nobody's
   */
  takeOver(socket: Socket, first: Frame): void;
}

/** A connection, as long as it is open. */
export class GatewayConnection {
  readonly #socket: Socket;
  readonly #parts: GatewayParts;
  readonly #line: GatewayLine;
  readonly #openedMs = monotonicMs();
  #session: GatewaySession | undefined;
  /** The other process closes its store: see docs/protocols/processes.md, "Farewell". */
  #onFarewell = () => {};
  #calls: CallEnd | undefined;
  /** Whether the first frame has come. */
  #hasBegun = false;
  #isOpen = true;
  /** Whether the frames are another one's, who reads the socket itself. */
  #isTakenOver = false;
  readonly #closed: Promise<void>;

  /** Takes what comes; `onClosed` is called once, when nothing of it is in progress any more. */
  constructor(socket: Socket, parts: GatewayParts, onClosed: () => void) {
    this.#socket = socket;
    this.#parts = parts;
    this.#line = new GatewayLine({
      bodyBytesMax: HELLO_BYTES_MAX,
      write: (bytes) => socket.write(bytes),
      openFifo: (name) => new FifoWriter(parts.directory, name),
      onFrame: (frame) => this.#take(frame),
      onDrain: () => {
        this.#session?.drain();
        this.#calls?.drain();
      },
    });
    socket.on("error", () => socket.destroy());
    socket.on("drain", () => this.#line.drain());
    socket.on("data", (bytes) => this.#receive(bytes));
    this.#closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isOpen = false;
        this.#line.close();
        this.#calls?.close();
        void (this.#session?.close() ?? Promise.resolve()).then(resolve);
      });
    });
    void this.#closed.then(onClosed);
  }

  /** Ends it if it has not begun for long. */
  closeIfIdle(nowMs: number): void {
    if (this.#isTakenOver) return;
    if (this.#session === undefined && nowMs - this.#openedMs > HELLO_MS_MAX) this.close();
  }

  /** Executes nothing more, answers what was begun, and ends it. */
  async finish(): Promise<void> {
    this.#calls?.close();
    await this.#session?.finish();
    if (this.#isOpen) this.#socket.end();
    await this.#closed;
  }

  /** Ends it. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#isOpen || this.#isTakenOver) return;
    try {
      this.#line.receive(bytes);
    } catch {
      // The other side speaks another language.
      this.#isOpen = false;
      this.close();
    }
  }

  #take(frame: Frame): void {
    if (!this.#isOpen) return;
    if (!this.#hasBegun && frame.kind !== RequestFrame.HELLO) return this.#giveAway(frame);
    if (!this.#hasBegun) return this.#begin(decodeHello(frame));
    if (this.#session === undefined) throw new FrameError("a hello must be answered first");
    if (frame.kind === RequestFrame.REQUESTS) this.#session.receive(frame.body);
    else if (isCallFrame(frame.kind)) this.#calls!.receive(frame);
    else if (isFarewell(frame)) this.#onFarewell();
    else throw new FrameError(`a frame must be one that is due, got kind ${frame.kind}`);
  }

  #giveAway(frame: Frame): void {
    this.#hasBegun = true;
    this.#isTakenOver = true;
    this.#parts.takeOver(this.#socket, frame);
  }

  #begin(hello: Hello): void {
    this.#hasBegun = true;
    const { previous } = hello;
    if (previous === undefined) return this.#welcome(hello, undefined);
    // What is still in progress for the session before, in this process, ends first.
    void this.#parts.register.judge(previous).then((verdicts) => {
      if (this.#isOpen) this.#welcome(hello, verdicts);
    }).catch(() => this.close());
  }

  #welcome(hello: Hello, verdicts: SessionVerdicts | undefined): void {
    const parts = this.#parts;
    const { register } = parts;
    const write = (bytes: Uint8Array) => this.#isOpen && this.#line.send(bytes);
    let welcome: Welcome;
    try {
      welcome = { ...parts.welcome(hello), verdicts };
    } catch (error) {
      if (!isDinomoError(error)) throw error;
      this.#isOpen = false;
      this.#socket.end(encodeRefusal(error as DinomoError));
      return;
    }
    const { session } = welcome;
    const onConfirmed = (number: number) => register.confirm(session, number);
    const { memory } = this.#line;
    this.#session = new GatewaySession({ ...parts, session, onConfirmed, write, memory });
    register.enter(session, this.#session, hello.previous?.session);
    this.#calls = parts.makeCalls(write);
    this.#line.bodyBytesMax = requestFrameBytesMax(parts.segmentBytes);
    this.#onFarewell = () => {
      this.#isOpen = false;
      this.close();
      void register.end(session);
    };
    void this.#closed.then(() => register.leave(session));
    write(encodeWelcome(welcome));
  }
}
