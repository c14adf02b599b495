/**
 * The process, as the runtime's global has it.
 *
 * It is the same object as that of the module `node:process`. But on Node to import that runs every
 * getter of it, which opens the standard streams: 4 ms for each thread that loads the library.
 *
 * @module
 */
import type nodeProcess from "node:process";

/** The process that this thread is in. */
export const process: typeof nodeProcess =
  (globalThis as unknown as { process: typeof nodeProcess }).process;
