/**
 * Asks the process that has a pool open, by its socket.
 *
 * @module
 */
import { statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { PathError } from "../core/errors.ts";
import {
  LIVE_ANSWER_BYTES_MAX,
  LIVE_ANSWER_MS_MAX,
  LIVE_REQUEST_BYTES_MAX,
} from "../core/limits.ts";
import { startTimer } from "../platform/runtime.ts";
import { LOCK_FILE } from "../persistence/pool_directory.ts";
import { decodeMessage, encodeMessage } from "../gateway/json_frames.ts";
import { type Frame, FrameError, FrameReader } from "../wire/frame.ts";
import {
  type LiveDescription,
  type LiveFailure,
  type LiveRequest,
  MessageKind,
} from "./live_messages.ts";
import {
  GATEWAY,
  INSPECTED,
  isTrusted,
  type PlacedDirectory,
  socketPlaceOf,
  type SocketUse,
} from "../persistence/socket_place.ts";

/** Frames that may wait to be taken before the socket is not read any more. */
const WAITING_FRAMES_MAX = 64;
/** Codes of a place where no process listens. */
const NOBODY: readonly unknown[] = ["ENOENT", "ENOTDIR", "ECONNREFUSED", "ENOTSOCK"];

/** What the process that has the pool open has refused, or failed in. */
export class LiveError extends Error {
  static {
    this.prototype.name = "LiveError";
  }

  /** The code of a `DinomoError`; "" for any other error. */
  readonly code: string;

  /** Made of what the other side says. */
  constructor({ name, code, message }: LiveFailure) {
    super(`${name}: ${message}`);
    this.code = code;
  }
}

/** A connection to the process that has a pool open. */
export class LiveClient {
  /** Who answers. */
  readonly description: LiveDescription;
  readonly #line: Line;

  private constructor(line: Line, description: LiveDescription) {
    this.#line = line;
    this.description = description;
  }

  /**
   * Connects to the process that has the pool at a path open; undefined if none does, or it does
   * not listen.
   *
   * @throws {PathError} when the socket may not be used, or does not answer
   */
  static async connect(path: string): Promise<LiveClient | undefined> {
    const directory = resolve(path);
    const info = infoOf(directory);
    if (info === undefined) return undefined;
    const placed = { path: directory, device: info.dev, inode: info.ino };
    const line = await lineTo(placed, INSPECTED) ?? await lineTo(placed, GATEWAY);
    if (line === undefined) return undefined;
    try {
      const [description] = await collect(line.ask({ op: "describe" }));
      return new LiveClient(line, description as LiveDescription);
    } catch (error) {
      line.close();
      throw error;
    }
  }

  /**
   * Asks, and takes the items of the answer as they come. The next request must wait for the end of
   * this one.
   *
   * @throws {LiveError} when the other side refuses it, or fails
   * @throws {PathError} when the other side is gone, or does not answer
   */
  ask(request: LiveRequest): AsyncGenerator<unknown> {
    return this.#line.ask(request);
  }

  /** Asks for what is answered by one item, or by none. */
  async askOnce(request: LiveRequest): Promise<unknown> {
    const [item] = await collect(this.ask(request));
    return item;
  }

  /** Ends the connection. */
  close(): void {
    this.#line.close();
  }
}

/** A socket, as frames that come and can be waited for. */
class Line {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #reader = new FrameReader(LIVE_ANSWER_BYTES_MAX);
  readonly #frames: Frame[] = [];
  #isClosed = false;
  #failure: unknown;
  #onChange = () => {};

  constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(undefined));
    socket.on("data", (bytes) => {
      try {
        this.#frames.push(...this.#reader.read(bytes));
      } catch (error) {
        this.#end(error);
      }
      if (this.#frames.length >= WAITING_FRAMES_MAX) socket.pause();
      this.#onChange();
    });
  }

  async *ask(request: LiveRequest): AsyncGenerator<unknown> {
    const bytes = encodeMessage(MessageKind.REQUEST, request);
    if (bytes.length > LIVE_REQUEST_BYTES_MAX) {
      throw new LiveError({
        name: "ValueTooLargeError",
        code: "DINOMO_VALUE_TOO_LARGE",
        message: `a request must have at most ${LIVE_REQUEST_BYTES_MAX} bytes, got ${bytes.length}`,
      });
    }
    this.#socket.write(bytes);
    const isWatch = request.op === "watch" || request.op === "watchPrefix";
    for (;;) {
      const frame = await this.#next(isWatch ? Infinity : LIVE_ANSWER_MS_MAX);
      if (frame.kind === MessageKind.END) return;
      const content = decodeMessage(frame);
      if (frame.kind === MessageKind.FAILURE) throw new LiveError(content as LiveFailure);
      if (frame.kind !== MessageKind.ITEM) throw new FrameError("a frame must be an answer");
      yield content;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves to the next frame. */
  async #next(msMax: number): Promise<Frame> {
    if (this.#frames.length === 0 && !this.#isClosed) await this.#change(msMax);
    const frame = this.#frames.shift();
    if (frame === undefined) throw this.#silence(msMax);
    if (this.#frames.length === 0) this.#socket.resume();
    return frame;
  }

  #change(msMax: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = msMax === Infinity ? undefined : startTimer(resolve, msMax);
      this.#onChange = () => {
        timer?.stop();
        resolve();
      };
    });
  }

  #end(failure: unknown): void {
    this.#failure ??= failure;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#onChange();
  }

  #silence(msMax: number): PathError {
    const how = this.#isClosed ? "has closed the connection" : `said nothing for ${msMax} ms`;
    return new PathError(
      `path must be a pool whose process answers, and the one at ${
        JSON.stringify(this.#path)
      } ${how}`,
      { cause: this.#failure },
    );
  }
}

/** What is known of a directory; undefined if there is none that may be looked at. */
function infoOf(directory: string): { readonly dev: bigint; readonly ino: bigint } | undefined {
  try {
    return statSync(directory, { bigint: true });
  } catch {
    return undefined;
  }
}

async function lineTo(directory: PlacedDirectory, use: SocketUse): Promise<Line | undefined> {
  const place = socketPlaceOf(directory, use);
  if (!isTrusted(place, join(directory.path, LOCK_FILE))) return undefined;
  const socket = await connectTo(place.path);
  return socket && new Line(socket, place.path);
}

function connectTo(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (error: Error & { code?: string }) => {
      if (NOBODY.includes(error.code)) return resolve(undefined);
      reject(
        new PathError(
          `path must be a pool whose socket may be used, failed at ${JSON.stringify(path)}: ` +
            error.message,
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

async function collect(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) all.push(item);
  return all;
}
