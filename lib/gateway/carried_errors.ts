/**
 * Errors on their way from the process that has the pool to another one: the same class there, with
 * the same code and message.
 *
 * @module
 */
import { isDinomoError } from "../core/any_error.ts";
import { CommitTooLargeError, ConflictError, NearOnlyError } from "../core/commit_errors.ts";
import {
  DinomoError,
  DurabilityError,
  FarOnlyError,
  HostOnlyError,
  InvalidArgumentError,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  NodeFailedError,
  NotANumberError,
  PathError,
  PoolFullError,
  ReadOnlyError,
  SnapshotError,
  StoreClosedError,
  TooManyClientsError,
  TooManyReplicatedKeysError,
  TooManyWatchersError,
  UnavailableError,
  ValueTooLargeError,
} from "../core/errors.ts";
import { systemCodeOf, systemError } from "../core/system_code.ts";
import { FrameError } from "../wire/frame.ts";

type ErrorClass = new (message: string, options?: ErrorOptions) => DinomoError;

/** The classes of errors with which a request can end, or a handshake. */
const OF_REQUESTS: readonly ErrorClass[] = [
  DurabilityError,
  InvalidOptionError,
  NodeFailedError,
  PoolFullError,
  StoreClosedError,
  UnavailableError,
  ValueTooLargeError,
];
/** Those with which a call can end. */
const OF_CALLS: readonly ErrorClass[] = [
  ...OF_REQUESTS,
  CommitTooLargeError,
  ConflictError,
  FarOnlyError,
  HostOnlyError,
  InvalidArgumentError,
  InvalidKeyError,
  InvalidValueError,
  NearOnlyError,
  NotANumberError,
  PathError,
  ReadOnlyError,
  SnapshotError,
  TooManyClientsError,
  TooManyReplicatedKeysError,
  TooManyWatchersError,
];

/** An error of a request as bytes. */
export function encodeError({ code, message }: DinomoError): Uint8Array {
  return new TextEncoder().encode(`${code} ${message}`);
}

/**
 * The error of a request that bytes stand for.
 *
 * @throws {FrameError} when it is none with which a request can end
 */
export function decodeError(bytes: Uint8Array): DinomoError {
  const text = new TextDecoder().decode(bytes);
  const space = text.indexOf(" ");
  const error = makeError(OF_REQUESTS, text.slice(0, Math.max(space, 0)), text.slice(space + 1));
  if (error !== undefined) return error;
  throw new FrameError("an answer must have an error that a request can end with");
}

/** What a call has failed with, as bytes. */
export function encodeFailure(error: unknown): Uint8Array {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const code = isDinomoError(error) ? error.code : "";
  const system = systemCodeOf(error) ?? "";
  return new TextEncoder().encode(JSON.stringify([code, message, system, name]));
}

/**
 * What a call has failed with: an error of the same class, code and message, and with the same
 * `systemCode`; of what is no error of the store, one of the same name and message.
 *
 * @throws {FrameError} when bytes do not say that
 */
export function decodeFailure(bytes: Uint8Array): Error {
  const parts = partsOf(bytes);
  const [code, message, system, name] = parts;
  if (parts.length !== 4 || !parts.every((part) => typeof part === "string")) {
    throw new FrameError("a failure must say what has failed");
  }
  const options = system === "" ? undefined : { cause: systemError(system!, "in another process") };
  const known = makeError(OF_CALLS, code!, message!, options);
  if (known !== undefined) return known;
  const error = code === ""
    ? new Error(message, options)
    : new DinomoError<string>(code!, message!, options);
  return Object.defineProperty(error, "name", { value: name, configurable: true });
}

function makeError(
  classes: readonly ErrorClass[],
  code: string,
  message: string,
  options?: ErrorOptions,
): DinomoError | undefined {
  for (const Class of classes) {
    const error = new Class(message, options);
    if (error.code === code) return error;
  }
  return undefined;
}

function partsOf(bytes: Uint8Array): readonly (string | undefined)[] {
  try {
    const parts = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}
