/**
 * Which KN a request goes to, and by which word.
 *
 * Order (I4). For one slot, this client has requests in flight only under one owner word, hence in
 * one ring, whose KN executes them in order. As soon as the owner table shows another word, or a
 * request has come back refused, everything for the slot is held until the last request in flight
 * has ended.
 *
 * A key that several KNs own is routed by the word of its cell (routing/cells.ts), to any of its
 * owners. It stays within the order of its slot: as long as anything of the slot is in flight,
 * requests go to the same owner by the same word, or are held. When nothing is, the next owner is
 * chosen. So the order is also kept when a key gets a cell or loses it; and requests that follow
 * each other are spread over the owners, as are those of different clients.
 *
 * @module
 */
import type { OwnerWord, Slot } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { metaKeyBytes, RECORD_HASH, RECORD_KEY, RECORD_META } from "../log/record_layout.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { REQUEST_RECORD } from "../rings/ring_layout.ts";
import { cellsEnd, chooseOwner, findRoute, isCellWord, NO_ROUTE } from "../routing/cells.ts";
import { NO_NODE } from "../routing/node_directory.ts";
import { HOLDER_MASK, loadOwner, LOCK_POLLS_MAX, MOVING, ownerOf } from "../routing/ownership.ts";
import type { HeldSlots } from "./held_slots.ts";
import type { NodeConnection } from "./node_connection.ts";

/** A key: its hash, and its bytes as words, zero-padded, from an index. A `KeyEncoder` is one. */
export interface KeyPlace {
  readonly hash: number;
  readonly words: Int32Array;
  readonly start: number;
  readonly byteLength: number;
}

/** Where the key of a request is. */
export function keyOfRequest(words: Int32Array): KeyPlace {
  return {
    hash: words[REQUEST_RECORD + RECORD_HASH],
    words,
    start: REQUEST_RECORD + RECORD_KEY,
    byteLength: metaKeyBytes(words[REQUEST_RECORD + RECORD_META]),
  };
}

/** Chooses the connection that a slot's next request goes by. */
export class Router {
  readonly #pool: Pool;
  readonly #held: HeldSlots;
  /** Whether keys may have cells. */
  readonly #isFar: boolean;
  /** Counts the choices of an owner. */
  #choices: number;
  /** Connections by KN identity. */
  readonly #byNode: (NodeConnection | undefined)[] = [];
  /** Per slot: requests in flight, and the owner word they were sent under. */
  readonly #inFlight: Int32Array = new Int32Array(SLOT_COUNT);
  readonly #sentUnder: Int32Array = new Int32Array(SLOT_COUNT);
  /** Per slot: the KN that they were sent to, if they were routed by a cell. */
  readonly #sentTo: Int16Array = new Int16Array(SLOT_COUNT);

  /**
   * Makes a router without connections.
   *
   * @param held where requests that have no route are kept
   * @param firstChoice which owner of a key that several KNs own is chosen first
   */
  constructor(pool: Pool, held: HeldSlots, firstChoice: number) {
    this.#pool = pool;
    this.#held = held;
    this.#isFar = isFar(pool);
    this.#choices = firstChoice;
  }

  /** Adds the connection to a KN that has started. */
  connect(connection: NodeConnection): void {
    this.#byNode[connection.nodeId] = connection;
  }

  /** Removes the connection to a KN that owns nothing any more. */
  disconnect(connection: NodeConnection): void {
    this.#byNode[connection.nodeId] = undefined;
  }

  /** Removes all connections. */
  close(): void {
    this.#byNode.length = 0;
  }

  /** Whether requests of a slot are in flight. */
  isInFlight(slot: Slot): boolean {
    return this.#inFlight[slot] !== 0;
  }

  /** Whether requests of a slot are in flight or held. */
  isPending(slot: Slot): boolean {
    return this.#inFlight[slot] !== 0 || this.#held.isHeld(slot);
  }

  /** The word by which a slot's last request was routed. */
  wordOf(slot: Slot): number {
    return this.#sentUnder[slot];
  }

  /** A request has been sent to where its slot was routed last. */
  noteSent(slot: Slot): void {
    this.#inFlight[slot] += 1;
  }

  /** A request in flight has ended, or was refused; returns whether it was its slot's last one. */
  noteEnd(slot: Slot): boolean {
    return --this.#inFlight[slot] <= 0;
  }

  /** The connection to send a slot's request by, or undefined when it has to be held. */
  route(slot: Slot, key: KeyPlace): NodeConnection | undefined {
    if (this.#held.isHeld(slot)) return undefined;
    let word = loadOwner(this.#pool, slot);
    if ((word & HOLDER_MASK) === MOVING) {
      word = this.#waitForMove(slot);
      if ((word & HOLDER_MASK) === MOVING) return undefined;
    }
    // Afterwards: that the key has no cell holds as long as the word.
    if (this.#isFar && cellsEnd(this.#pool) !== 0) {
      const { hash, words, start, byteLength } = key;
      const route = findRoute(this.#pool, hash, words, start, byteLength);
      if (route !== NO_ROUTE) return this.#routeByCell(slot, route);
    }
    if (this.#inFlight[slot] !== 0 && this.#sentUnder[slot] !== word) return undefined;
    const connection = this.#byNode[ownerOf(word)];
    if (connection === undefined) return undefined;
    this.#sentUnder[slot] = word;
    return connection;
  }

  /** Whether the M-node has given a slot up: no KN can write it. */
  isSlotGivenUp(slot: Slot): boolean {
    return ownerOf(loadOwner(this.#pool, slot)) === NO_NODE;
  }

  /** Whether the M-node has given the cell of a key up, while its slot can be written. */
  isKeyGivenUp({ hash, words, start, byteLength }: KeyPlace): boolean {
    const route = findRoute(this.#pool, hash, words, start, byteLength);
    return route !== NO_ROUTE && ownerOf(route) === NO_NODE;
  }

  /** Whether any key has a cell. */
  get hasCells(): boolean {
    return cellsEnd(this.#pool) !== 0;
  }

  /**
   * The owner word of a slot that moves. The M-node marks a slot for the microseconds in which it
   * swaps the lock word, so this waits, but not for long: the M-node's thread may have ended then.
   */
  #waitForMove(slot: Slot): OwnerWord {
    for (let i = 0; i < LOCK_POLLS_MAX; i++) {
      const word = loadOwner(this.#pool, slot);
      if ((word & HOLDER_MASK) !== MOVING) return word;
    }
    return loadOwner(this.#pool, slot);
  }

  /** The connection for a key that several KNs own, by the word of its cell. */
  #routeByCell(slot: Slot, route: OwnerWord): NodeConnection | undefined {
    if (!isCellWord(route) || (route & HOLDER_MASK) === MOVING) return undefined;
    if (this.#inFlight[slot] !== 0) {
      return this.#sentUnder[slot] === route ? this.#byNode[this.#sentTo[slot]] : undefined;
    }
    const node = chooseOwner(this.#pool, route, this.#choices++);
    const connection = this.#byNode[node];
    if (connection === undefined) return undefined;
    this.#sentUnder[slot] = route;
    this.#sentTo[slot] = node;
    return connection;
  }
}
