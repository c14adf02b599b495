/**
 * Requests without an answer by slot and session: a read waits for the changes of its slot that its
 * own session has sent before it, and a slot is given away when nothing of it is on its way.
 *
 * @module
 */

/** Counts requests. */
export class PendingRequests {
  readonly #slots = new Map<number, Map<number, number>>();

  /** A request has come. */
  begin(slot: number, session: number): void {
    let sessions = this.#slots.get(slot);
    if (sessions === undefined) this.#slots.set(slot, sessions = new Map());
    sessions.set(session, (sessions.get(session) ?? 0) + 1);
  }

  /** It was answered. */
  end(slot: number, session: number): void {
    const sessions = this.#slots.get(slot)!;
    const count = sessions.get(session)! - 1;
    if (count > 0) sessions.set(session, count);
    else sessions.delete(session);
    if (sessions.size === 0) this.#slots.delete(slot);
  }

  /** Whether a session has requests of a slot without an answer. */
  has(slot: number, session: number): boolean {
    return this.#slots.get(slot)?.has(session) === true;
  }

  /** Whether there are requests of a slot without an answer. */
  hasAny(slot: number): boolean {
    return this.#slots.has(slot);
  }
}
