/**
 * Values of all kinds that `structuredClone` takes, made from a seed, the same on every runtime,
 * and how two of them are compared.
 *
 * @module
 */
import fc from "fast-check";
import { types } from "node:util";
import * as assert from "uvu/assert";
import type { Key, Store } from "../../mod.ts";

const ERROR_TYPES: readonly (new (message: string) => Error)[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
];

const VIEWS: readonly (new (buffer: ArrayBuffer) => ArrayBufferView)[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

/** Strings: short and long, of one byte a character and of many, whole and broken. */
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  // Not fast-check's strings of this kind, which take a second to set up.
  fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 80 })
    .map((points) => String.fromCodePoint(...points)),
  // Code units, which make lone surrogates.
  fc.array(fc.integer({ min: 0xd700, max: 0xe100 }), { maxLength: 4 })
    .map((units) => String.fromCharCode(...units)),
  fc.tuple(fc.constantFrom("x", "é", "日", "🦖", "\ufeff", "\0"), fc.nat(300))
    .map(([character, count]) => character.repeat(count)),
  fc.constantFrom("\ufeffbom", `\ufeff${"x".repeat(100)}`, `${"x".repeat(100)}\ud800`),
);

/** Strings and bytes whose length takes two bytes, and four: large ones, so they are few. */
const long = fc.tuple(fc.constantFrom("x", "é", "🦖"), fc.constantFrom(1400, 5000, 22_000, 70_000))
  .map(([character, count]) => character.repeat(count / character.length));

const name = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom("id", "name", "tags", "a", "b", "c", "d", "x", "0", "1"),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 6 }) },
  fc.constantFrom(
    "",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "\ud800",
    "\ufeffx",
    "toString",
  ),
);

const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: -200, max: 300 }),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 65_536),
);

const bigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
  fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
  fc.tuple(fc.nat(200), fc.constantFrom(-1n, 0n, 1n), fc.boolean()).map(([bits, add, isNegative]) =>
    (isNegative ? -1n : 1n) * (2n ** BigInt(bits) + add)
  ),
);

const date = fc.oneof(
  fc.date(),
  fc.integer({ min: -8.64e15, max: 8.64e15 }).map((ms) => new Date(ms)),
  fc.constantFrom(0, 1, -1, 999, 1000, 2 ** 32 * 1000, 2 ** 32 * 1000 + 1, 2 ** 34 * 1000)
    .map((ms) => new Date(ms)),
);

const regexp = fc.constantFrom("a.b", "[/\\]]", "", "\\d+", "日").chain((source) =>
  fc.constantFrom("", "g", "gi", "u", "msy").map((flags) => new RegExp(source, flags))
);

const view = fc.tuple(fc.constantFrom(...VIEWS), fc.uint8Array({ maxLength: 300 })).map(
  ([View, bytes]) => new View(Uint8Array.from(bytes.subarray(0, bytes.length & ~7)).buffer),
);

/** Any value; the same for the same seed on all runtimes. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => {
  const value = tie("value");
  const values = fc.array(value, { maxLength: 10 });
  const error = fc.tuple(
    fc.constantFrom(...ERROR_TYPES),
    text,
    fc.option(text),
    fc.option(value),
    fc.dictionary(fc.constantFrom("code", "errno", "details"), value, { maxKeys: 2 }),
  ).map(([Type, message, otherName, cause, properties]) => {
    const made = Object.assign(new Type(message), properties);
    if (otherName !== null) {
      Object.defineProperty(made, "name", { value: otherName, writable: true });
    }
    if (cause !== null) {
      Object.defineProperty(made, "cause", { value: cause, writable: true, configurable: true });
    }
    return withStack(made);
  });
  const aggregate = fc.tuple(values, text).map(([errors, message]) =>
    withStack(new AggregateError(errors, message))
  );
  return {
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      { weight: 20, arbitrary: text },
      { weight: 20, arbitrary: number },
      long,
      { weight: 10, arbitrary: fc.constantFrom(null, undefined, true, false) },
      { weight: 5, arbitrary: bigint },
      { weight: 5, arbitrary: date },
      { weight: 5, arbitrary: regexp },
      { weight: 10, arbitrary: view },
      {
        weight: 5,
        arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => bytes.slice().buffer),
      },
      { weight: 10, arbitrary: values },
      {
        weight: 20,
        arbitrary: fc.dictionary(name, value, { maxKeys: 12, noNullPrototype: true }),
      },
      // Many of one shape, and wide ones: more than a shared structure has.
      {
        weight: 10,
        arbitrary: fc.tuple(fc.uniqueArray(name, { maxLength: 5 }), values)
          .map(([names, items]) => items.map((item) => objectOf(names.map((key) => [key, item])))),
      },
      fc.tuple(fc.integer({ min: 60, max: 300 }), value).map(([count, item]) => {
        const wide = objectOf(Array.from({ length: count }, (_, i) => [`key ${i}`, i]));
        return [wide, item, { ...wide }];
      }),
      {
        weight: 5,
        arbitrary: fc.array(fc.tuple(value, value), { maxLength: 6 })
          .map((pairs) => new Map(pairs)),
      },
      { weight: 5, arbitrary: values.map((items) => new Set(items)) },
      { weight: 10, arbitrary: error },
      { weight: 3, arbitrary: aggregate },
      {
        weight: 3,
        arbitrary: fc.constantFrom("AbortError", "DataCloneError").map((kind) =>
          withStack(new DOMException("stopped", kind))
        ),
      },
    ),
  };
}).value;

/** Any value that can be stored: `undefined` stands for a key that does not exist. */
export const anyStored: fc.Arbitrary<unknown> = anyValue.filter((value) => value !== undefined);

