/**
 * Data that cannot be used: an input that is not a dump, a value that JSON with tags cannot hold,
 * damage that was found.
 *
 * @module
 */

/** See the module comment. */
export class BadDataError extends Error {
  static {
    this.prototype.name = "BadDataError";
  }
}
