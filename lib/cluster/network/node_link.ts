/**
 * One connection to a node of a cluster, at the end of an application thread.
 *
 * It does not keep the process alive.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { HELLO_MS_MAX, REMOTE_BYTES_MAX, WELCOME_BYTES_MAX } from "../../core/limits.ts";
import { startTimer, type Timer } from "../../core/runtime.ts";
import { isCallFrame, RequestFrame } from "../../gateway/request_frames.ts";
import { type Frame, FrameError, FrameReader } from "../../wire/frame.ts";
import {
  answerChallenge,
  CLUSTER_FORMAT,
  ClusterFrame,
  type ClusterHello,
  encodeClusterHello,
  makeNonce,
} from "./cluster_handshake.ts";
import { CLUSTER_SEGMENT_BYTES } from "./record_sizes.ts";

/** Who is told what becomes of a connection. */
export interface NodeLinkEnds {
  /** The node takes requests. */
  onOpen(): void;
  /**
   * Takes the body of a frame of answers.
   *
   * @throws {FrameError} when it is none: the connection is ended
   */
  onAnswers(body: Uint8Array): void;
  /**
   * Takes a frame of a call.
   *
   * @throws {FrameError} when it is none that is due: the connection is ended
   */
  onCall(frame: Frame): void;
  /** It has ended; called once, and not before the call that has made it returns. */
  onEnd(): void;
}

/** Makes a connection; in tests one that is simulated. */
export type Connect = (host: string, port: number) => Socket;

/** By TCP. */
export function connectTcp(host: string, port: number): Socket {
  return connect({ host, port, noDelay: true });
}

/** How a node is reached. */
export interface NodeLinkOptions {
  readonly connect: Connect;
  /** As `host:port`. */
  readonly address: string;
  readonly node: number;
  readonly session: number;
  readonly secret: string | undefined;
  readonly ends: NodeLinkEnds;
}

/** A connection, from the first attempt to its end. */
export class NodeLink {
  readonly #socket: Socket;
  readonly #options: NodeLinkOptions;
  readonly #hello: ClusterHello;
  readonly #reader = new FrameReader(WELCOME_BYTES_MAX);
  readonly #timer: Timer;
  #isWelcome = false;
  #wasChallenged = false;
  #isOpen = true;

  /** Connects. */
  constructor(options: NodeLinkOptions) {
    const { address, node, session } = options;
    this.#options = options;
    this.#hello = { format: CLUSTER_FORMAT, session, node, nonce: makeNonce() };
    this.#timer = startTimer(() => this.close(), HELLO_MS_MAX, { keepsAlive: false });
    const socket = this.#socket = options.connect(...placeOf(address));
    socket.unref();
    socket.on("error", () => socket.destroy());
    socket.on("connect", () => void socket.write(encodeClusterHello(this.#hello)));
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("close", () => {
      this.#isOpen = false;
      this.#timer.stop();
      options.ends.onEnd();
    });
  }

  /** Whether the node takes requests. */
  get isWelcome(): boolean {
    return this.#isOpen && this.#isWelcome;
  }

  /** Sends a frame. */
  write(bytes: Uint8Array): void {
    if (this.#isOpen) this.#socket.write(bytes);
  }

  /** Ends it. */
  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    try {
      for (const frame of this.#reader.read(bytes)) {
        if (this.#isOpen) this.#take(frame);
      }
    } catch (error) {
      this.close();
      if (!(error instanceof FrameError)) throw error;
    }
  }

  #take(frame: Frame): void {
    const { secret, ends } = this.#options;
    if (this.#isWelcome) {
      if (isCallFrame(frame.kind)) return ends.onCall(frame);
      if (frame.kind !== RequestFrame.ANSWERS) {
        throw new FrameError("a frame must be one that is due");
      }
      return ends.onAnswers(frame.body);
    }
    if (frame.kind === ClusterFrame.CHALLENGE && secret !== undefined && !this.#wasChallenged) {
      this.#wasChallenged = true;
      this.write(answerChallenge(frame, secret, this.#hello));
      return;
    }
    const isDue = frame.kind === RequestFrame.WELCOME &&
      this.#wasChallenged === (secret !== undefined);
    if (!isDue) throw new FrameError("a hello must be answered");
    this.#isWelcome = true;
    this.#timer.stop();
    this.#reader.bodyBytesMax = CLUSTER_SEGMENT_BYTES + 2 * REMOTE_BYTES_MAX;
    ends.onOpen();
  }
}

/** Host and port of an address; an address that is none is of no host. */
function placeOf(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return [host, Number(address.slice(colon + 1))];
}
