/**
 * Errors on their way from the process that has the pool to another one: the same class there, with
 * the same code and message.
 *
 * @module
 */
import {
  type DinomoError,
  DurabilityError,
  InvalidOptionError,
  NodeFailedError,
  PoolFullError,
  StoreClosedError,
  UnavailableError,
  ValueTooLargeError,
} from "../core/errors.ts";
import { FrameError } from "../wire/frame.ts";

/** The classes of errors with which a request can end, or a handshake. */
const CLASSES: readonly (new (message: string) => DinomoError)[] = [
  DurabilityError,
  InvalidOptionError,
  NodeFailedError,
  PoolFullError,
  StoreClosedError,
  UnavailableError,
  ValueTooLargeError,
];

/** An error as bytes. */
export function encodeError({ code, message }: DinomoError): Uint8Array {
  return new TextEncoder().encode(`${code} ${message}`);
}

/**
 * The error that bytes stand for.
 *
 * @throws {FrameError} when it is none with which a request can end
 */
export function decodeError(bytes: Uint8Array): DinomoError {
  const text = new TextDecoder().decode(bytes);
  const space = text.indexOf(" ");
  const message = text.slice(space + 1);
  for (const Class of CLASSES) {
    const error = new Class(message);
    if (error.code === text.slice(0, Math.max(space, 0))) return error;
  }
  throw new FrameError("an answer must have an error that a request can end with");
}
