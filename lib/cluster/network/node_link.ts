/**
 * One connection to a node of a cluster, at the end of an application thread.
 *
 * It does not keep the process alive.
 *
 * @module
 */
import { connect } from "node:net";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import { HELLO_MS_MAX, WELCOME_BYTES_MAX } from "../../core/limits.ts";
import { startTimer, type Timer } from "../../platform/runtime.ts";
import { isCallFrame, RequestFrame } from "../../gateway/request_frames.ts";
import { isLoopback } from "../../platform/loopback.ts";
import { type Frame, FrameError, FrameReader } from "../../wire/frame.ts";
import type { ByteStream } from "./byte_stream.ts";
import {
  answerChallenge,
  CLUSTER_FORMAT,
  ClusterFrame,
  type ClusterHello,
  decodeDistrust,
  encodeClusterHello,
  makeNonce,
  WRONG_SECRET,
  WrongSecretError,
} from "./cluster_handshake.ts";
import { connectTls, distrustOf, isEncrypted } from "./cluster_tls.ts";
import { type NodePlace, parseAddress } from "./node_address.ts";
import { clusterFrameBytesMax } from "./record_sizes.ts";

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
  onEnd(failure: LinkFailure | undefined): void;
}

/** Why a connection has ended before the node took requests. */
export interface LinkFailure {
  readonly reason: string;
  /** Whether one of both does not trust the other: it is going to be so again. */
  readonly isDistrust: boolean;
}

/** Makes a connection; in tests one that is simulated. */
export type Connect = (host: string, port: number, tls: TlsIdentity | undefined) => ByteStream;

/** By TCP, encrypted if there is a certificate. */
export function connectTcp(
  host: string,
  port: number,
  tls: TlsIdentity | undefined,
): ByteStream {
  return tls === undefined ? connect({ host, port, noDelay: true }) : connectTls(tls, host, port);
}

/** How a node is reached. */
export interface NodeLinkOptions {
  readonly connect: Connect;
  /** As in node_address.ts. */
  readonly address: string;
  readonly node: number;
  readonly session: number;
  /** As in {@linkcode ClusterHello}. */
  readonly number: number;
  readonly secret: string | undefined;
  /** Undefined if connections are not encrypted. */
  readonly tls: TlsIdentity | undefined;
  /** Bytes of a message of the cluster, at most. */
  readonly messageBytes: number;
  readonly ends: NodeLinkEnds;
}

/** A connection, from the first attempt to its end. */
export class NodeLink {
  readonly #socket: ByteStream;
  readonly #options: NodeLinkOptions;
  readonly #hello: ClusterHello;
  readonly #reader = new FrameReader(WELCOME_BYTES_MAX);
  readonly #timer: Timer;
  readonly #place: NodePlace;
  #isWelcome = false;
  #wasChallenged = false;
  #isOpen = true;
  #failure: LinkFailure | undefined;

  /** Connects. */
  constructor(options: NodeLinkOptions) {
    const { address, node, session, number } = options;
    this.#options = options;
    this.#hello = { format: CLUSTER_FORMAT, session, number, node, nonce: makeNonce() };
    const { host, port } = this.#place = parseAddress(address);
    const socket = this.#socket = options.connect(host, port, options.tls);
    const { helloMsMax = HELLO_MS_MAX } = socket;
    const onLate = () => this.#fail(`it has not answered within ${helloMsMax} ms`, false);
    this.#timer = startTimer(onLate, helloMsMax, { keepsAlive: false });
    socket.unref();
    socket.on("error", ({ message }) => this.#fail(message, false));
    socket.on(isEncrypted(socket) ? "secureConnect" : "connect", () => this.#begin());
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("close", () => {
      this.#isOpen = false;
      this.#timer.stop();
      const ended = { reason: "it has ended the connection", isDistrust: false };
      options.ends.onEnd(this.#isWelcome ? undefined : this.#failure ?? ended);
    });
    const rule = this.#brokenRule();
    if (rule !== undefined) this.#fail(rule, true);
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

  /** Why nothing may be sent to where the node says that it is. */
  #brokenRule(): string | undefined {
    const { tls } = this.#options;
    const place = this.#place;
    if (place.isEncrypted) {
      return tls === undefined ? "it asks for cluster.tls, which is not given here" : undefined;
    }
    if (tls !== undefined) return "cluster.tls is given here, and not there";
    return isLoopback(place.host)
      ? undefined
      : "it is on another machine, and must be given cluster.tls and cluster.secret";
  }

  #fail(reason: string, isDistrust: boolean): void {
    this.#failure ??= { reason, isDistrust };
    this.close();
  }

  #begin(): void {
    if (!this.#isOpen) return;
    const distrust = distrustOf(this.#socket, this.#place.host);
    if (distrust !== undefined) return this.#fail(distrust, true);
    this.#socket.write(encodeClusterHello(this.#hello));
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    try {
      for (const frame of this.#reader.read(bytes)) {
        if (this.#isOpen) this.#take(frame);
      }
    } catch (error) {
      const isWrong = error instanceof WrongSecretError;
      this.#fail(isWrong ? WRONG_SECRET : String(error), isWrong);
      if (!(error instanceof FrameError)) throw error;
    }
  }

  #take(frame: Frame): void {
    const { secret, ends, messageBytes } = this.#options;
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
    if (frame.kind === ClusterFrame.DISTRUST) {
      return this.#fail(`it says of this process: ${decodeDistrust(frame)}`, true);
    }
    if (frame.kind === ClusterFrame.CHALLENGE && secret === undefined) {
      return this.#fail("it asks for cluster.secret, which is not given here", true);
    }
    if (frame.kind !== RequestFrame.WELCOME) throw new FrameError("a hello must be answered");
    if (secret !== undefined && !this.#wasChallenged) throw new WrongSecretError();
    this.#isWelcome = true;
    this.#timer.stop();
    this.#reader.bodyBytesMax = clusterFrameBytesMax(messageBytes);
    ends.onOpen();
  }
}
