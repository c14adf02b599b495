/**
 * Removes expired records from the slots of one KN, so that they do not take space for ever.
 * Readers do not need it: they look at the expiry time themselves.
 *
 * @module
 */
import { NO_ADDRESS, type NodeId, type OwnerWord, type Slot } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import {
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  recordExpiry,
  recordWords,
} from "../log/record_layout.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import { SLOT_EXPIRING_COUNT, SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { swingCells } from "../routing/cells.ts";
import { loadOwner, Lock, lockSlot, ownerOf, unlockSlot } from "../routing/ownership.ts";

/** How often all slots are looked at. */
const SWEEP_INTERVAL_MS = 500;
/** Slots with expiring records that one step looks into. */
const SWEEP_SLOTS_MAX = 64;

/** What a sweeper is made of: the parts of its KN. */
export interface ExpirySweeperOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly segments: SegmentTable;
  readonly table: SlotTable;
  readonly counters: AgentCounters;
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Walks round and round over the slots. */
export class ExpirySweeper {
  readonly #pool: Pool;
  readonly #nodeId: NodeId;
  readonly #agent: number;
  readonly #segments: SegmentTable;
  readonly #table: SlotTable;
  readonly #counters: AgentCounters;
  readonly #clock: () => number;
  #nextSlot = 0;
  #restsSinceMs = -Infinity;

  /** Makes a sweeper for a KN. */
  constructor(options: ExpirySweeperOptions) {
    this.#pool = options.pool;
    this.#nodeId = options.nodeId;
    this.#agent = options.agent;
    this.#segments = options.segments;
    this.#table = options.table;
    this.#counters = options.counters;
    this.#clock = options.clock;
  }

  /** Whether it is time to go on; also when the system's clock has been set back since. */
  get isDue(): boolean {
    return Math.abs(this.#clock() - this.#restsSinceMs) >= SWEEP_INTERVAL_MS;
  }

  /** Does one step; returns into how many slots it looked. */
  sweep(): number {
    const { control } = this.#pool;
    let swept = 0;
    while (this.#nextSlot < SLOT_COUNT) {
      if (swept === SWEEP_SLOTS_MAX) return swept;
      const slot = this.#nextSlot as Slot;
      this.#nextSlot += 1;
      if (control[this.#pool.slotAt(slot) + SLOT_EXPIRING_COUNT] === 0) continue;
      const owner = loadOwner(this.#pool, slot);
      if (ownerOf(owner) !== this.#nodeId) continue;
      this.#sweepSlot(slot, owner);
      swept += 1;
    }
    // All slots have been passed: there is time until the next round.
    this.#nextSlot = 0;
    this.#restsSinceMs = this.#clock();
    return swept;
  }

  #sweepSlot(slot: Slot, owner: OwnerWord): void {
    const { control } = this.#pool;
    const slotAt = this.#pool.slotAt(slot);
    if (lockSlot(control, slotAt + SLOT_LOCK, owner, this.#agent) !== Lock.TAKEN) return;
    let expiredCount = 0;
    this.#table.forEach(slotAt, (address) => {
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      if (recordExpiry(words, at) > this.#clock()) return;
      this.#table.remove(slotAt);
      swingCells(this.#pool, words[at + RECORD_HASH], address, NO_ADDRESS);
      control[slotAt + SLOT_EXPIRING_COUNT] -= 1;
      const bytes = recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]) * 4;
      this.#segments.subtractLive(address, bytes);
      expiredCount += 1;
    });
    unlockSlot(control, slotAt + SLOT_LOCK, owner);
    this.#counters.add(AgentCounter.EXPIRED, expiredCount);
  }
}
