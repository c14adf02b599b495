/**
 * Keeps the number of keys of a pool that evicts within its bound, by dropping keys of the slots of
 * one KN.
 *
 * A hand goes round over the slots, as in CLOCK (Corbató: A Paging Experiment with the Multics
 * System, 1968). In a slot that it comes to, keys that were not read since the last round go, and
 * the counts of the others are lowered by one. A whole slot is passed at a time, which holds one in
 * 4096 of the keys. Segments play no part: the bound may be reached while the log is almost empty.
 *
 * The KN calls this between two requests, or after a group, when it holds no slot. What is dropped
 * is dropped as an expired key is: under the slot's lock, the pair first, the live bytes after it.
 * A slot that another agent has locked is passed over.
 *
 * @module
 */
import type { NodeId, PoolAddress, Slot } from "../core/brands.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { Ghosts } from "../eviction/ghosts.ts";
import { keyCount, keysOfSlot } from "../index/key_count.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import type { SlotTable } from "../index/slot_table.ts";
import { metaKeyBytes, RECORD_HASH } from "../log/record_layout.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_KEYS_ADDED, SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { entriesMax } from "../pool/when_full.ts";
import { loadOwner, Lock, lockSlot, ownerOf, unlockSlot } from "../routing/ownership.ts";

/** Rounds after which nothing more can be dropped now: a count of 3 is 0 after three. */
const ROUNDS_MAX = 4;

/** The parts of a KN by which it drops keys. */
export interface EntryBoundOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly table: SlotTable;
  readonly slots: SlotWriter;
  readonly counters: AgentCounters;
}

/** The hand of one executor. */
export class EntryBound {
  readonly #options: EntryBoundOptions;
  readonly #ghosts: Ghosts | undefined;
  readonly #entriesMax: number;
  readonly #keysAddedAt: number;
  #keysAddedSeen = 0;
  readonly #ownKey: KeyEncoder;
  readonly #reader: OneSidedReader;
  #slot = 0;

  /** Makes a hand that stands at the first slot; undefined if the number of keys has no bound. */
  static of(options: EntryBoundOptions): EntryBound | undefined {
    return entriesMax(options.pool) === 0 ? undefined : new EntryBound(options);
  }

  private constructor(options: EntryBoundOptions) {
    const { pool, agent } = options;
    this.#options = options;
    this.#ghosts = Ghosts.of(pool);
    this.#entriesMax = entriesMax(pool);
    this.#keysAddedAt = pool.agentAt(agent) + AGENT_KEYS_ADDED;
    this.#ownKey = new KeyEncoder(...pool.hashKey);
    this.#ownKey.encodeSystemKey();
    // The store's own key never expires.
    this.#reader = new OneSidedReader(pool, () => 0);
  }

  /** Drops keys if this KN has added some and there are too many, as far as they are of this KN. */
  enforce(): void {
    const { pool } = this.#options;
    const keysAdded = pool.control[this.#keysAddedAt];
    if (keysAdded <= this.#keysAddedSeen) {
      this.#keysAddedSeen = keysAdded;
      return;
    }
    if (this.#hasTooMany()) this.#goRound();
    this.#keysAddedSeen = pool.control[this.#keysAddedAt];
  }

  #goRound(): void {
    for (let passed = 0; passed < ROUNDS_MAX * SLOT_COUNT; passed++) {
      const slot = this.#slot as Slot;
      this.#slot = (this.#slot + 1) % SLOT_COUNT;
      if (keysOfSlot(this.#options.pool, slot) === 0) continue;
      this.#pass(slot);
      if (!this.#hasTooMany()) return;
    }
  }

  /** Whether there are too many keys, the store's own one apart. */
  #hasTooMany(): boolean {
    const tooMany = keyCount(this.#options.pool) - this.#entriesMax;
    return tooMany > 1 || (tooMany === 1 && !this.#reader.read(this.#ownKey, false));
  }

  #pass(slot: Slot): void {
    const { pool, nodeId, agent, table, slots, counters } = this.#options;
    const slotAt = pool.slotAt(slot);
    const owner = loadOwner(pool, slot);
    if (ownerOf(owner) !== nodeId) return;
    if (lockSlot(pool.control, slotAt + SLOT_LOCK, owner, agent) !== Lock.TAKEN) return;
    let droppedCount = 0;
    table.forEach(slotAt, (address) => {
      if (metaKeyBytes(slots.metaOf(address)) === 0) return; // the store's own key stays
      const count = table.foundCount;
      if (count > 0) {
        table.foundCount = count - 1;
        return;
      }
      this.#ghosts?.remember(hashOf(pool, address));
      slots.remove(slotAt, address);
      droppedCount += 1;
    });
    unlockSlot(pool.control, slotAt + SLOT_LOCK, owner);
    counters.add(AgentCounter.EVICTED, droppedCount);
  }
}

function hashOf(pool: Pool, record: PoolAddress): number {
  return pool.wordsOf(record)[pool.wordAt(record) + RECORD_HASH];
}
