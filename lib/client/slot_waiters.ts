/**
 * Callers that wait until a slot, or everything, has settled.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";

/** Resolves promises when slots settle. */
export class SlotWaiters {
  readonly #waiters = new Map<Slot, (() => void)[]>();
  #idleWaiters: (() => void)[] = [];

  /** Whether a caller waits for a slot, or for everything, to settle. */
  get hasWaiters(): boolean {
    return this.#waiters.size > 0 || this.#idleWaiters.length > 0;
  }

  /** Resolves when {@linkcode notify} is called for the slot. */
  whenSettled(slot: Slot): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(slot);
      if (waiters) waiters.push(resolve);
      else this.#waiters.set(slot, [resolve]);
    });
  }

  /** Resolves when {@linkcode notify} is called with `isIdle`. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Says that nothing of a slot is pending, and whether nothing at all is. */
  notify(slot: Slot, isIdle: boolean): void {
    const waiters = this.#waiters.get(slot);
    this.#waiters.delete(slot);
    waiters?.forEach((resolve) => resolve());
    if (isIdle) this.notifyIdle();
  }

  /** Says that nothing is pending. */
  notifyIdle(): void {
    if (!this.hasWaiters) return;
    const waiters = [...this.#idleWaiters, ...[...this.#waiters.values()].flat()];
    this.#idleWaiters = [];
    this.#waiters.clear();
    for (const resolve of waiters) resolve();
  }
}
