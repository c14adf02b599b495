/**
 * What an `onProgress` is told.
 *
 * @module
 */
import * as assert from "uvu/assert";

/** Takes the shares that something says are done. */
export class ToldShares {
  readonly told: number[] = [];
  /** The option. */
  readonly onProgress = (share: number): void => void this.told.push(share);

  /** Checks that the shares have never gone back, and were 1 in the end. */
  assertDone(): void {
    assert.equal(this.told, this.told.toSorted((a, b) => a - b));
    assert.is(this.told.at(-1), 1);
  }
}
