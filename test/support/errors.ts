/**
 * Assertions about errors: a refusal is its class, its stable code, and a message that names the
 * culprit.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { DinomoError } from "../../mod.ts";

/** What an error has to be. */
export interface Refusal {
  // deno-lint-ignore no-explicit-any
  readonly type: new (...args: any[]) => DinomoError<string>;
  readonly code: string;
  /** What the message has to say: what was refused, by which rule, what was received. */
  readonly says: RegExp;
}

/** Checks that an error is the refusal that was expected. */
export function assertRefusal(error: unknown, expected: Refusal, context: string): void {
  assert.ok(error instanceof DinomoError, `${context}: got ${String(error)}`);
  assert.ok(error instanceof expected.type, `${context}: is of the class ${error.name}`);
  assert.is(error.name, expected.type.name, `${context}: names its class`);
  assert.is(error.code, expected.code, context);
  assert.match(error.message, expected.says, context);
}

/** Checks that a call throws the refusal that was expected. */
export function assertThrows(call: () => unknown, expected: Refusal, context = ""): void {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  assertRefusal(error, expected, context);
}

/** Checks that a promise rejects with the refusal that was expected. */
export async function assertRejects(
  call: () => Promise<unknown>,
  expected: Refusal,
  context = "",
): Promise<void> {
  assertRefusal(await errorOf(call), expected, context);
}

/** The error that a call rejects with, or throws; undefined when it succeeds. */
export async function errorOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * The error that a call rejects with, whose message must have some text in it.
 *
 * @throws {Error} when it does not reject
 */
export async function errorThatSays(
  call: () => Promise<unknown>,
  text: string,
): Promise<Error & { readonly code?: string }> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    assert.match((error as Error).message, text);
    return error as Error;
  }
  throw new Error(`it must be rejected with "${text}", got ${JSON.stringify(result)}`);
}
