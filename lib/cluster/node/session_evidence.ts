/**
 * Which requests were applied: what a node knows of the sessions of clients, from the records that
 * count. So a request that is sent again is answered, and not executed again (I5); the argument is
 * in docs/protocols/cluster_requests.md.
 *
 * The owner of a slot has read all that counts of it, so a request of the slot that is not known
 * here was not applied. An entry is kept until its session has confirmed that it has the answer, or
 * for {@linkcode EVIDENCE_MS} after this node has read it. A copy of a request is executed up
 * to `RESEND_MS` after its issue, and as much later as it was on its way (`TRANSIT_MS_MAX`); its
 * record is read after its issue: so no entry goes before the last copy of its request.
 *
 * @module
 */
import type { LogRecord } from "../messages/log_codec.ts";
import { RESEND_MS } from "./requests.ts";

/** How long an entry is kept at least, by the monotonic clock: far longer than copies may come. */
export const EVIDENCE_MS: number = 2 * RESEND_MS;

/** What became of a request that was applied. */
export interface Applied {
  /** The key's version by it. */
  readonly version: number;
  /** Of an addition: the sum as it is stored. */
  readonly sum: Uint8Array | undefined;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/** What is known of a session. */
interface Session {
  /** The number up to which it has all answers. */
  confirmed: number;
  readonly applied: Map<number, Applied>;
}

/** Known sessions. */
export class SessionEvidence {
  readonly #clock: { monotonicMs(): number };
  readonly #keptMs: number;
  /** Those of which something was read since the last turn, and those before. */
  #sessions = new Map<number, Session>();
  #earlier = new Map<number, Session>();
  #turnedAtMs: number;

  /** @param keptMs how long an entry is kept at least */
  constructor(clock: { monotonicMs(): number }, keptMs: number = EVIDENCE_MS) {
    this.#clock = clock;
    this.#keptMs = keptMs;
    this.#turnedAtMs = clock.monotonicMs();
  }

  /** A record that counts was read, or written: its request was applied. */
  note({ version, value, expiresAtMs, origin }: LogRecord): void {
    const { session, number, confirmed, isSum } = origin;
    if (session === 0) return;
    this.confirm(session, confirmed);
    const { confirmed: upTo, applied } = this.#sessionOf(session);
    // The value is part of a message; its bytes are to go when the message does.
    const sum = isSum ? value?.slice() : undefined;
    if (number > upTo) applied.set(number, { version, sum, expiresAtMs });
  }

  /** A session has all answers up to a number. */
  confirm(session: number, number: number): void {
    if (session === 0) return;
    const known = this.#sessionOf(session);
    if (number <= known.confirmed) return;
    known.confirmed = number;
    for (const applied of [known.applied, this.#earlier.get(session)?.applied]) {
      // They were added in about this order. One that stays for longer does no harm.
      for (const old of applied?.keys() ?? []) {
        if (old > number) break;
        applied!.delete(old);
      }
    }
  }

  /** Whether a session has the answer to a request: a copy that comes now is one too late. */
  isConfirmed(session: number, number: number): boolean {
    return session !== 0 && number <= this.#sessionOf(session).confirmed;
  }

  /** What became of a request; undefined if it was not applied. */
  find(session: number, number: number): Applied | undefined {
    return this.#sessions.get(session)?.applied.get(number) ??
      this.#earlier.get(session)?.applied.get(number);
  }

  #sessionOf(session: number): Session {
    this.#turn();
    let known = this.#sessions.get(session);
    if (known === undefined) {
      const confirmed = this.#earlier.get(session)?.confirmed ?? 0;
      this.#sessions.set(session, known = { confirmed, applied: new Map() });
    }
    return known;
  }

  #turn(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#turnedAtMs < this.#keptMs) return;
    this.#turnedAtMs = nowMs;
    this.#earlier = this.#sessions;
    this.#sessions = new Map();
  }
}
