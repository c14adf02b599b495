/**
 * What must hold when a round is over and nobody works on the store any more: owners, counts,
 * segments, and that nothing is lost or leaked.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { setTimeout } from "node:timers/promises";
import type { NodeId, Slot } from "../../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../../lib/core/limits.ts";
import { IndexSpace } from "../../../lib/index/index_space.ts";
import { SlotTable } from "../../../lib/index/slot_table.ts";
import { recordExpiry } from "../../../lib/log/record_layout.ts";
import {
  AGENT_HOST,
  SLOT_EXPIRING_COUNT,
  SLOT_LOCK,
  SLOT_RECORD_COUNT,
} from "../../../lib/pool/control_layout.ts";
import { whilePaused } from "../../../lib/pool/gate.ts";
import type { Pool } from "../../../lib/pool/pool.ts";
import { ClientState, clientState, HOST_CLIENT } from "../../../lib/routing/client_registry.ts";
import { activeNodes } from "../../../lib/routing/node_directory.ts";
import { holderOf, loadOwner, slotOwner } from "../../../lib/routing/ownership.ts";
import { open, type OpenOptions, PoolFullError, type Store } from "../../../mod.ts";
import { EXPIRING_PREFIX } from "./own_keys.ts";
import { copyAsKilled } from "../killed_copy.ts";
import { checkPool } from "../sim_pool_check.ts";

/** How long it may take until nothing is left of what has failed. */
const QUIET_MS_MAX = 15_000;
/** The same until what has expired was removed: owners that sleep look once a second. */
const EXPIRY_MS_MAX = 10_000;
/** Share of what a pool admits that it must admit again when everything was deleted. */
const REFILL_SHARE_MIN = 0.9;
const REFILL_VALUE_BYTES = 64;
const REFILL_BURST = 64;
/** How often a cache is filled with what is never read. */
const REFILLS = 1.5;
/** Share of the keys of a cache that must be there when it is opened again. */
const WARM_SHARE_MIN = 0.5;
const READ_BURST = 256;

/** Waits until nothing is left of failed KNs and of clients that have died. */
export async function untilQuiet(
  store: Store<unknown>,
  pool: Pool,
  clientCount: number,
): Promise<void> {
  const clients = Array.from({ length: clientCount }, (_, client) => client);
  const isFree = (client: number) =>
    client === HOST_CLIENT || clientState(pool, client) === ClientState.FREE;
  const isQuiet = () => store.stats().zombies === 0 && clients.every(isFree);
  if (await holdsWithin(QUIET_MS_MAX, isQuiet)) return;
  const taken = clients.filter((client) => !isFree(client));
  throw new Error(
    `nothing must be left of what has failed, got ${store.stats().zombies} zombies, ` +
      `and places of clients ${taken.map((client) => `${client}: ${clientState(pool, client)}`)}`,
  );
}

/**
 * I1: every slot is unlocked, and belongs to a KN that runs, as the owner table says. What a
 * checkpoint or a cleaner locks is unlocked soon.
 */
export async function checkOwners(pool: Pool): Promise<void> {
  const active = new Set(activeNodes(pool).map(({ nodeId }) => nodeId));
  for (let i = 0; i < SLOT_COUNT; i++) {
    const slot = i as Slot;
    const lock = pool.slotAt(slot) + SLOT_LOCK;
    let word = 0;
    let owner: NodeId;
    const isRight = () => {
      word = Atomics.load(pool.control, lock);
      owner = slotOwner(pool, slot);
      return holderOf(word) < 0 && active.has(owner) && word === loadOwner(pool, slot);
    };
    // Looked at as a whole each time: whoever cleans may lock it again behind a look at its lock.
    if (await holdsWithin(QUIET_MS_MAX, isRight)) continue;
    throw new Error(
      `I1: slot ${slot} must be unlocked and belong to a KN that runs (${[...active]}), ` +
        `got owner ${owner!}, holder ${holderOf(word)}, table word ${
          loadOwner(pool, slot)
        }, lock word ${word}`,
    );
  }
}

/**
 * Waits until what has expired is gone, too; throws if `count` differs from the keys that there
 * are.
 */
export async function checkCount(store: Store<unknown>, pool: Pool): Promise<void> {
  let keys = 0;
  const isCounted = async () => {
    keys = 0;
    for await (const _ of store.keys()) keys += 1;
    return store.count === keys;
  };
  if (await holdsWithin(EXPIRY_MS_MAX, isCounted)) return;
  throw new Error(
    `count must be the number of keys, ${keys}, got ${store.count}; slots that differ: ` +
      `${JSON.stringify(differingSlots(pool))}; the pool: ${poolFinding(store, pool)}`,
  );
}

/** What else is wrong with a pool: a key may be there twice. */
function poolFinding(store: Store<unknown>, pool: Pool): string {
  try {
    checkSegments(store, pool);
    return "all right";
  } catch (error) {
    return String(error);
  }
}

/**
 * What is said of slots, and what is in them, where that is not the same number of keys that have
 * not expired.
 */
function differingSlots(pool: Pool): unknown[] {
  const table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
  const differing: unknown[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const slotAt = pool.slotAt(slot as Slot);
    const left: number[] = [];
    let expiring = 0;
    let pairs = 0;
    table.forEach(slotAt, (address) => {
      const expiresAtMs = recordExpiry(pool.wordsOf(address), pool.wordAt(address));
      pairs += 1;
      if (expiresAtMs !== Infinity) expiring += 1;
      if (expiresAtMs < Date.now()) left.push(Date.now() - expiresAtMs);
    });
    const recordCount = pool.control[slotAt + SLOT_RECORD_COUNT];
    const expiringCount = pool.control[slotAt + SLOT_EXPIRING_COUNT];
    if (recordCount === pairs && expiringCount === expiring && left.length === 0) continue;
    const owner = slotOwner(pool, slot as Slot);
    differing.push({ slot, owner, recordCount, pairs, expiringCount, expiring, left });
  }
  return differing;
}

