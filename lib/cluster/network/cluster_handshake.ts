/**
 * The first frames of a connection to a node of a cluster.
 *
 * ```text
 *   thread                                     node
 *   HELLO     session, number,       ------->
 *             node, nonce
 *             <-------  CHALLENGE  nonce, proof      only if there is a secret
 *   PROOF     proof                  ------->
 *             <-------  WELCOME              or DISTRUST, with a reason
 * ```
 *
 * A proof is an HMAC of both nonces and of the prover's part, under the secret: each side shows
 * that it knows the secret, and neither shows it, nor can show what the other one has shown.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { decodeMessage, encodeMessage } from "../../gateway/json_frames.ts";
import { RequestFrame } from "../../gateway/request_frames.ts";
import { type Frame, FrameError } from "../../wire/frame.ts";

/** Changes whenever two versions of the library would not understand each other. */
export const CLUSTER_FORMAT = 2;
/** Kinds of frames that only these connections have. */
export const ClusterFrame = { CHALLENGE: 48, PROOF: 49, DISTRUST: 50 } as const;

/** What is wrong if a proof is not the right one. */
export const WRONG_SECRET = "it does not know the cluster.secret that the other side has";

const NONCE_BYTES = 24;
/** A reason is not longer, whoever gives it. */
const REASON_CHARS_MAX = 300;
const NONCE_CHARS = 32;

/** The other side does not know the secret. */
export class WrongSecretError extends FrameError {
  constructor() {
    super("both sides of a connection must know the same secret");
  }
}

/** What a thread says that has connected. */
export interface ClusterHello {
  readonly format: number;
  /** In whose name the thread sends requests; no other one has the same, ever. */
  readonly session: number;
  /** Of two connections of a session the later one has the higher number. */
  readonly number: number;
  /** The node that it means to reach. */
  readonly node: number;
  readonly nonce: string;
}

/** Makes something nobody can know before. */
export function makeNonce(): string {
  return randomBytes(NONCE_BYTES).toString("base64url");
}

/** Makes the first frame. */
export function encodeClusterHello(hello: ClusterHello): Uint8Array {
  return encodeMessage(RequestFrame.HELLO, hello);
}

/**
 * What a thread wants that has connected.
 *
 * @throws {FrameError} when it is not what comes first
 */
export function decodeClusterHello(frame: Frame): ClusterHello {
  if (frame.kind !== RequestFrame.HELLO) throw new FrameError("the first frame must be a hello");
  const hello = Object(decodeMessage(frame)) as ClusterHello;
  const isHello = hello.format === CLUSTER_FORMAT && Number.isSafeInteger(hello.session) &&
    hello.session > 0 && Number.isSafeInteger(hello.number) && Number.isInteger(hello.node) &&
    isNonce(hello.nonce);
  if (!isHello) throw new FrameError("a hello must say who connects");
  return hello;
}

/** The part of a connection that proves something. */
export type Prover = "thread" | "node";

/** What shows that a part of a connection knows the secret. */
export function proofOf(
  secret: string,
  prover: Prover,
  hello: ClusterHello,
  nonce: string,
): string {
  const { session, number, node } = hello;
  const said = [prover, session, number, node, hello.nonce, nonce].join(" ");
  return createHmac("sha256", secret).update(said).digest("base64url");
}

/** Makes the answer to a hello where there is a secret. */
export function encodeChallenge(secret: string, hello: ClusterHello, nonce: string): Uint8Array {
  return encodeMessage(ClusterFrame.CHALLENGE, {
    nonce,
    proof: proofOf(secret, "node", hello, nonce),
  });
}

/**
 * Checks a challenge, and makes the proof that answers it.
 *
 * @throws {WrongSecretError} when the node does not know the secret
 */
export function answerChallenge(frame: Frame, secret: string, hello: ClusterHello): Uint8Array {
  const { nonce, proof } = Object(decodeMessage(frame)) as { nonce?: unknown; proof?: unknown };
  if (!isNonce(nonce)) throw new FrameError("a challenge must have a nonce");
  assertProof(proof, proofOf(secret, "node", hello, nonce));
  return encodeMessage(ClusterFrame.PROOF, { proof: proofOf(secret, "thread", hello, nonce) });
}

/**
 * Checks the proof of a thread.
 *
 * @throws {WrongSecretError} when it does not know the secret
 */
export function checkProof(
  frame: Frame,
  secret: string,
  hello: ClusterHello,
  nonce: string,
): void {
  if (frame.kind !== ClusterFrame.PROOF) throw new FrameError("a challenge must be answered");
  const { proof } = Object(decodeMessage(frame)) as { proof?: unknown };
  assertProof(proof, proofOf(secret, "thread", hello, nonce));
}

/** Makes what a node says that does not trust who has connected. */
export function encodeDistrust(reason: string): Uint8Array {
  return encodeMessage(ClusterFrame.DISTRUST, { reason });
}

/**
 * Why a node does not trust who has connected.
 *
 * @throws {FrameError} when it does not say it
 */
export function decodeDistrust(frame: Frame): string {
  const { reason } = Object(decodeMessage(frame)) as { reason?: unknown };
  if (typeof reason !== "string") throw new FrameError("a refusal must have its reason");
  return reason.slice(0, REASON_CHARS_MAX);
}

/** What in the settings of a cluster shows which secret it has. */
export function settingsProof(secret: string | undefined, hashKey: readonly number[]): string {
  if (secret === undefined) return "";
  return createHmac("sha256", secret).update(`settings ${hashKey.join(" ")}`).digest("base64url");
}

function assertProof(proof: unknown, right: string): void {
  const given = Buffer.from(typeof proof === "string" ? proof : "");
  const isRight = given.length === right.length && timingSafeEqual(given, Buffer.from(right));
  if (!isRight) throw new WrongSecretError();
}

function isNonce(nonce: unknown): nonce is string {
  return typeof nonce === "string" && nonce.length === NONCE_CHARS;
}
