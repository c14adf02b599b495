/**
 * Where in a value something is, as an expression that its author recognizes.
 *
 * @module
 */
import * as types from "node:util/types";

/** Levels that are searched. */
const DEPTH_MAX = 64;
/** Parts that are searched. */
const PARTS_MAX = 100_000;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/**
 * The path to a part of a value, such as `value.response.headers` or `value.list[3].get("key")`.
 *
 * It is looked for only when the value has been refused: to note the path on the way costs every
 * value that is stored.
 *
 * @returns undefined if it is not found: it is too deep, or a getter has made it
 */
export function pathTo(value: unknown, part: unknown): string | undefined {
  try {
    return new Search(part).in(value, "value", DEPTH_MAX);
  } catch {
    // A getter that throws has been called once more.
    return undefined;
  }
}

class Search {
  readonly #part: unknown;
  #partsLeft = PARTS_MAX;

  constructor(part: unknown) {
    this.#part = part;
  }

  in(value: unknown, path: string, depthLeft: number): string | undefined {
    if (value === this.#part) return path;
    if (typeof value !== "object" || value === null) return undefined;
    if (depthLeft === 0 || --this.#partsLeft < 0) return undefined;
    for (const [child, step] of childrenOf(value)) {
      const found = this.in(child, path + step, depthLeft - 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** What a value contains, each with the step that leads there. */
function* childrenOf(value: object): Generator<[unknown, string]> {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield [value[i], `[${i}]`];
  } else if (types.isMap(value)) {
    for (const [key, item] of Map.prototype.entries.call(value)) {
      yield [key, ".keys()"];
      yield [item, `.get(${shown(key)})`];
    }
  } else if (types.isSet(value)) {
    for (const item of Set.prototype.values.call(value)) yield [item, ".values()"];
  } else if (!ArrayBuffer.isView(value)) {
    const names = Object.keys(value);
    if (value instanceof Error) names.push("cause", "errors");
    for (const name of names) {
      const step = IDENTIFIER.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
      yield [(value as Record<string, unknown>)[name], step];
    }
  }
}

function shown(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : "...";
}
