/**
 * One connection to a node of a cluster, at the node's end: its first frames, and its session.
 *
 * Nothing that comes is believed. Bytes that are no frames, or not those that are due, end the
 * connection, and disturb no other.
 *
 * @module
 */
import { HELLO_BYTES_MAX, HELLO_MS_MAX } from "../../core/limits.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import type { RequestRules } from "../../gateway/request_check.ts";
import { isCallFrame, RequestFrame } from "../../gateway/request_frames.ts";
import { encodeFailure } from "../../gateway/carried_errors.ts";
import { encodeMessage } from "../../gateway/json_frames.ts";
import { CallServer, type CallServerOptions } from "../../wire/call_server.ts";
import { type Frame, FrameError, FrameReader } from "../../wire/frame.ts";
import type { ByteStream } from "./byte_stream.ts";
import {
  checkProof,
  type ClusterHello,
  decodeClusterHello,
  encodeChallenge,
  encodeDistrust,
  makeNonce,
  WRONG_SECRET,
  WrongSecretError,
} from "./cluster_handshake.ts";
import { distrustOf, isEncrypted } from "./cluster_tls.ts";
import { NodeSession, type RequestExecutor } from "./node_session.ts";
import { clusterFrameBytesMax } from "./record_sizes.ts";

/** What all connections to a node have in common. */
export interface NodeConnectionParts {
  /** Number of the node. */
  readonly node: number;
  readonly secret: string | undefined;
  readonly executor: RequestExecutor;
  readonly rules: RequestRules;
  /** Bytes of a message of the cluster, at most. */
  readonly messageBytes: number;
  /** Answers a call by items; see call_server.ts. */
  readonly answer: CallServerOptions["answer"];
  /** A connection has shown that it may send requests: false if it has come too late for that. */
  readonly onBegin: (hello: ClusterHello) => boolean;
  /** Whether it is of the thread with which the node shares values. */
  readonly isOwn: boolean;
  /** Who has connected, from an address, is not trusted, or does not trust the node. */
  readonly onDistrust: (from: string, reason: string) => void;
}

/** A connection, as long as it is open. */
export class NodeConnection {
  readonly #socket: ByteStream;
  readonly #parts: NodeConnectionParts;
  readonly #reader = new FrameReader(HELLO_BYTES_MAX);
  readonly #openedMs = monotonicMs();
  readonly #from: string;
  #hello: ClusterHello | undefined;
  #nonce = "";
  #session: NodeSession | undefined;
  #calls: CallServer | undefined;
  #isOpen = true;

  /** Takes what comes; `onClosed` is called once. */
  constructor(socket: ByteStream, parts: NodeConnectionParts, onClosed: () => void) {
    this.#socket = socket;
    this.#parts = parts;
    this.#from = socket.remoteAddress ?? "";
    socket.setNoDelay();
    socket.on("error", () => socket.destroy());
    socket.on("drain", () => {
      this.#session?.drain();
      this.#calls?.drain();
    });
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("close", () => {
      // By itself, so the other side has a reason.
      if (this.#isOpen && this.#session === undefined) this.#noteUnbegun();
      this.close();
      onClosed();
    });
    const distrust = distrustOf(socket, undefined);
    if (distrust !== undefined) this.#refuse(distrust);
  }

  /** In whose name it sends requests; undefined before that is known. */
  get begun(): ClusterHello | undefined {
    return this.#session === undefined ? undefined : this.#hello;
  }

  /** Whether everything that has come was answered. */
  get isIdle(): boolean {
    return this.#session?.isIdle !== false && this.#socket.writableLength === 0;
  }

  /** The node is not crowded any more. */
  resume(): void {
    this.#session?.resume();
  }

  /** Ends it if it has not begun for long. */
  closeIfIdle(nowMs: number): void {
    if (this.#session === undefined && nowMs - this.#openedMs > HELLO_MS_MAX) this.close();
  }

  /** Ends it: nothing that has come by it, or comes, is begun any more. */
  close(): void {
    this.#isOpen = false;
    this.#session?.close();
    this.#calls?.close();
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    try {
      for (const frame of this.#reader.read(bytes)) {
        if (this.#isOpen) this.#take(frame);
      }
    } catch (error) {
      if (error instanceof WrongSecretError) return this.#refuse(WRONG_SECRET);
      // The other side speaks another language.
      this.close();
      if (!(error instanceof FrameError)) throw error;
    }
  }

  /** Says why it ends, and takes nothing more. */
  #refuse(reason: string): void {
    this.#isOpen = false;
    this.#parts.onDistrust(this.#from, reason);
    this.#socket.end(encodeDistrust(reason));
  }

  #noteUnbegun(): void {
    const { onDistrust } = this.#parts;
    if (this.#nonce !== "") onDistrust(this.#from, "it has not shown that it knows cluster.secret");
    else if (isEncrypted(this.#socket) && this.#hello === undefined) {
      onDistrust(this.#from, "it has ended the connection when it had seen the certificate");
    }
  }

  #take(frame: Frame): void {
    if (this.#session !== undefined) {
      if (isCallFrame(frame.kind)) return this.#calls!.receive(frame);
      if (frame.kind !== RequestFrame.REQUESTS) {
        throw new FrameError("a frame must be one that is due");
      }
      return this.#session.receive(frame.body);
    }
    const { secret } = this.#parts;
    if (this.#hello === undefined) {
      this.#hello = this.#takeHello(frame);
      if (secret === undefined) return this.#begin();
      this.#nonce = makeNonce();
      this.#write(encodeChallenge(secret, this.#hello, this.#nonce));
      return;
    }
    checkProof(frame, secret!, this.#hello, this.#nonce);
    this.#begin();
  }

  #takeHello(frame: Frame): ClusterHello {
    const hello = decodeClusterHello(frame);
    if (hello.node === this.#parts.node) return hello;
    throw new FrameError("a connection must be to the node that is meant");
  }

  #begin(): void {
    const { executor, rules, answer, onBegin, messageBytes, isOwn } = this.#parts;
    const { session } = this.#hello!;
    if (!onBegin(this.#hello!)) return this.close();
    const write = (bytes: Uint8Array) => this.#write(bytes);
    this.#session = new NodeSession({ session, executor, rules, isOwn, write });
    this.#calls = new CallServer({ answer, failureOf: encodeFailure, write });
    this.#reader.bodyBytesMax = clusterFrameBytesMax(messageBytes);
    this.#write(encodeMessage(RequestFrame.WELCOME, {}));
  }

  #write(bytes: Uint8Array): boolean {
    return this.#isOpen && this.#socket.write(bytes);
  }
}
