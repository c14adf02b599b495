/**
 * Leases on loading: which thread makes the value of a key that is missing, while the others wait
 * (store/writes/single_flight.ts).
 *
 * There is a lease for each of {@linkcode LEASE_COUNT} classes of keys, by their hashes. It is one
 * word, 0 or the name of the client that has it, and is taken by one compare-and-swap: so of all
 * threads one has it. The name says which place the client has and which of the place's clients it
 * is (client_registry.ts). A lease whose client has left, or has died, is void by that, and is
 * taken like a free one. So nothing has to be tidied up behind a thread that dies, and a thread
 * that waits asks the operating system itself whether the one that loads still runs.
 *
 * A client that has a lease may take it again, for another key of the class: it keeps other threads
 * from both. Beside the name stands the hash of the key for which it was taken last. A thread that
 * waits for a lease sees by it that another key of the class is loaded, and does not wait for that
 * for ever: the two loads could wait for each other.
 *
 * @module
 */
import { CLIENT_COUNT_MAX } from "../core/limits.ts";
import { hasThreadEnded } from "../platform/thread_identity.ts";
import { assert } from "../core/assert.ts";
import type { Pool } from "../pool/pool.ts";
import { clientLife, ClientState, clientState, clientThread } from "./client_registry.ts";

/** Classes of keys: so many that two loads at one time hardly ever meet. A power of two. */
const LEASE_COUNT = 8192;
/** Words of a lease: its client, and the hash of a key. */
const LEASE_WORDS = 2;
const OWNER = 0;
const HASH = 1;
const NOBODY = 0;

/** The client of a place is named by place + 1 in the low bits, and by its life above them. */
const LIFE_SHIFT = 8;
const PLACE_MASK = (1 << LIFE_SHIFT) - 1;

assert(CLIENT_COUNT_MAX < PLACE_MASK, "a lease names every client");

/** Allocates the leases of a store. */
export function createLeases(): SharedArrayBuffer {
  return new SharedArrayBuffer(LEASE_COUNT * LEASE_WORDS * 4);
}

/** The leases of a store, as one client takes them. */
export interface Leases {
  /**
   * Takes the lease of a key by its hash; false when another thread has it.
   *
   * @param asks whether to ask the operating system if that thread still runs: ten microseconds
   */
  take(hash: number, asks?: boolean): boolean;
  /** Gives a lease back that this client has taken. */
  give(hash: number): void;
  /** Whether the lease of a key, which another client has, was taken for another key. */
  isOfOtherKey(hash: number): boolean;
  /** Lets go of the pool, of a store that is closed. */
  letGo(): void;
}

/** Leases in shared memory. */
export class LoadLeases implements Leases {
  readonly #words: Int32Array;
  readonly #name: number;
  #pool: Pool;
  /** How often this client has taken each lease that it has. */
  readonly #taken = new Map<number, number>();

  /** Takes leases in the name of a client, whose place has been claimed. */
  constructor(pool: Pool, leases: SharedArrayBuffer, client: number) {
    this.#pool = pool;
    this.#words = new Int32Array(leases);
    this.#name = (client + 1) | (clientLife(pool, client) << LIFE_SHIFT);
  }

  take(hash: number, asks = false): boolean {
    const at = placeOf(hash);
    const count = this.#taken.get(at) ?? 0;
    if (count === 0 && !this.#takeFirst(at, asks)) return false;
    this.#taken.set(at, count + 1);
    Atomics.store(this.#words, at + HASH, hash);
    return true;
  }

  give(hash: number): void {
    const at = placeOf(hash);
    const count = this.#taken.get(at)! - 1;
    if (count > 0) return void this.#taken.set(at, count);
    this.#taken.delete(at);
    // Not if it was void, as the store is closed, and another client has taken it.
    Atomics.compareExchange(this.#words, at + OWNER, this.#name, NOBODY);
  }

  isOfOtherKey(hash: number): boolean {
    return Atomics.load(this.#words, placeOf(hash) + HASH) !== hash;
  }

  letGo(): void {
    this.#pool = undefined as never;
  }

  #takeFirst(at: number, asks: boolean): boolean {
    for (;;) {
      const owner = Atomics.load(this.#words, at + OWNER);
      if (owner !== NOBODY && !this.#isVoid(owner, asks)) return false;
      if (Atomics.compareExchange(this.#words, at + OWNER, owner, this.#name) === owner) {
        return true;
      }
    }
  }

  /** Whether the client of a lease has left or died. */
  #isVoid(owner: number, asks: boolean): boolean {
    const pool = this.#pool;
    const client = (owner & PLACE_MASK) - 1;
    if (clientLife(pool, client) !== owner >>> LIFE_SHIFT) return true;
    const state = clientState(pool, client);
    if (state === ClientState.FREE || state === ClientState.DEAD) return true;
    return asks && hasThreadEnded(clientThread(pool, client));
  }
}

function placeOf(hash: number): number {
  return (hash & (LEASE_COUNT - 1)) * LEASE_WORDS;
}
