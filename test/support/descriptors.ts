/**
 * Takes all file descriptors of the process; to be run where few are allowed.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";

/** Descriptors that were taken. */
export class Descriptors {
  readonly #taken: number[] = [];

  /**
   * Takes descriptors until there are no more but a few: too few for a thread, and enough for
   * files, and for Deno, which panics without any.
   */
  exhaust(spareCount: number): void {
    try {
      for (;;) this.#taken.push(openSync("/dev/null", "r"));
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EMFILE") throw error;
    }
    for (const descriptor of this.#taken.splice(-spareCount)) closeSync(descriptor);
  }

  /** Gives them back. */
  giveBack(): void {
    for (const descriptor of this.#taken.splice(0)) closeSync(descriptor);
  }
}
