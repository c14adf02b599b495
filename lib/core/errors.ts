/**
 * The errors of the store. Each has a stable `code`, and a message that says what failed, the rule,
 * and what was received.
 *
 * @module
 */
import { systemCodeOf } from "./system_code.ts";

/** The stable codes of {@linkcode DinomoError}. */
export type DinomoErrorCode =
  | "DINOMO_INVALID_KEY"
  | "DINOMO_INVALID_VALUE"
  | "DINOMO_VALUE_TOO_LARGE"
  | "DINOMO_INVALID_OPTION"
  | "DINOMO_INVALID_ARGUMENT"
  | "DINOMO_NOT_A_NUMBER"
  | "DINOMO_REENTRANT"
  | "DINOMO_DECODE"
  | "DINOMO_POOL_FULL"
  | "DINOMO_CLOSED"
  | "DINOMO_COMMIT_TOO_LARGE"
  | "DINOMO_CONFLICT"
  | "DINOMO_NODE_FAILED"
  | "DINOMO_UNAVAILABLE"
  | "DINOMO_HOST_ONLY"
  | "DINOMO_TOO_MANY_CLIENTS"
  | "DINOMO_FAR_ONLY"
  | "DINOMO_NEAR_ONLY"
  | "DINOMO_NOT_IN_CLUSTER"
  | "DINOMO_UNTRUSTED_NODE"
  | "DINOMO_TOO_MANY_REPLICATED_KEYS"
  | "DINOMO_TOO_MANY_WATCHERS"
  | "DINOMO_PATH"
  | "DINOMO_LOCKED"
  | "DINOMO_FORMAT"
  | "DINOMO_CORRUPTION"
  | "DINOMO_DURABILITY"
  | "DINOMO_READ_ONLY"
  | "DINOMO_SNAPSHOT";

/**
 * What all errors of this kind have, of whichever copy of the library that a program has loaded.
 */
const BRAND = Symbol.for("dinomo.error");

/**
 * Base class of everything the store refuses or reports. `instanceof` is true for errors of another
 * copy of the library, too: a program may have loaded it twice, as `bun --hot` does.
 *
 * @typeParam Code the code; what is built on the store, such as its locks, has codes of its own
 */
export class DinomoError<Code extends string = DinomoErrorCode> extends Error {
  static {
    this.prototype.name = "DinomoError";
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /**
   * Whether something is an error of this class, or of the one of the same name in another copy.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const isKnown = value instanceof Error && BRAND in value;
    // A class that an application has derived has no name of its own there.
    if (!isKnown || !Object.hasOwn(this.prototype, "name")) return false;
    const { name } = this.prototype;
    for (let at = Object.getPrototypeOf(value); BRAND in at; at = Object.getPrototypeOf(at)) {
      if (Object.hasOwn(at, "name") && at.name === name) return true;
    }
    return false;
  }

  /** Stable identifier of the kind of error, safe to compare against. */
  readonly code: Code;

  /** Makes an error with a stable code; `options.cause` keeps the underlying error. */
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /**
   * The operating system's code of the call that failed, such as `"ENOSPC"`, `"EACCES"` or
   * `"EMFILE"`; undefined if none did, or if it is not known. `"ESTALE"` says that the directory of
   * the pool was moved or replaced while the store was open.
   */
  get systemCode(): string | undefined {
    return systemCodeOf(this.cause);
  }
}

/**
 * A key that is not a well-formed string or bytes of 1 to 2048 bytes. Thrown before anything
 * happens.
 */
export class InvalidKeyError extends DinomoError<"DINOMO_INVALID_KEY"> {
  static {
    this.prototype.name = "InvalidKeyError";
  }

  /** Makes the error; the message names the rule and what was received. */
  constructor(message: string) {
    super("DINOMO_INVALID_KEY", message);
  }
}

/** A value that the codec cannot represent. Thrown before anything happens. */
export class InvalidValueError extends DinomoError<"DINOMO_INVALID_VALUE"> {
  static {
    this.prototype.name = "InvalidValueError";
  }

  /** Makes the error; the message names the rule and what was received. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_INVALID_VALUE", message, options);
  }
}

/** A record that would not fit into one segment. Thrown before anything happens. */
export class ValueTooLargeError extends DinomoError<"DINOMO_VALUE_TOO_LARGE"> {
  static {
    this.prototype.name = "ValueTooLargeError";
  }

  /** Makes the error; the message names the limit and what was received. */
  constructor(message: string) {
    super("DINOMO_VALUE_TOO_LARGE", message);
  }
}

/** An option of `open` that is unknown, malformed, out of range, or contradicts another. */
export class InvalidOptionError extends DinomoError<"DINOMO_INVALID_OPTION"> {
  static {
    this.prototype.name = "InvalidOptionError";
  }

