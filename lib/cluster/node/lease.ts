/**
 * Leases, as their holder counts them and as the others do.
 *
 * The holder reads its clocks before it sends a renewal, and counts from there. The others count
 * from when the renewal has reached them, which is later. The holder counts `leaseMs - marginMs`,
 * by whichever of its two clocks has moved further; the others count `leaseMs` by the monotonic
 * one alone. So the holder has stopped before another one acts, while
 *
 * - rates of monotonic clocks differ by less than `marginMs / leaseMs`: 10 % of 3 s by default; and
 * - one of the holder's clocks moves on while its process or its machine is suspended. A suspended
 *   process has both; a suspended virtual machine may come back with a monotonic clock that has
 *   stood still, and its time of day is right again before, or as soon as, it sends something.
 *
 * A time of day that is set forwards ends a lease early, and one that is set back does nothing: no
 * harm is done by either.
 *
 * @module
 */
import { type ClusterClock, elapsedMs, type Moment } from "./cluster_clock.ts";

/** How long a lease is. */
export interface LeaseTimes {
  /** What the others wait for, in milliseconds. */
  readonly leaseMs: number;
  /** What the holder leaves of it, in milliseconds. */
  readonly marginMs: number;
}

/** For how long a node may answer. */
export interface LeaseSpan {
  /** Before the renewal was sent that counts. */
  readonly since: Moment;
  /** After that, by whichever clock has moved further, in milliseconds. */
  readonly ms: number;
}

/** Renewals of which it is not known yet whether they count; older ones are forgotten. */
const RENEWALS_MAX = 64;

/** The lease of this node. */
export class HeldLease {
  readonly #clock: ClusterClock;
  readonly #msMax: number;
  readonly #sentAt = new Map<number, Moment>();
  #number = 0;
  #grantedNumber = 0;
  #since: Moment | undefined;

  constructor(clock: ClusterClock, times: LeaseTimes) {
    this.#clock = clock;
    this.#msMax = times.leaseMs - times.marginMs;
  }

  /** A renewal is going to be sent; returns its number. */
  beforeSending(): number {
    const number = ++this.#number;
    this.#sentAt.set(number, this.#now());
    this.#sentAt.delete(number - RENEWALS_MAX);
    return number;
  }

  /** Number of the last renewal that was sent. */
  get sentNumber(): number {
    return this.#number;
  }

  /** Number of the last renewal that counts. */
  get grantedNumber(): number {
    return this.#grantedNumber;
  }

  /** The renewal with a number counts. */
  granted(number: number): void {
    this.#grantedNumber = Math.max(this.#grantedNumber, number);
    const since = this.#sentAt.get(number);
    if (since === undefined) return;
    this.#since = since;
    for (const earlier of this.#sentAt.keys()) {
      if (earlier <= number) this.#sentAt.delete(earlier);
    }
  }

  /** For how long this node may answer if the lease is not renewed; undefined: it is not held. */
  get span(): LeaseSpan | undefined {
    return this.#since && { since: this.#since, ms: this.#msMax };
  }

  /** Whether this node may answer now. */
  holds(): boolean {
    return this.leftMs() > 0;
  }

  /** How long this node may answer if the lease is not renewed, in milliseconds. */
  leftMs(): number {
    if (this.#since === undefined) return 0;
    return Math.max(0, this.#msMax - elapsedMs(this.#since, this.#now()));
  }

  /** Another one has ended it. */
  end(): void {
    this.#since = undefined;
    this.#sentAt.clear();
  }

  #now(): Moment {
    return { monotonicMs: this.#clock.monotonicMs(), epochMs: this.#clock.epochMs() };
  }
}

/** The leases of all nodes, as this one has seen them renewed. */
export class SeenLeases {
  readonly #clock: ClusterClock;
  readonly #leaseMs: number;
  readonly #seenAtMs = new Map<number, number>();

  constructor(clock: ClusterClock, times: LeaseTimes) {
    this.#clock = clock;
    this.#leaseMs = times.leaseMs;
  }

  /** A renewal of a node that counts has just been received. */
  renewed(node: number): void {
    this.#seenAtMs.set(node, this.#clock.monotonicMs());
  }

  /** Whether a lease that was seen has ended, wherever its holder is and whatever it does. */
  isOver(node: number): boolean {
    const seenAtMs = this.#seenAtMs.get(node);
    return seenAtMs !== undefined && this.#clock.monotonicMs() - seenAtMs >= this.#leaseMs;
  }
}
