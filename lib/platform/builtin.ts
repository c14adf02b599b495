/**
 * Modules of the runtime that are loaded by the first that uses them, at once.
 *
 * To load one takes a millisecond or six, on one runtime or another: `zlib` on Bun, `module` and
 * `net` on Deno. What not every program needs, or not before its first value, is not imported.
 *
 * @module
 */
import { process } from "./process.ts";

/** Loads a module of the runtime, or returns it if it is there. */
export const builtin: typeof process.getBuiltinModule = (name: string): never =>
  process.getBuiltinModule(name) as never;