  /** Makes the error; the message names the option, the rule and what was received. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_INVALID_OPTION", message, options);
  }
}

/** An argument of a method, other than a key or a value, that breaks its rule. */
export class InvalidArgumentError extends DinomoError<"DINOMO_INVALID_ARGUMENT"> {
  static {
    this.prototype.name = "InvalidArgumentError";
  }

  /** Makes the error; the message names the argument, the rule and what was received. */
  constructor(message: string) {
    super("DINOMO_INVALID_ARGUMENT", message);
  }
}

/** `increment` met a stored value that is not a finite number. The value is unchanged. */
export class NotANumberError extends DinomoError<"DINOMO_NOT_A_NUMBER"> {
  static {
    this.prototype.name = "NotANumberError";
  }

  /** Makes the error; the message names the key and what is stored. */
  constructor(message: string) {
    super("DINOMO_NOT_A_NUMBER", message);
  }
}

/** The codec failed on the stored bytes: they were written by another codec. */
export class DecodeError extends DinomoError<"DINOMO_DECODE"> {
  static {
    this.prototype.name = "DecodeError";
  }

  /** The key whose value it is, where that is known. */
  readonly key: string | Uint8Array | undefined;

  /** Makes the error; `cause` is what the codec threw. */
  constructor(message: string, options?: ErrorOptions & { readonly key?: string | Uint8Array }) {
    super("DINOMO_DECODE", message, options);
    this.key = options?.key;
  }

  /** What a read of a key throws when its value could not be decoded, or failed otherwise. */
  static at(key: string | Uint8Array, error: unknown): unknown {
    if (!(error instanceof DecodeError) || error.key !== undefined) return error;
    const { cause, message } = error;
    return new DecodeError(`the value of key ${nameOfKey(key)} cannot be decoded: ${message}`, {
      cause,
      key,
    });
  }
}

function nameOfKey(key: string | Uint8Array): string {
  return describe(key).replace(/^the string /, "");
}

/**
 * The pool holds as much live data as it may. Nothing was written; deletes and overwrites still
 * work.
 */
export class PoolFullError extends DinomoError<"DINOMO_POOL_FULL"> {
  static {
    this.prototype.name = "PoolFullError";
  }

  /** Makes the error; the message says which part of the pool is full. */
  constructor(message: string) {
    super("DINOMO_POOL_FULL", message);
  }
}

/**
 * A key that no KN can write at the moment: a KN has failed in the middle of a change to that part
 * of the key space, and its thread neither goes on nor ends. Reads go on. The message says whether
 * the change may have been made.
 */
export class UnavailableError extends DinomoError<"DINOMO_UNAVAILABLE"> {
  static {
    this.prototype.name = "UnavailableError";
  }

  /** Makes the error; the message says what is known about the change. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_UNAVAILABLE", message, options);
  }
}

/** A method that only the thread that opened the store can call. */
export class HostOnlyError extends DinomoError<"DINOMO_HOST_ONLY"> {
  static {
    this.prototype.name = "HostOnlyError";
  }

  /**
   * Makes the error; the message names the method. `cause` is what stood in the way, if anything.
   */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_HOST_ONLY", message, options);
  }
}

/** As many threads use the store as its option `clients` allows. */
export class TooManyClientsError extends DinomoError<"DINOMO_TOO_MANY_CLIENTS"> {
  static {
    this.prototype.name = "TooManyClientsError";
  }

  /** Makes the error; the message says how many may. */
  constructor(message: string) {
    super("DINOMO_TOO_MANY_CLIENTS", message);
  }
}

/** A method that only a store with `placement: "far"` has a use for. */
export class FarOnlyError extends DinomoError<"DINOMO_FAR_ONLY"> {
  static {
    this.prototype.name = "FarOnlyError";
  }

  /** Makes the error; the message names the method. */
  constructor(message: string) {
    super("DINOMO_FAR_ONLY", message);
  }
}

/** As many keys as there may be are owned by several KNs already. Nothing has changed. */
export class TooManyReplicatedKeysError extends DinomoError<"DINOMO_TOO_MANY_REPLICATED_KEYS"> {
  static {
    this.prototype.name = "TooManyReplicatedKeysError";
  }

  /** Makes the error; the message says how many may. */
  constructor(message: string) {
    super("DINOMO_TOO_MANY_REPLICATED_KEYS", message);
  }
}

/** As many threads as may, or as many watches of one thread, watch keys already. */
export class TooManyWatchersError extends DinomoError<"DINOMO_TOO_MANY_WATCHERS"> {
  static {
    this.prototype.name = "TooManyWatchersError";
  }

