/**
 * Work that is done in the order in which it was asked for, one piece after the other.
 *
 * @module
 */

/** Runs one piece of work after the other, whether those before have succeeded or not. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs work after all that was given before; resolves to its result. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}
