/**
 * What the inspector is told, and what it takes where it is told nothing.
 *
 * @module
 */
import { describe, InvalidOptionError } from "../core/errors.ts";

/** How the inspector is served. */
export interface InspectorOptions {
  /** Port on loopback, 0 to 65535; 0: one that is free. @default 0 */
  port?: number | undefined;
  /**
   * What a browser has to show to get anything, at least 16 letters, digits, `-` and `_`. @default
   * random
   */
  token?: string | undefined;
  /** Whether the page may scale the store. @default false */
  writable?: boolean | undefined;
}

/** Options with every default filled in. */
export interface ResolvedInspectorOptions {
  readonly port: number;
  readonly token: string;
  readonly writable: boolean;
}

const NAMES = ["port", "token", "writable"];
const PORT_MAX = 65535;
const TOKEN = /^[\w-]{16,256}$/;
const TOKEN_BYTES = 18;

/**
 * Checks the options.
 *
 * @throws {InvalidOptionError} when one is not what it must be
 */
export function inspectorOptionsOf(options: InspectorOptions = {}): ResolvedInspectorOptions {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError(`options must be an object, got ${describe(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new InvalidOptionError(`options must be among ${NAMES.join(", ")}, got ${unknown}`);
  }
  const { port = 0, token = randomToken(), writable = false } = options;
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new InvalidOptionError(
      `port must be an integer from 0 to ${PORT_MAX}, got ${describe(port)}`,
    );
  }
  if (typeof token !== "string" || !TOKEN.test(token)) {
    // What was given is a secret, mostly.
    throw new InvalidOptionError(
      "token must be a string of 16 to 256 letters, digits, - and _, got something else",
    );
  }
  if (typeof writable !== "boolean") {
    throw new InvalidOptionError(`writable must be a boolean, got ${describe(writable)}`);
  }
  return { port, token, writable };
}

function randomToken(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(TOKEN_BYTES))))
    .replaceAll("+", "-").replaceAll("/", "_");
}
