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
import { SLOT_COUNT } from "../core/limits.ts";
import { hasTooMany } from "../eviction/entry_count.ts";
import { Ghosts } from "../eviction/ghosts.ts";
import type { SlotTable } from "../index/slot_table.ts";
import { metaKeyBytes, RECORD_HASH } from "../log/record_layout.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import { SLOT_LOCK, SLOT_RECORD_COUNT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
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
  #slot = 0;

  /** Makes a hand that stands at the first slot. */
  constructor(options: EntryBoundOptions) {
    this.#options = options;
    this.#ghosts = Ghosts.of(options.pool);
  }

  /** Drops keys while there are too many, as far as they are of this KN. */
  enforce(): void {
    const { pool } = this.#options;
    if (!hasTooMany(pool)) return;
    for (let passed = 0; passed < ROUNDS_MAX * SLOT_COUNT; passed++) {
      const slot = this.#slot as Slot;
      this.#slot = (this.#slot + 1) % SLOT_COUNT;
      if (pool.control[pool.slotAt(slot) + SLOT_RECORD_COUNT] === 0) continue;
      this.#pass(slot);
      if (!hasTooMany(pool)) return;
    }
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
