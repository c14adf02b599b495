/**
 * Callers that wait for the operations that had been issued when they began to wait, whatever is
 * issued in the meantime.
 *
 * @module
 */

interface FlushWaiter {
  /** The last operation waited for. */
  readonly sequence: number;
  /** How many of them have not ended. */
  openCount: number;
  readonly resolve: () => void;
}

/** The waiting flushes of a client, the oldest first. */
export class FlushWaiters {
  readonly #waiters: FlushWaiter[] = [];

  /**
   * Resolves when so many operations have ended.
   *
   * @param sequence number of the newest operation issued
   * @param openCount how many of the operations up to it have not ended
   */
  add(sequence: number, openCount: number): Promise<void> {
    return new Promise((resolve) => this.#waiters.push({ sequence, openCount, resolve }));
  }

  /** Says that an operation has ended; once for each. */
  noteEnd(sequence: number): void {
    if (this.#waiters.length === 0) return;
    for (const waiter of this.#waiters) if (sequence <= waiter.sequence) waiter.openCount -= 1;
    // An older flush waits for fewer operations, so it never ends after a younger one.
    while (this.#waiters[0]?.openCount === 0) this.#waiters.shift()!.resolve();
  }

  /** Ends all waiting: no operation will end any more. */
  resolveAll(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }
}
