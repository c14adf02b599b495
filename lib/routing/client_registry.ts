/**
 * The clients' places: which threads use the pool, in shared memory.
 *
 * ```text
 *          claim            activate             release
 *   FREE ---------> CLAIMED ---------> ACTIVE ------------> FREE
 *    ^                                   |
 *    |        free                       | its thread has ended
 *    +--------------------- DEAD <-------+
 * ```
 *
 * A client takes a place by a compare-and-swap, and with the place its rings. It gives it back when
 * all of its requests have been answered. The place of a client whose thread has ended without that
 * is freed by the M-node, once the KNs have taken all requests that it has left behind. Either way
 * the next client finds rings in which nothing is in flight.
 *
 * @module
 */
import { CLIENT_COUNT_MAX } from "../core/limits.ts";
import type { ThreadIdentity } from "../platform/thread_identity.ts";
import { LINE_WORDS } from "../pool/lines.ts";
import {
  CLIENT_BLOCKS,
  CLIENT_LIFE,
  CLIENT_STATE,
  CLIENT_THREAD,
  CLIENT_THREAD_START,
  CLIENTS_EPOCH,
  STORE_STATE,
} from "../pool/control_layout.ts";
import { beginCounting } from "../pool/operation_counters.ts";
import type { Pool } from "../pool/pool.ts";

/** States of a client's place. */
export const ClientState = { FREE: 0, CLAIMED: 1, ACTIVE: 2, DEAD: 3 } as const;

/** Whether the store can be used, as every thread sees it. */
export const StoreState = {
  OPEN: 0,
  /** Nothing new is accepted. */
  CLOSING: 1,
  /** Nothing is answered any more. */
  CLOSED: 2,
  /** The same, because the store has failed. */
  FAILED: 3,
  /** The same, because the thread that opened it has ended without closing it. */
  ORPHANED: 4,
} as const;

/** The client of the thread that opened the store. */
export const HOST_CLIENT = 0;

/** State of the store, one of {@linkcode StoreState}. */
export function storeState(pool: Pool): number {
  return Atomics.load(pool.control, STORE_STATE);
}

/**
 * Whether the store accepts operations. A plain load, since every operation asks: what it must see,
 * it sees in a while, and an operation that comes too late is not answered.
 */
export function isStoreOpen(pool: Pool): boolean {
  return pool.control[STORE_STATE] === StoreState.OPEN;
}

/** Says what state the store is in, and wakes no thread: clients that wait look at it. */
export function setStoreState(pool: Pool, state: number): void {
  Atomics.store(pool.control, STORE_STATE, state);
}

/** Index of a client's block. */
function blockOf(client: number): number {
  return CLIENT_BLOCKS + client * LINE_WORDS;
}

/** Bits of a record's client word for the place. */
const LIFE_SHIFT = 8;

/** State of a client's place, one of {@linkcode ClientState}. */
export function clientState(pool: Pool, client: number): number {
  return Atomics.load(pool.control, blockOf(client) + CLIENT_STATE);
}

/**
 * Bits that a record's client word has for the life: its highest one says that it is no client's.
 */
const LIFE_MASK = 0x7fffff;

/** Tells the clients that have had a place from each other. */
export function clientLife(pool: Pool, client: number): number {
  return Atomics.load(pool.control, blockOf(client) + CLIENT_LIFE) & LIFE_MASK;
}

/** How a client is named in records: by its place, and by which of the place's clients it is. */
export function packRecordClient(pool: Pool, client: number): number {
  return client | (clientLife(pool, client) << LIFE_SHIFT);
}

/** The name of no client, for a reservation that its client has given up. */
export const NO_RECORD_CLIENT = -1;

/** Takes the name of a client in a record apart. */
export function recordClient(word: number): { client: number; life: number } {
  return { client: word & ((1 << LIFE_SHIFT) - 1), life: word >>> LIFE_SHIFT };
}

/**
 * Takes a place for this thread.
 *
 * @param countMax places that there are
 * @returns the client's number, or undefined when all places are taken
 */
export function claimClient(
  pool: Pool,
  countMax: number,
  thread: ThreadIdentity,
): number | undefined {
  const { control } = pool;
  for (let client = 0; client < Math.min(countMax, CLIENT_COUNT_MAX); client++) {
    const at = blockOf(client);
    const { FREE, CLAIMED } = ClientState;
    if (Atomics.compareExchange(control, at + CLIENT_STATE, FREE, CLAIMED) !== FREE) continue;
    beginCounting(pool, client);
    control[at + CLIENT_THREAD] = thread.number;
    control[at + CLIENT_THREAD_START] = thread.startTicks;
    Atomics.store(control, at + CLIENT_STATE, ClientState.ACTIVE);
    announceClients(pool);
    return client;
  }
  return undefined;
}

/** Gives a place back: everything that the client has sent was answered. */
export function releaseClient(pool: Pool, client: number): void {
  const at = blockOf(client);
  Atomics.add(pool.control, at + CLIENT_LIFE, 1);
  Atomics.store(pool.control, at + CLIENT_STATE, ClientState.FREE);
  announceClients(pool);
}

/** Notes that a client's thread has ended; its rings are still emptied. */
export function markClientDead(pool: Pool, client: number): void {
  Atomics.store(pool.control, blockOf(client) + CLIENT_STATE, ClientState.DEAD);
}

/** The thread of a client. */
export function clientThread(pool: Pool, client: number): ThreadIdentity {
  const at = blockOf(client);
  return {
    number: pool.control[at + CLIENT_THREAD],
    startTicks: pool.control[at + CLIENT_THREAD_START],
  };
}

/** Whether a place's rings may hold requests. */
export function isClientThere(pool: Pool, client: number): boolean {
  const state = clientState(pool, client);
  return state === ClientState.ACTIVE || state === ClientState.DEAD;
}

/** Number of clients beside the host. */
export function attachedCount(pool: Pool): number {
  let count = 0;
  for (let client = HOST_CLIENT + 1; client < CLIENT_COUNT_MAX; client++) {
    if (clientState(pool, client) === ClientState.ACTIVE) count += 1;
  }
  return count;
}

/** How often clients have come and gone. */
export function clientsEpoch(pool: Pool): number {
  return Atomics.load(pool.control, CLIENTS_EPOCH);
}

function announceClients(pool: Pool): void {
  Atomics.add(pool.control, CLIENTS_EPOCH, 1);
}