/** Writes so many values of all kinds. */
export async function writeAnyValues(
  store: Store<unknown, Key>,
  count: number,
  seed: number,
): Promise<void> {
  const values = fc.sample(anyStored, { numRuns: count, seed });
  await store.putMany(values.map((value, i) => [`value ${i}`, value]));
}

/** Checks what {@linkcode writeAnyValues} has written, perhaps on another runtime. */
export async function checkAnyValues(
  store: Store<unknown, Key>,
  count: number,
  seed: number,
): Promise<void> {
  for (const [i, value] of fc.sample(anyStored, { numRuns: count, seed }).entries()) {
    const context = `seed ${seed}, value ${i}`;
    assert.is(inWords(await store.get(`value ${i}`)), inWords(value), context);
  }
}

/** Stacks differ between runtimes: these do not. */
function withStack<E extends Error>(error: E): E {
  return Object.defineProperty(error, "stack", {
    value: `${error.message}\n    at here:1:1`,
    writable: true,
    configurable: true,
  });
}

function objectOf(pairs: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [key, value] of pairs) {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return object;
}

/** A value in words: two values are equal if, and only if, these are. */
export function inWords(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      return value === null ? "null" : objectInWords(value);
    default:
      return String(value);
  }
}

function objectInWords(value: object): string {
  if (Array.isArray(value)) return `[${Array.from(value, inWords).join()}]`;
  if (types.isDate(value)) return `Date ${value.getTime()}`;
  if (types.isRegExp(value)) return `RegExp ${JSON.stringify([value.source, value.flags])}`;
  if (types.isMap(value)) {
    return `Map [${Array.from(value, ([k, v]) => `${inWords(k)} => ${inWords(v)}`).join()}]`;
  }
  if (types.isSet(value)) return `Set [${Array.from(value, inWords).join()}]`;
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return `${value.constructor.name} ${
      bytesInWords(new Uint8Array(buffer, byteOffset, byteLength))
    }`;
  }
  if (types.isArrayBuffer(value)) return `ArrayBuffer ${bytesInWords(new Uint8Array(value))}`;
  if (value instanceof Error) return errorInWords(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  const type = prototype === Object.prototype ? "" : `${value.constructor?.name} `;
  return `${type}{${Object.entries(value).map(([k, v]) => `${inWords(k)}: ${inWords(v)}`).join()}}`;
}

function bytesInWords(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function errorInWords(error: Error): string {
  const own = Object.keys(error).filter((key) => key !== "name" && key !== "message");
  for (const key of ["cause", "errors"]) if (Object.hasOwn(error, key)) own.push(`hidden ${key}`);
  const properties = [...new Set(own)].map((key) => {
    const plain = key.replace("hidden ", "");
    return `${inWords(key)}: ${inWords((error as unknown as Record<string, unknown>)[plain])}`;
  });
  const { name: errorName, message, stack } = error;
  const type = error instanceof DOMException ? "DOMException" : "Error";
  return `${type} ${inWords([errorName, message, stack])} {${properties.join()}}`;
}
