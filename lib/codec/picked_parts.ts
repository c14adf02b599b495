/**
 * Parts of values: what is picked of an object, by the names of its properties.
 *
 * A path is names with dots between them. Of an object the properties that are picked come back, as
 * far as it has them, in an object of their own; what is no object, but an array, a `Map` or
 * nothing, comes back as it is, however far a path leads into it. So a part is what the whole is
 * with the other properties of its objects left out, and a type can say so.
 *
 * @module
 */
import { define } from "./error_parts.ts";

/** A property that is picked. */
export interface PickedPart {
  readonly name: string;
  /** What is picked of its value; undefined for all of it. */
  readonly parts: PickedParts | undefined;
}

/** What is picked of an object, by name. */
export type PickedParts = ReadonlyMap<string, PickedPart>;

interface GrowingPart extends PickedPart {
  parts: Map<string, GrowingPart> | undefined;
}

/** The parts at some paths; one that leads into another adds nothing to it. */
export function partsAt(paths: readonly string[]): PickedParts {
  const all = new Map<string, GrowingPart>();
  for (const path of paths) {
    let parts: Map<string, GrowingPart> | undefined = all;
    const names = path.split(".");
    const last = names.pop()!;
    for (const name of names) {
      const part: GrowingPart = parts.get(name) ?? { name, parts: new Map() };
      parts.set(name, part);
      parts = part.parts;
      if (parts === undefined) break;
    }
    parts?.set(last, { name: last, parts: undefined });
  }
  return all;
}

/** Picks parts of a value that has been decoded. */
export function pickFrom(value: unknown, parts: PickedParts): unknown {
  if (!isObject(value)) return value;
  const picked = {};
  for (const name of Object.keys(value)) {
    const part = parts.get(name);
    if (part === undefined) continue;
    const whole = value[name];
    define(picked, name, part.parts === undefined ? whole : pickFrom(whole, part.parts), true);
  }
  return picked;
}

/** Whether a value has parts: an error, an array, or a map has none. */
function isObject(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === "[object Object]";
}