/**
 * Every segment is in one state; with the pool paused, everything in it agrees with everything
 * else.
 */
export function checkSegments(store: Store<unknown>, pool: Pool): void {
  const { free, open, sealed, cleaning } = store.stats().segments;
  const segmentCount = pool.segmentLimit;
  if (free + open + sealed + cleaning !== segmentCount) {
    throw new Error(
      `all of ${segmentCount} segments must be accounted for, got ` +
        `${free} free, ${open} open, ${sealed} sealed, ${cleaning} being cleaned`,
    );
  }
  const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot as Slot);
  whilePaused(pool, AGENT_HOST, () => checkPool(pool, slots, { mayCountTooMuch: true }));
}

/** Everything that is in a store, apart from what may expire any moment. */
export async function contentsOf(store: Store<unknown>): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  let keys: string[] = [];
  // Many at one time: in a far pool each read waits for a KN.
  const readAll = async () => {
    const values = await store.getMany(keys);
    for (const [i, value] of values.entries()) {
      // What is evicted is not there any more.
      if (value !== undefined) contents.set(String(keys[i]), textOf(value));
    }
    keys = [];
  };
  for await (const key of store.keys()) {
    if (String(key).startsWith(EXPIRING_PREFIX)) continue;
    if (keys.push(key) === READ_BURST) await readAll();
  }
  await readAll();
  return contents;
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array
    ? Buffer.from(value).toString("latin1")
    : JSON.stringify(value);
}

/**
 * Opens a copy of a pool's directory, made while it is open, as if its process had been killed now.
 */
export async function checkCopy(
  path: string,
  options: OpenOptions,
  contents: Map<string, string>,
): Promise<void> {
  const copy = copyAsKilled(path);
  await checkReopened({ ...options, path: copy }, contents, { isKilled: true });
}

/**
 * Opens a pool again and compares what is in it. Of a store that evicts, less may be there; and if
 * its process was killed, what it has dropped may be there again.
 */
export async function checkReopened(
  options: OpenOptions,
  contents: Map<string, string>,
  { isKilled = false } = {},
): Promise<void> {
  const store = await open(options);
  const found = await contentsOf(store);
  await store.close();
  const what = isKilled ? "a copy of the files" : "the pool, opened again,";
  const evicts = options.whenFull === "evict";
  if (evicts && found.size < contents.size * WARM_SHARE_MIN) {
    throw new Error(`${what} must be warm, got ${found.size} of ${contents.size} keys`);
  }
  for (const key of new Set([...contents.keys(), ...found.keys()])) {
    if (contents.get(key) === found.get(key)) continue;
    if (evicts && !found.has(key)) continue;
    if (evicts && isKilled && !contents.has(key)) continue;
    const show = (text: string | undefined) => JSON.stringify(text?.slice(0, 40));
    throw new Error(
      `I3: ${what} must hold what the store held: ${key} ` +
        `was ${show(contents.get(key))}, got ${show(found.get(key))}`,
    );
  }
}

/**
 * Deletes everything and fills the pool again; throws if it takes noticeably less than it may hold.
 */
export async function checkRefill(store: Store<unknown>): Promise<void> {
  await store.clear();
  const { liveBytesMax } = store.stats();
  let isFull = false;
  for (let key = 0; !isFull;) {
    const puts: Promise<unknown>[] = [];
    for (let i = 0; i < REFILL_BURST; i++) {
      puts.push(store.put(`refill/${key++}`, new Uint8Array(REFILL_VALUE_BYTES)));
    }
    for (const outcome of await Promise.allSettled(puts)) {
      if (outcome.status === "fulfilled") continue;
      if (!(outcome.reason instanceof PoolFullError)) throw outcome.reason;
      isFull = true;
    }
  }
  const { liveBytes, segments } = store.stats();
  if (liveBytes >= liveBytesMax * REFILL_SHARE_MIN) return;
  throw new Error(
    `an empty pool must take ${liveBytesMax} bytes, got ${liveBytes}, ${JSON.stringify(segments)}`,
  );
}

/**
 * Deletes everything and puts more than there is room for; throws if any of it is refused, or too
 * little is kept.
 */
export async function checkRefillEvicting(
  store: Store<unknown>,
  maxEntries = Infinity,
): Promise<void> {
  await store.clear();
  const { liveBytesMax } = store.stats();
  const keyCount = Math.ceil(REFILLS * liveBytesMax / REFILL_VALUE_BYTES);
  for (let key = 0; key < keyCount;) {
    const puts: Promise<unknown>[] = [];
    for (let i = 0; i < REFILL_BURST; i++) {
      puts.push(store.put(`refill/${key++}`, new Uint8Array(REFILL_VALUE_BYTES)));
    }
    await Promise.all(puts);
  }
  const { liveBytes } = store.stats();
  if (liveBytes >= liveBytesMax * REFILL_SHARE_MIN) return;
  if (store.count >= maxEntries * REFILL_SHARE_MIN) return;
  throw new Error(
    `a cache must keep ${liveBytesMax} bytes or ${maxEntries} keys, ` +
      `got ${liveBytes} and ${store.count}`,
  );
}

async function holdsWithin(
  msMax: number,
  condition: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const deadlineMs = performance.now() + msMax;
  while (!await condition()) {
    if (performance.now() > deadlineMs) return false;
    await setTimeout(20);
  }
  return true;
}