  /** Makes the error; the message says how many may. */
  constructor(message: string) {
    super("DINOMO_TOO_MANY_WATCHERS", message);
  }
}

/** The store was closed, by `close()` or because it failed, before the operation began. */
export class StoreClosedError extends DinomoError<"DINOMO_CLOSED"> {
  static {
    this.prototype.name = "StoreClosedError";
  }

  /** Makes the error. */
  constructor(message: string) {
    super("DINOMO_CLOSED", message);
  }
}

/** A KN could not be started, or KNs have failed again and again. */
export class NodeFailedError extends DinomoError<"DINOMO_NODE_FAILED"> {
  static {
    this.prototype.name = "NodeFailedError";
  }

  /** Makes the error; `cause` is what the worker reported. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_NODE_FAILED", message, options);
  }
}

/**
 * The `path` cannot be used: it is a file, not writable, holds something else, or a call of the
 * operating system has failed.
 */
export class PathError extends DinomoError<"DINOMO_PATH"> {
  static {
    this.prototype.name = "PathError";
  }

  /** Makes the error; `cause` is the system error, if there was one. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_PATH", message, options);
  }
}

/** The pool at `path` is open already: in another process, or in this one. Nothing was changed. */
export class PoolLockedError extends DinomoError<"DINOMO_LOCKED"> {
  static {
    this.prototype.name = "PoolLockedError";
  }

  /**
   * Makes the error; the message names the path, the rule and the process that has the pool open.
   */
  constructor(message: string) {
    super("DINOMO_LOCKED", message);
  }
}

/** A file in the pool's directory is not of this format or of a newer version of it. */
export class FormatError extends DinomoError<"DINOMO_FORMAT"> {
  static {
    this.prototype.name = "FormatError";
  }

  /** Makes the error; the message names the file, the rule and what was found. */
  constructor(message: string) {
    super("DINOMO_FORMAT", message);
  }
}

/** A file of the pool is damaged. */
export class CorruptionError extends DinomoError<"DINOMO_CORRUPTION"> {
  static {
    this.prototype.name = "CorruptionError";
  }

  /** The damaged file. */
  readonly file: string;
  /** Offset in bytes of the damage in the file. */
  readonly offset: number;
  /** Makes the error for a place in a file. */
  constructor(file: string, offset: number, rule: string) {
    super("DINOMO_CORRUPTION", `${file}: damaged at byte ${offset}: ${rule}`);
    this.file = file;
    this.offset = offset;
  }
}

/**
 * Code that the store has called (`change`, a codec, a getter) has called it again in a way that
 * cannot end.
 */
export class ReentrantCallError extends DinomoError<"DINOMO_REENTRANT"> {
  static {
    this.prototype.name = "ReentrantCallError";
  }

  /** Makes the error; the message names the call. */
  constructor(message: string) {
    super("DINOMO_REENTRANT", message);
  }
}

/**
 * Something could not be made durable: a write to the files failed, or a sync. From then on the
 * store refuses all changes; reads go on. Opening it again recovers everything that was
 * acknowledged.
 */
export class DurabilityError extends DinomoError<"DINOMO_DURABILITY"> {
  static {
    this.prototype.name = "DurabilityError";
  }

  /** Makes the error; `cause` is the system error, if it is known. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_DURABILITY", message, options);
  }
}

/**
 * A change, or something that is written to the files, of a store that was opened with `readOnly`.
 */
export class ReadOnlyError extends DinomoError<"DINOMO_READ_ONLY"> {
  static {
    this.prototype.name = "ReadOnlyError";
  }

  /** Makes the error; the message names the method. */
  constructor(message: string) {
    super("DINOMO_READ_ONLY", message);
  }
}

/** A snapshot could not be written; the one before it is still valid. */
export class SnapshotError extends DinomoError<"DINOMO_SNAPSHOT"> {
  static {
    this.prototype.name = "SnapshotError";
  }

  /** Makes the error; `cause` is the system error. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_SNAPSHOT", message, options);
  }
}

/** Describes a value for an error message: its type and a short form of it. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") {
    const shown = value.length > 40 ? `${value.slice(0, 40)}...` : value;
    return `the string ${JSON.stringify(shown)}`;
  }
  if (typeof value === "number" || typeof value === "boolean") {
    return `the ${typeof value} ${value}`;
  }
  if (typeof value === "bigint") return `the bigint ${value}n`;
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  try {
    if (Array.isArray(value)) return `an array of ${value.length}`;
    const name: unknown = value.constructor?.name;
    return typeof name === "string" && name !== "Object" ? `an instance of ${name}` : "an object";
  } catch {
    // A proxy that is revoked, or whose handler throws, or a getter that does.
    return "an object";
  }
}
