/**
 * One connection to the process that has the pool open, at the end of another one: its first
 * frames, and who takes the others.
 *
 * It does not keep the process alive.
 *
 * @module
 */
import { statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { PathError } from "../core/errors.ts";
import { BLOCKED_SILENCE_MS_MAX, HELLO_MS_MAX, WELCOME_BYTES_MAX } from "../core/limits.ts";
import { LOCK_FILE } from "../persistence/pool_directory.ts";
import { assertGranted, GATEWAY, isTrusted, socketPlaceOf } from "../persistence/socket_place.ts";
import { startTimer } from "../platform/runtime.ts";
import { settlesWithin } from "../platform/settles_within.ts";
import { type Frame, FrameError } from "../wire/frame.ts";
import { AnswerFifo } from "./answer_fifo.ts";
import { decodeWelcome, encodeHello, type Hello, type Welcome } from "./handshake.ts";
import { RemoteLine } from "./remote_line.ts";
import { answerFrameBytesMax } from "./request_frames.ts";

/** A process that stands still does not take what was written; what is left is of no importance. */
const FINISH_MS_MAX = 100;
/** Codes of a place where no process listens, or not now. */
const NOBODY: readonly unknown[] = [
  "ENOENT",
  "ENOTDIR",
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTSOCK",
  // Too many connect at this moment.
  "EAGAIN",
];

/** Who takes what comes. */
export interface HostConnectionEnds {
  /** @throws {FrameError} when the frame is not one that is due: the connection is ended */
  onFrame(frame: Frame): void;
  /** What was written has been taken. */
  onDrain(): void;
  /** Called once; with what the other side has broken, if it has. */
  onEnd(error: FrameError | undefined): void;
}

const IGNORED: HostConnectionEnds = { onFrame: () => {}, onDrain: () => {}, onEnd: () => {} };

/** A connection, as long as it is open. */
export class HostConnection {
  /** What was answered. */
  readonly welcome: Welcome;
  readonly #socket: Socket;
  readonly #line: RemoteLine;
  #ends: HostConnectionEnds = IGNORED;
  /** Frames that have come before anybody has taken them. */
  #early: Frame[] | undefined = [];
  #isOpen = true;
  #failure: FrameError | undefined;

  private constructor(socket: Socket, line: RemoteLine, welcome: Welcome) {
    this.#socket = socket;
    this.#line = line;
    this.welcome = welcome;
  }

  /**
   * Connects to the process that has the pool in a directory open; undefined if none listens there,
   * or none answers that speaks this language.
   *
   * @param directory absolute
   * @throws {PathError} when the socket may not be used
   * @throws {DinomoError} when the other side refuses it
   */
  static async connect(
    directory: string,
    hello: () => Hello,
  ): Promise<HostConnection | undefined> {
    const socket = await connectTo(directory);
    if (socket === undefined) return undefined;
    const come: Frame[] = [];
    let connection: HostConnection | undefined;
    const line = new RemoteLine({
      bodyBytesMax: WELCOME_BYTES_MAX,
      write: (bytes) => void socket.write(bytes),
      heldBytes: () => socket.writableLength,
      makeFifo: () => new AnswerFifo(directory, BLOCKED_SILENCE_MS_MAX),
      onFrame: (frame) => {
        if (connection === undefined) come.push(frame);
        else connection.#take(frame);
      },
      onDrain: () => {
        if (connection !== undefined) connection.#ends.onDrain();
      },
    });
    try {
      await shakeHands(socket, line, hello(), () => come.length > 0);
      const first = come.shift();
      if (first === undefined) {
        socket.destroy();
        return undefined;
      }
      const welcome = decodeWelcome(first);
      line.bodyBytesMax = answerFrameBytesMax(welcome.segmentBytes);
      connection = new HostConnection(socket, line, welcome);
      connection.#early!.push(...come);
      connection.#listen();
      return connection;
    } catch (error) {
      socket.destroy();
      if (error instanceof FrameError) return undefined;
      throw error;
    }
  }

  /** Whether it has not ended. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Gives all that has come, and comes, to who is to take it. */
  open(ends: HostConnectionEnds): void {
    this.#ends = ends;
    const early = this.#early!;
    this.#early = undefined;
    this.#guard(() => early.forEach((frame) => ends.onFrame(frame)));
    if (!this.#isOpen) ends.onEnd(this.#failure);
  }

  /** Sends bytes; false if they have not all been taken. */
  write(bytes: Uint8Array): boolean {
    return this.#isOpen && this.#line.send(bytes);
  }

  /**
   * Makes what is needed for blocking until something comes.
   *
   * @throws {HostOnlyError} when this thread cannot block: nothing was sent
   */
  prepareToBlock(): void {
    this.#line.prepareToBlock();
  }

  /**
   * Blocks until something has come, and takes it; returns as well when the connection has ended.
   *
   * @throws {UnavailableError} when nothing comes for too long; the connection has ended then
   */
  block(): void {
    let isOpen = false;
    try {
      this.#guard(() => isOpen = this.#line.block());
    } finally {
      // Also when this thread has given up: the next connection asks what has come of its requests.
      if (!isOpen) {
        this.close();
        this.#end();
      }
    }
  }

  /** Takes what comes from the event loop again. */
  listen(): void {
    this.#line.listen();
  }

  /** Ends it. */
  close(): void {
    this.#socket.destroy();
  }

  /** Takes nothing more, and ends it when the system has what was written. */
  async finish(): Promise<void> {
    const socket = this.#socket;
    if (this.#isOpen) {
      this.#end();
      // Who closes a store waits for this.
      socket.ref();
      const left = new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.end(() => resolve());
      });
      await settlesWithin(left, FINISH_MS_MAX);
    }
    this.close();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.unref();
    socket.removeAllListeners();
    socket.on("error", () => socket.destroy());
    socket.on("drain", () => this.#ends.onDrain());
    socket.on("close", () => this.#end());
    socket.on("data", (bytes) => {
      if (!this.#isOpen) return;
      this.#guard(() => this.#line.receive(bytes));
    });
  }

  #end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#line.close();
    if (this.#early === undefined) this.#ends.onEnd(this.#failure);
  }

  #take(frame: Frame): void {
    if (this.#early === undefined) this.#ends.onFrame(frame);
    else this.#early.push(frame);
  }

  #guard(take: () => void): void {
    try {
      take();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#failure = error;
      this.close();
    }
  }
}

/** Resolves when a frame has come, or the connection has ended. */
function shakeHands(
  socket: Socket,
  line: RemoteLine,
  hello: Hello,
  hasCome: () => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = startTimer(() => end(), HELLO_MS_MAX);
    const end = () => {
      timer.stop();
      resolve();
    };
    socket.on("error", () => socket.destroy());
    socket.on("close", end);
    socket.on("data", (bytes) => {
      try {
        line.receive(bytes);
        if (hasCome()) end();
      } catch (error) {
        timer.stop();
        reject(error);
      }
    });
    line.send(encodeHello(hello));
  });
}

/** What is known of a directory; undefined if there is none that may be looked at. */
function infoOf(directory: string): { readonly dev: bigint; readonly ino: bigint } | undefined {
  try {
    return statSync(directory, { bigint: true });
  } catch {
    return undefined;
  }
}

async function connectTo(directory: string): Promise<Socket | undefined> {
  const info = infoOf(directory);
  if (info === undefined) return undefined;
  const place = socketPlaceOf({ path: directory, device: info.dev, inode: info.ino }, GATEWAY);
  assertGranted(place);
  if (!isTrusted(place, join(directory, LOCK_FILE))) return undefined;
  return await new Promise((resolve, reject) => {
    const socket = connect(place.path);
    const fail = (error: Error & { code?: string }) => {
      if (NOBODY.includes(error.code)) return resolve(undefined);
      reject(
        new PathError(
          `path must be of a pool whose socket may be used, failed at ${
            JSON.stringify(place.path)
          }: ${error.message}`,
          { cause: error },
        ),
      );
    };
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.off("error", fail);
      resolve(socket);
    });
  });
}
