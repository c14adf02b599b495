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
import { HELLO_MS_MAX, WELCOME_BYTES_MAX } from "../core/limits.ts";
import { startTimer } from "../core/runtime.ts";
import { LOCK_FILE } from "../persistence/pool_directory.ts";
import { assertGranted, GATEWAY, isTrusted, socketPlaceOf } from "../persistence/socket_place.ts";
import { type Frame, FrameError, FrameReader } from "../wire/frame.ts";
import { decodeWelcome, encodeHello, type Hello, type Welcome } from "./handshake.ts";
import { answerFrameBytesMax } from "./request_frames.ts";

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
  readonly #frames: FrameReader;
  #ends: HostConnectionEnds = IGNORED;
  /** Frames that have come before anybody has taken them. */
  #early: Frame[] | undefined = [];
  #isOpen = true;
  #failure: FrameError | undefined;

  private constructor(socket: Socket, frames: FrameReader, welcome: Welcome) {
    this.#socket = socket;
    this.#frames = frames;
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
    const frames = new FrameReader(WELCOME_BYTES_MAX);
    try {
      const [first, ...others] = await shakeHands(socket, frames, hello());
      if (first === undefined) {
        socket.destroy();
        return undefined;
      }
      const welcome = decodeWelcome(first);
      frames.bodyBytesMax = answerFrameBytesMax(welcome.segmentBytes);
      const connection = new HostConnection(socket, frames, welcome);
      connection.#early!.push(...others);
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
    return this.#isOpen && this.#socket.write(bytes);
  }

  /** Ends it. */
  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.unref();
    socket.removeAllListeners();
    socket.on("error", () => socket.destroy());
    socket.on("drain", () => this.#ends.onDrain());
    socket.on("close", () => {
      this.#isOpen = false;
      if (this.#early === undefined) this.#ends.onEnd(this.#failure);
    });
    socket.on("data", (bytes) => {
      if (!this.#isOpen) return;
      this.#guard(() => {
        for (const frame of this.#frames.read(bytes)) {
          if (this.#early === undefined) this.#ends.onFrame(frame);
          else this.#early.push(frame);
        }
      });
    });
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

/** The first frames that come; none if the connection ends before. */
function shakeHands(socket: Socket, frames: FrameReader, hello: Hello): Promise<Frame[]> {
  return new Promise((resolve, reject) => {
    const timer = startTimer(() => end([]), HELLO_MS_MAX);
    const end = (come: Frame[]) => {
      timer.stop();
      resolve(come);
    };
    socket.on("error", () => socket.destroy());
    socket.on("close", () => end([]));
    socket.on("data", (bytes) => {
      try {
        const come = frames.read(bytes);
        if (come.length > 0) end(come);
      } catch (error) {
        timer.stop();
        reject(error);
      }
    });
    socket.write(encodeHello(hello));
  });
}

async function connectTo(directory: string): Promise<Socket | undefined> {
  const info = statSync(directory, { bigint: true, throwIfNoEntry: false });
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
