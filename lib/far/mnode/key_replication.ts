/**
 * Selective replication: gives keys of a far pool to several KNs, and back to one. The M-node's
 * part; routing/cells.ts has the other.
 *
 * ```text
 *   replicate     take the slot, merge its owner's log     clients hold the slot's requests
 *                 set up a cell, which says what the index says
 *                 give the slot back                       clients find the cell
 *
 *   dereplicate   close the cell: its word becomes another one, and clients hold the key's requests
 *                 merge all logs                           the index says what the cell says
 *                 take the slot, merge its owner's log, free the cell, give the slot back
 * ```
 *
 * Why that is safe:
 *
 * - A cell comes and goes while no KN owns the slot. What was logged for it is merged then, so the
 *   next owner finds in the index, or in the cell, the newest record of the key (I4); and a request
 *   that was routed before carries an outdated word (I1).
 * - When a cell is freed, no log holds a record of the key that is not merged: it was closed
 *   before, by swapping its unlocked word, so no KN has appended one since. An older put that was
 *   merged later would bring a deleted key back.
 * - The slot's version becomes at least the cell's, so the key's versions go on growing (I9).
 * - Owners are changed by swapping the cell's unlocked word, like a slot's. That an owner is gone
 *   is seen by {@linkcode KeyReplication.tend}, which puts another KN in its place. As long as it
 *   holds the cell, no KN can change the key: its requests wait at their clients, and are refused
 *   after a while (`UnavailableError`), until it has let go or has died.
 *
 * Every method does what can be done without waiting for another thread, and says whether it is
 * done; it is called again otherwise.
 *
 * @module
 */
import { assert } from "../../core/assert.ts";
import {
  type CellId,
  NO_ADDRESS,
  type NodeId,
  type OwnerWord,
  type Slot,
} from "../../core/brands.ts";
import {
  CELL_COUNT,
  CELL_KEY_BYTES_MAX,
  NODE_COUNT_MAX,
  SLOT_SHIFT,
  UNAVAILABLE_AFTER_MS,
} from "../../core/limits.ts";
import { hasUnmerged } from "../log/log_merger.ts";
import { unaskedLogs } from "../log/unasked_logs.ts";
import { IndexSpace } from "../../index/index_space.ts";
import { SlotTable } from "../../index/slot_table.ts";
import { FLAG_BINARY_KEY, packMeta } from "../../log/record_layout.ts";
import {
  CELL_ADDRESS,
  CELL_HASHES,
  CELL_KEY,
  CELL_KEY_META,
  CELL_LOCK,
  CELL_OWNERS,
  CELL_OWNERS_WORDS,
  CELL_ROUTE,
  CELLS_END,
} from "../../pool/cell_layout.ts";
import { AGENT_HOST, SLOT_LOCK } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { raiseSlotVersion, slotVersion } from "../../pool/slot_version.ts";
import {
  cellNode,
  cellsEnd,
  cellVersion,
  findCell,
  hashOfCell,
  loadRoute,
  NO_CELL,
  NO_ROUTE,
  ownersOfCell,
  pointCell,
} from "../../routing/cells.ts";
import { MERGING_NODE, NO_NODE, NodeState, nodeStateOf } from "../../routing/node_directory.ts";
import {
  firstOwnerWord,
  heldBy,
  HOLDER_MASK,
  holderOf,
  LOCK_POLLS_MAX,
  lockAnySlot,
  MOVING,
  nextOwnerWord,
  slotOwner,
  unlockSlot,
} from "../../routing/ownership.ts";
import type { FarMoves } from "./far_moves.ts";

/** A key as it is encoded; a `KeyEncoder` is one. */
export interface EncodedKey {
  readonly hash: number;
  readonly words: Int32Array;
  readonly byteLength: number;
  /** Whether it was given as bytes, not as a string. */
  readonly isBinary: boolean;
}

/** What replication works with. */
export interface KeyReplicationOptions {
  readonly pool: Pool;
  readonly farMoves: FarMoves;
  /** The KNs that run, with their agent blocks. */
  readonly nodes: () => readonly { readonly nodeId: NodeId; readonly agent: number }[];
  /** The KN that is to own a slot. */
  readonly assignedTo: (slot: Slot) => NodeId;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
}

/**
 * How giving a key to so many KNs has ended. `"full"`: as many keys as there may be have several
 * owners already.
 */
export type ReplicationOutcome = "done" | "again" | "full";

