/**
 * Errors as what they consist of, and back: no format has all of an error.
 *
 * @module
 */

/** What an error consists of. */
export interface ErrorParts {
  readonly name: string;
  readonly message: string;
  /** Text where there is any; runtimes differ in its form. */
  readonly stack: string | undefined;
  /** Other own properties, such as `code`, `cause`, and the `errors` of an `AggregateError`. */
  readonly properties: readonly (readonly [string, unknown])[];
}

/** Own properties of errors that are not enumerable. */
const HIDDEN: readonly string[] = ["cause", "errors"];

const TYPES: ReadonlyMap<string, new (message: string) => Error> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((
    type,
  ) => [type.name, type]),
);

/** Whether an error is a `DOMException`, such as the reason of an `AbortSignal`. */
export function isException(error: Error): boolean {
  return Object.prototype.toString.call(error) === "[object DOMException]";
}

/** What an error consists of. */
export function partsOf(error: Error): ErrorParts {
  const { name, message, stack } = error;
  const names = isException(error) ? [] : Object.keys(error)
    .filter((key) => key !== "name" && key !== "message" && key !== "stack");
  for (const key of HIDDEN) {
    if (Object.hasOwn(error, key) && !names.includes(key)) names.push(key);
  }
  return {
    name: String(name),
    message: String(message),
    stack: typeof stack === "string" ? stack : undefined,
    properties: names.map((key) => [key, Reflect.get(error, key)]),
  };
}

/** An error that consists of these parts; one with a name of the language's own has its type. */
export function errorFrom({ name, message, stack, properties }: ErrorParts): Error {
  const error = name === "AggregateError"
    ? new AggregateError([], message)
    : new (TYPES.get(name) ?? Error)(message);
  if (error.name !== name) define(error, "name", name, false);
  define(error, "stack", stack, false);
  for (const [key, value] of properties) define(error, key, value, !HIDDEN.includes(key));
  return error;
}

/** A `DOMException` that consists of these parts. */
export function exceptionFrom({ name, message, stack }: Omit<ErrorParts, "properties">): Error {
  return define(new DOMException(message, name), "stack", stack, false);
}

/** Defines a property, whatever its name means elsewhere. */
export function define<T extends object>(
  object: T,
  name: string,
  value: unknown,
  enumerable: boolean,
): T {
  return Object.defineProperty(object, name, {
    value,
    enumerable,
    writable: true,
    configurable: true,
  });
}
