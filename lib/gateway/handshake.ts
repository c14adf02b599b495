/**
 * The first frames of a connection between processes: the one that has connected says how it wants
 * to use the pool, and is told what it has to know of it, or why it cannot be used.
 *
 * @module
 */
import { KEY_TYPE_NUMBERS, type KeyTypes } from "../core/key_types.ts";
import { type DinomoError, InvalidOptionError } from "../core/errors.ts";
import { SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN } from "../core/limits.ts";
import { type Durability, DURABILITY_LEVELS } from "../pool/durability.ts";
import { encodeFrame, type Frame, FrameError } from "../wire/frame.ts";
import { decodeError, encodeError } from "./carried_errors.ts";
import { decodeMessage, encodeMessage } from "./json_frames.ts";
import { RequestFrame } from "./request_frames.ts";
import {
  encodeVerdicts,
  type PreviousSession,
  readPrevious,
  readVerdicts,
  type SessionVerdicts,
} from "./session_verdicts.ts";

/** Changes whenever two versions of the library would not understand each other. */
export const PROCESS_FORMAT = 3;

/** What every opener of a pool must want alike. */
export interface SharedOptions {
  readonly keys: KeyTypes;
  readonly codec: string;
  readonly ordered: boolean;
  readonly durability: Durability;
}

/** What a process says that has connected. */
export interface Hello extends SharedOptions {
  readonly format: number;
  /** Of its connection before, if it has had one. */
  readonly previous?: PreviousSession | undefined;
}

/** What it has to know of the pool. */
export interface Welcome extends SharedOptions {
  readonly format: number;
  readonly segmentBytes: number;
  readonly hashKey: readonly [number, number];
  /** Number of the session. */
  readonly session: number;
  /** On the session before. */
  readonly verdicts?: SessionVerdicts | undefined;
}

/** Makes the first frame of a connection. */
export function encodeHello(hello: Hello): Uint8Array {
  const { previous, ...others } = hello;
  return encodeMessage(RequestFrame.HELLO, previous === undefined ? others : hello);
}

/** Makes the frame that answers it. */
export function encodeWelcome(welcome: Welcome): Uint8Array {
  const { verdicts, ...others } = welcome;
  if (verdicts === undefined) return encodeMessage(RequestFrame.WELCOME, others);
  return encodeMessage(RequestFrame.WELCOME, { ...others, verdicts: encodeVerdicts(verdicts) });
}

/** Makes the frame in its place that says why there is none. */
export function encodeRefusal(error: DinomoError): Uint8Array {
  return encodeFrame(RequestFrame.FAILURE, encodeError(error));
}

/**
 * What a process wants that has connected.
 *
 * @throws {FrameError} when the frame is not what comes first
 */
export function decodeHello(frame: Frame): Hello {
  if (frame.kind !== RequestFrame.HELLO) throw new FrameError("the first frame must be a hello");
  const hello = decodeMessage(frame) as Hello;
  const isHello = typeof hello === "object" && hello !== null &&
    typeof hello.format === "number" && typeof hello.codec === "string" && isShared(hello);
  if (!isHello) throw new FrameError("a hello must say what its process wants");
  return { ...hello, previous: readPrevious(hello.previous) };
}

/**
 * What there is to know of the pool.
 *
 * @throws {FrameError} when the frame is not what answers a hello
 * @throws {DinomoError} when the pool cannot be used
 */
export function decodeWelcome(frame: Frame): Welcome {
  if (frame.kind === RequestFrame.FAILURE) throw decodeError(frame.body);
  if (frame.kind !== RequestFrame.WELCOME) throw new FrameError("a hello must be answered");
  const welcome = decodeMessage(frame) as Welcome;
  const { segmentBytes, hashKey, session } = welcome;
  const isWelcome = typeof welcome === "object" && welcome !== null && isShared(welcome) &&
    typeof session === "number" && segmentBytes >= SEGMENT_BYTES_MIN &&
    segmentBytes <= SEGMENT_BYTES_MAX && segmentBytes % 4096 === 0 &&
    Array.isArray(hashKey) && hashKey.length === 2 && hashKey.every(Number.isInteger);
  if (!isWelcome) throw new FrameError("a welcome must say what there is to know of the pool");
  return { ...welcome, verdicts: readVerdicts(welcome.verdicts) };
}

/**
 * Compares what an opener wants with what the pool's process has.
 *
 * @throws {InvalidOptionError} when they differ
 */
export function assertAlike(wanted: Hello, has: SharedOptions): void {
  if (wanted.format !== PROCESS_FORMAT) {
    throw new InvalidOptionError(
      `processes must be used by processes with the same version of the library, ` +
        `got format ${wanted.format} instead of ${PROCESS_FORMAT}`,
    );
  }
  for (const name of ["keys", "codec", "ordered", "durability"] as const) {
    if (wanted[name] === has[name]) continue;
    throw new InvalidOptionError(
      `${name} must be what the process that has the pool open was given, ${
        JSON.stringify(has[name])
      }, as processes is given, got ${JSON.stringify(wanted[name])}`,
    );
  }
}

function isShared({ keys, ordered, durability }: SharedOptions): boolean {
  return typeof keys === "string" && Object.hasOwn(KEY_TYPE_NUMBERS, keys) &&
    typeof ordered === "boolean" && typeof durability === "string" &&
    Object.hasOwn(DURABILITY_LEVELS, durability);
}