/** Replicates the keys of one pool. */
export class KeyReplication {
  readonly #options: KeyReplicationOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #table: SlotTable;
  /** How many owners each cell's key is to have. */
  readonly #wanted = new Map<CellId, number>();
  /** Cells that are closed, to be freed. */
  readonly #closed = new Set<CellId>();
  /** Slots that were taken, and are to be given back. */
  readonly #taken = new Set<Slot>();
  /** Since when cells are held by KNs that are gone. */
  readonly #heldSinceMs = new Map<CellId, number>();

  /** Replicates nothing yet. */
  constructor(options: KeyReplicationOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#control = options.pool.control;
    this.#table = new SlotTable(options.pool, new IndexSpace(options.pool, AGENT_HOST));
  }

  /** Whether a key has a cell. */
  has(key: EncodedKey): boolean {
    return this.#cellOf(key) !== NO_CELL;
  }

  /**
   * Has a key owned by so many KNs, or by all of them if there are fewer; also by more or fewer
   * than now.
   *
   * @param key at most 128 bytes long
   * @param ownerCount at least 1; with 1 it still has a cell: see {@linkcode tryDereplicate}
   */
  tryReplicate(key: EncodedKey, ownerCount: number): ReplicationOutcome {
    assert(key.byteLength <= CELL_KEY_BYTES_MAX, "a cell holds its key");
    const cell = this.#cellOf(key);
    if (cell === NO_CELL) return this.#tryCreate(key, ownerCount);
    this.#wanted.set(cell, ownerCount);
    if (this.#closed.delete(cell)) this.#heldSinceMs.delete(cell);
    return this.#trySwap(cell) && this.#giveBack() ? "done" : "again";
  }

  /**
   * Gives a key back to the owner of its slot; false if it has to be tried again. A key without a
   * cell is as it should be.
   */
  tryDereplicate(key: EncodedKey): boolean {
    const cell = this.#cellOf(key);
    return cell === NO_CELL ? this.#giveBack() : this.#tryFree(cell);
  }

  /**
   * Gives back the keys that may have one owner only, since there are no more KNs; false if that
   * has to be tried again.
   */
  tryDereplicateLone(): boolean {
    if (this.#options.nodes().length > 1) return true;
    let isDone = true;
    this.#forEachCell((cell) => isDone = this.#tryFree(cell) && isDone);
    return isDone;
  }

  /**
   * Sees to it that keys have the owners that they are to have; to be called regularly, and when a
   * KN is gone.
   */
  tend(): void {
    if (this.#taken.size > 0) this.#giveBack();
    // Clients hold the requests for their keys, and the thread that closed them may block for one.
    for (const cell of [...this.#closed]) {
      if (!this.#tryFree(cell) && this.#closed.has(cell)) this.#markHeld(cell);
    }
    for (const agent of unaskedLogs(this.#pool)) this.#options.farMoves.mergeAll(agent);
    this.#forEachCell((cell) => {
      if (this.#closed.has(cell)) return;
      const holder = holderOf(Atomics.load(this.#control, this.#lockAt(cell)));
      const isHeld = holder >= 0 && holder < NODE_COUNT_MAX && !isActive(this.#pool, holder);
      if (!isHeld && !this.#heldSinceMs.has(cell) && this.#hasOwners(cell)) return;
      if (this.#trySwap(cell)) this.#heldSinceMs.delete(cell);
      // A KN that runs lets it go by itself.
      else if (isHeld) this.#markHeld(cell);
    });
  }

  /**
   * Takes cells away from KNs that are about to leave, which are not in the list of nodes any more;
   * false to try again.
   */
  tryLeave(): boolean {
    let isDone = true;
    const agents = new Set(this.#options.nodes().map(({ agent }) => agent));
    this.#forEachCell((cell) => {
      if (
        this.#closed.has(cell) || ownersOfCell(this.#pool, cell).every((agent) => agents.has(agent))
      ) {
        return;
      }
      isDone = this.#trySwap(cell) && isDone;
    });
    return isDone;
  }

  #cellOf({ hash, words, byteLength }: EncodedKey): CellId {
    return findCell(this.#pool, hash, words, 0, byteLength);
  }

  #tryCreate(key: EncodedKey, ownerCount: number): ReplicationOutcome {
    const cell = this.#freeCell();
    if (cell === NO_CELL) return "full";
    const slot = (key.hash >>> SLOT_SHIFT) as Slot;
    if (!this.#take(slot)) return "again";
    const isCreated = this.#underLock(slot, (slotAt) => {
      this.#setUp(cell, key, slotAt, ownerCount);
    });
    return this.#giveBack() && isCreated ? "done" : "again";
  }

  /** Takes a slot, and merges what its owner has logged; false when it has to be tried again. */
  #take(slot: Slot): boolean {
    const { farMoves } = this.#options;
    if (!farMoves.take(slot)) return false;
    this.#taken.add(slot);
    return farMoves.mergeTaken(slot);
  }

  /**
   * Gives slots back, unless a rebalance has given them, to spread slots anew; false when one
   * cannot be given now.
   */
  #giveBack(): boolean {
    const { farMoves, assignedTo } = this.#options;
    for (const slot of this.#taken) {
      const isTaken = slotOwner(this.#pool, slot) === MERGING_NODE;
      if (!isTaken || farMoves.give(slot, assignedTo(slot))) this.#taken.delete(slot);
    }
    return this.#taken.size === 0;
  }

  #setUp(cell: CellId, key: EncodedKey, slotAt: number, ownerCount: number): void {
    const control = this.#control;
    const at = this.#pool.cellAt(cell);
    const { hash, words, byteLength, isBinary } = key;
    const address = this.#table.find(slotAt, hash, words, 0, byteLength);
    pointCell(this.#pool, cell, address, slotVersion(control, slotAt));
    control[at + CELL_KEY_META] = packMeta(byteLength, 0, isBinary ? FLAG_BINARY_KEY : 0);
    const keyWords = CELL_KEY_BYTES_MAX / 4;
    control.fill(0, at + CELL_KEY, at + CELL_KEY + keyWords);
    for (let i = 0; i < (byteLength + 3) >>> 2; i++) control[at + CELL_KEY + i] = words[i]!;
    this.#wanted.set(cell, ownerCount);
    this.#setOwners(cell, (hash >>> SLOT_SHIFT) as Slot, []);
    const before = Atomics.load(control, at + CELL_LOCK) as OwnerWord;
    const word = before === NO_ROUTE
      ? firstOwnerWord(cellNode(cell))
      : nextOwnerWord(before, cellNode(cell));
    Atomics.store(control, at + CELL_LOCK, word);
    Atomics.store(control, this.#pool.cells + CELL_HASHES + cell, hash);
    // From here on the cell says which record of the key is the newest.
    Atomics.store(control, at + CELL_ROUTE, word);
    Atomics.store(control, this.#pool.cells + CELLS_END, this.#end());
  }

  /** Closes a cell, has all be merged, and frees it. */
  #tryFree(cell: CellId): boolean {
    // Before it is closed, so that clients need not wait for what takes long.
    if (!this.#closed.has(cell) && !(this.#mergeLogs() && this.#tryClose(cell))) return false;
    if (!this.#mergeLogs()) return false;
    const slot = (hashOfCell(this.#pool, cell) >>> SLOT_SHIFT) as Slot;
    if (!this.#take(slot)) return false;
    const isFreed = this.#underLock(slot, (slotAt) => this.#free(cell, slotAt));
    return this.#giveBack() && isFreed;
  }

  /** Merges all that has been logged by now; false when that is not possible now. */
  #mergeLogs(): boolean {
    let isMerged = true;
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      if (!hasUnmerged(this.#pool, agent)) continue;
      isMerged = this.#options.farMoves.mergeAll(agent) && isMerged;
    }
    return isMerged;
  }

  #free(cell: CellId, slotAt: number): void {
    const control = this.#control;
    const at = this.#pool.cellAt(cell);
    raiseSlotVersion(control, slotAt, cellVersion(this.#pool, cell));
    Atomics.store(control, at + CELL_ROUTE, NO_ROUTE);
    Atomics.store(control, at + CELL_ADDRESS, NO_ADDRESS);
    Atomics.store(control, this.#pool.cells + CELLS_END, this.#end());
    this.#wanted.delete(cell);
    this.#closed.delete(cell);
    this.#heldSinceMs.delete(cell);
  }

  /**
   * Lets no KN lock a cell any more for a request that was routed to it; false while an agent holds
   * it.
   */
  #tryClose(cell: CellId): boolean {
    const word = this.#swapLock(cell);
    if (word === undefined) return false;
    Atomics.store(this.#control, this.#pool.cellAt(cell) + CELL_ROUTE, word | MOVING);
    unlockSlot(this.#control, this.#lockAt(cell), word);
    this.#closed.add(cell);
    return true;
  }

  /** Gives a cell the owners that it is to have now; false while an agent holds it. */
  #trySwap(cell: CellId): boolean {
    const word = this.#swapLock(cell);
    if (word === undefined) return false;
    const slot = (hashOfCell(this.#pool, cell) >>> SLOT_SHIFT) as Slot;
    this.#setOwners(cell, slot, ownersOfCell(this.#pool, cell));
    Atomics.store(this.#control, this.#pool.cellAt(cell) + CELL_ROUTE, word);
    unlockSlot(this.#control, this.#lockAt(cell), word);
    return true;
  }

  /** Swaps the unlocked word of a cell for its next one, held by the M-node. */
  #swapLock(cell: CellId): OwnerWord | undefined {
    const at = this.#lockAt(cell);
    const old = (Atomics.load(this.#control, at) & ~HOLDER_MASK) as OwnerWord;
    const next = nextOwnerWord(old, cellNode(cell));
    const held = heldBy(next, AGENT_HOST);
    for (let i = 0; i < LOCK_POLLS_MAX; i++) {
      if (Atomics.compareExchange(this.#control, at, old, held) === old) return next;
    }
    return undefined;
  }

  /**
   * Says that a KN that is gone holds a cell, or what freeing it needs: for a moment clients wait,
   * later they are refused.
   */
  #markHeld(cell: CellId): void {
    const nowMs = this.#options.now();
    const sinceMs = this.#heldSinceMs.get(cell) ?? nowMs;
    this.#heldSinceMs.set(cell, sinceMs);
    const word = (Atomics.load(this.#control, this.#lockAt(cell)) & ~HOLDER_MASK) as OwnerWord;
    const isLong = nowMs - sinceMs >= UNAVAILABLE_AFTER_MS;
    const route = isLong ? nextOwnerWord(word, NO_NODE) : word | MOVING;
    Atomics.store(this.#control, this.#pool.cellAt(cell) + CELL_ROUTE, route);
  }

  /** Writes the owners of a cell: those that stay, and others as far as they are wanted. */
  #setOwners(cell: CellId, slot: Slot, present: readonly number[]): void {
    const nodes = this.#options.nodes();
    const wanted = Math.min(this.#wanted.get(cell)!, nodes.length);
    const running = new Set(nodes.map(({ agent }) => agent));
    const owners = present.filter((agent) => running.has(agent)).slice(0, wanted);
    // Others follow the owner of the slot, each key's a little further on, so that not all of them
    // meet at one KN.
    const slotOwnerNode = this.#options.assignedTo(slot);
    const first = Math.max(0, nodes.findIndex(({ nodeId }) => nodeId === slotOwnerNode));
    for (let i = 0; i < nodes.length && owners.length < wanted; i++) {
      const step = i === 0 ? 0 : 1 + (i - 1 + cell) % (nodes.length - 1);
      const { agent } = nodes[(first + step) % nodes.length]!;
      if (!owners.includes(agent)) owners.push(agent);
    }
    const at = this.#pool.cellAt(cell) + CELL_OWNERS;
    for (let word = 0; word < CELL_OWNERS_WORDS; word++) {
      let bits = 0;
      for (const agent of owners) if (agent >>> 5 === word) bits |= 1 << (agent & 31);
      Atomics.store(this.#control, at + word, bits);
    }
  }

  /** Whether a cell's owners run, and are as many as are wanted and possible. */
  #hasOwners(cell: CellId): boolean {
    const owners = ownersOfCell(this.#pool, cell);
    const wanted = Math.min(this.#wanted.get(cell)!, this.#options.nodes().length);
    return owners.length === wanted && owners.every((agent) => isActive(this.#pool, agent));
  }

  #underLock(slot: Slot, change: (slotAt: number) => void): boolean {
    const slotAt = this.#pool.slotAt(slot);
    const owner = lockAnySlot(this.#control, slotAt + SLOT_LOCK, AGENT_HOST);
    if (owner === undefined) return false;
    change(slotAt);
    unlockSlot(this.#control, slotAt + SLOT_LOCK, owner);
    return true;
  }

  #freeCell(): CellId {
    for (let cell = 0; cell < CELL_COUNT; cell++) {
      if (loadRoute(this.#pool, cell as CellId) === NO_ROUTE) return cell as CellId;
    }
    return NO_CELL;
  }

  #forEachCell(visit: (cell: CellId) => void): void {
    const end = cellsEnd(this.#pool);
    for (let cell = 0; cell < end; cell++) {
      if (loadRoute(this.#pool, cell as CellId) !== NO_ROUTE) visit(cell as CellId);
    }
  }

  #end(): number {
    let end = 0;
    for (let cell = 0; cell < CELL_COUNT; cell++) {
      if (loadRoute(this.#pool, cell as CellId) !== NO_ROUTE) end = cell + 1;
    }
    return end;
  }

  #lockAt(cell: CellId): number {
    return this.#pool.cellAt(cell) + CELL_LOCK;
  }
}

function isActive(pool: Pool, agent: number): boolean {
  return nodeStateOf(pool, agent) === NodeState.ACTIVE;
}
