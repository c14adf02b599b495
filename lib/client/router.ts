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
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { cellsEnd, chooseOwner, findRoute, isCellWord, NO_ROUTE } from "../routing/cells.ts";
import { NO_NODE } from "../routing/node_directory.ts";
import { HOLDER_MASK, loadOwner, LOCK_POLLS_MAX, MOVING, ownerOf } from "../routing/ownership.ts";
import type { KeyPlace } from "./key_place.ts";
import type { NodeConnection } from "./node_connection.ts";
import type { SlotsInFlight } from "./slots_in_flight.ts";

/** Chooses the connection that a slot's next request goes by. */
export class Router {
  readonly #pool: Pool;
  readonly #inFlight: SlotsInFlight;
  /** Whether keys may have cells. */
  readonly #isFar: boolean;
  /** Counts the choices of an owner. */
  #choices: number;
  /** Connections by KN identity. */
  readonly #byNode: (NodeConnection | undefined)[] = [];
  /** Per slot: the owner word that the requests in flight were sent under. */
  readonly #sentUnder: Int32Array = new Int32Array(SLOT_COUNT);
  /** Per slot: the KN that they were sent to, if they were routed by a cell. */
  readonly #sentTo: Int16Array = new Int16Array(SLOT_COUNT);

  /**
   * Makes a router without connections.
   *
   * @param inFlight the requests that the client has in flight
   * @param firstChoice which owner of a key that several KNs own is chosen first
   */
  constructor(pool: Pool, inFlight: SlotsInFlight, firstChoice: number) {
    this.#pool = pool;
    this.#inFlight = inFlight;
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

  /** The word by which a slot's last request was routed. */
  wordOf(slot: Slot): number {
    return this.#sentUnder[slot];
  }

  /** The connection to send a slot's request by, or undefined when it has to be held. */
  route(slot: Slot, key: KeyPlace): NodeConnection | undefined {
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
    if (this.#inFlight.has(slot) && this.#sentUnder[slot] !== word) return undefined;
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
    if (this.#inFlight.has(slot)) {
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
