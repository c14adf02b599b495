/**
 * A store in one thread: KNs, a cleaner, clients, an M-node and a reader over one tiny pool. A
 * scheduler lets one of them make a step at a time, and the model and the pool are checked all the
 * time.
 *
 * @module
 */
import type { Cache } from "../../lib/cache/cache.ts";
import type { CellId, OwnerWord, Slot } from "../../lib/core/brands.ts";
import { createCache } from "../../lib/cache/create_cache.ts";
import { type CachedValue, keepValue } from "../../lib/far/node/far_lookup.ts";
import { CELL_LOCK } from "../../lib/pool/cell_layout.ts";
import {
  AGENT_EXECUTOR,
  GATE_NODE_COUNT,
  OWNER_TABLE,
  SLOT_LOCK,
} from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { placeFar } from "../../lib/pool/placement.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { evictWhenFull } from "../../lib/pool/when_full.ts";
import { COMPLETION_TAIL, Status } from "../../lib/rings/ring_layout.ts";
import { cellsEnd } from "../../lib/routing/cells.ts";
import { HOLDER_MASK, MOVING } from "../../lib/routing/ownership.ts";
import { Random } from "./random.ts";
import { SimCleaner } from "./sim_cleaner.ts";
import { SimClient } from "./sim_client.ts";
import { HASH_KEY, keysOfSlots, type SimKey } from "./sim_keys.ts";
import { SimManager } from "./sim_manager.ts";
import { SimMerger } from "./sim_merger.ts";
import { KeyModel, type OperationKind, require, type SimOperation } from "./sim_model.ts";
import { orderSome } from "./sim_order.ts";
import { checkCells, checkPool, slotVersion } from "./sim_pool_check.ts";
import { SimEyes, SimReader } from "./sim_reader.ts";
import { type Heat, type SimAgent, SimScheduler } from "./sim_scheduler.ts";

/** A key that all clients increment. */
export interface SimCounter {
  readonly key: SimKey;
  /** Counts from which somebody has gone on to the next. */
  readonly left: Set<number>;
  /** The count is at least this. */
  countMin: number;
}

/** A key to which all clients add in one request each. */
export interface SimSum {
  readonly key: SimKey;
  /** What additions of 1 have returned: every number once (I5). */
  readonly seen: Set<number>;
  /** The largest of them. */
  max: number;
}

/** How a simulation runs. */
export interface SimOptions {
  readonly seed: number;
  /** Share of the atomic accesses at which another agent makes a step; 0 for whole steps only. */
  readonly interruptShare: number;
  /** Segments of the pool. @default 10 to 20 */
  readonly segmentCount?: number;
  /** Keys of each slot that are in use, up to 100. @default 36 */
  readonly keysPerSlot?: number;
  /** Length of most values, at most. @default many or few to a segment */
  readonly valueBytesMax?: number;
  /** Whether the pool is a far one. @default false */
  readonly isFar?: boolean;
  /** Whether the pool drops records when it is full. @default false */
  readonly evicts?: boolean;
}

/** Slots in use: one for each client alone, one for both, one for the counters. */
const SLOTS = [17, 1200, 2400, 4095] as Slot[];
const KEYS_PER_SLOT_MAX = 100;
const KEYS_PER_SLOT = 36;
const COUNTER_COUNT = 4;
const SUM_COUNT = 3;
/** Of so many keys one may have several owners. */
const SHARABLE_EVERY = 18;
const KEYS: readonly SimKey[] = keysOfSlots(SLOTS, KEYS_PER_SLOT_MAX);

/**
 * Interruptions in general, at slots' lock words, and where something is handed over that may be
 * used too early.
 */
const PLAIN: Heat = { factor: 1, longShare: 0.1 };
const LOCK: Heat = { factor: 4, longShare: 0.02 };
const HANDED_OVER: Heat = { factor: 10, longShare: 0.5 };
/** Steps between two checks of the whole pool. */
const CHECK_EVERY = 16;
const SEGMENT_BYTES = 4096;
/** Bytes of a KN's cache in a far pool: so few that entries come and go. */
const CACHE_BYTES = 4096;

/** In a pool that evicts: most keys, in some of the simulations, and words for its ghosts. */
const ENTRIES_MAX = 40;
const GHOST_WORDS = 64;

/** The simulated store. */
export class SimWorld {
  readonly pool: Pool;
  readonly random: Random;
  readonly segments: SegmentTable;
  readonly slots: readonly Slot[] = SLOTS;
  readonly models: readonly KeyModel[];
  /** Keys among them that may have several owners in a far pool, as may the counters. */
  readonly sharableModels: readonly KeyModel[];
  readonly counters: readonly SimCounter[];
  readonly sums: readonly SimSum[];
  readonly clients: readonly SimClient[];
  readonly manager: SimManager;
  /**
   * Most values are no longer: a segment holds many of them, or a few, so that it often loses its
   * last one.
   */
  readonly valueBytesMax: number;
  readonly clock = (): number => this.nowMs;
  nowMs = 1_000_000;
  /** Whether nothing new is to be issued, and no slot to be moved. */
  isEnding = false;
  readonly scheduler: SimScheduler;

  /** Whether clients execute requests themselves now and then. */
  readonly mayHelp: boolean;
  readonly isFar: boolean;
  readonly evicts: boolean;
  readonly #mergers: readonly SimMerger[];
  readonly #cleaner: SimCleaner;
  readonly #reader: SimReader;
  readonly #stamps = new Map<Slot, number>();
  readonly #lockIndices: ReadonlySet<number>;
  #operationCount = 0;

  constructor(options: SimOptions) {
    this.random = new Random(options.seed);
    this.isFar = options.isFar ?? false;
    this.evicts = options.evicts ?? false;
    // KNs of a far pool keep what is not merged open, and their mergers may have a segment, too.
    const segmentCountMin = this.isFar ? 24 : 10;
    const segmentCount = options.segmentCount ??
      this.random.between(segmentCountMin, segmentCountMin + 10);
    this.pool = makePool(this.random, segmentCount, this.isFar);
    orderSome(this.pool, options.seed);
    if (this.evicts) evictWhenFull(this.pool, this.random.pick([0, ENTRIES_MAX]), GHOST_WORDS);
    this.segments = new SegmentTable(this.pool);
    this.#lockIndices = new Set(SLOTS.map((slot) => this.pool.slotAt(slot) + SLOT_LOCK));
    this.valueBytesMax = options.valueBytesMax ?? this.random.pick([90, 90, 1200]);
    const keysOf = (slot: Slot, count: number) =>
      KEYS.filter((key) => key.slot === slot).slice(0, count);
    const count = options.keysPerSlot ?? KEYS_PER_SLOT;
    this.models = SLOTS.slice(0, 3).flatMap((slot) => keysOf(slot, count))
      .map((key) => new KeyModel(key, this.evicts));
    this.sharableModels = this.models.filter((_, i) => i % SHARABLE_EVERY === 0);
    this.counters = keysOf(SLOTS[3]!, COUNTER_COUNT)
      .map((key) => ({ key, left: new Set<number>(), countMin: 0 }));
    this.sums = keysOf(SLOTS[3]!, COUNTER_COUNT + SUM_COUNT).slice(COUNTER_COUNT)
      .map((key) => ({ key, seen: new Set<number>(), max: 0 }));
    for (const slot of SLOTS) this.#stamps.set(slot, 0);
    const ofClient = (client: number) =>
      this.models.filter(({ key }) =>
        key.slot === SLOTS[client] || (key.slot === SLOTS[2] && key.number % 2 === client)
      );
    this.clients = [0, 1].map((i) => new SimClient(this, i, ofClient(i), [SLOTS[i]!]));
    this.manager = new SimManager(this);
    this.#cleaner = new SimCleaner(this);
    this.#reader = new SimReader(this);
    this.#mergers = this.isFar ? [0, 1, 2, 3].map((agent) => new SimMerger(this, agent)) : [];
    this.scheduler = new SimScheduler({
      random: this.random,
      interruptShare: options.interruptShare,
      pick: () => this.#pick(),
      heatOf: (array, index) => this.#heatOf(array, index),
    });
    this.pool.control[GATE_NODE_COUNT] = 3;
    for (let i = 0; i < 3; i++) this.manager.addNode();
    this.manager.initialiseOwners();
    this.mayHelp = this.random.next() < 0.7;
  }

  /**
   * Whether a client that waits can count on everybody else: none of them is in the middle of a
   * step.
   */
  get canWait(): boolean {
    return !this.manager.isActive && !this.isGateBusy;
  }

  /**
   * Whether somebody is in the middle of a step of a KN: its own thread, or a client that helps.
   */
  get #isExecuting(): boolean {
    const { pool } = this;
    return this.manager.nodes.some((node) =>
      node.isActive || pool.control[pool.agentAt(node.agent) + AGENT_EXECUTOR] !== 0
    );
  }

  /** Whether anybody is in the middle of a step that the gate guards. */
  get isGateBusy(): boolean {
    return this.#isExecuting || this.#cleaner.isActive ||
      this.#mergers.some((merger) => merger.isActive);
  }

  /** Whether a slot is marked as moving. */
  get isSlotMarked(): boolean {
    return SLOTS.some((slot) => (this.pool.control[OWNER_TABLE + slot] & MOVING) !== 0);
  }

  /** Lock words of the slots, and of the cells of keys that several KNs own, that are locked. */
  get lockWords(): OwnerWord[] {
    const { control } = this.pool;
    const words = SLOTS.map((slot) => control[this.pool.slotAt(slot) + SLOT_LOCK] as OwnerWord);
    for (let cell = 0; cell < cellsEnd(this.pool); cell++) {
      words.push(control[this.pool.cellAt(cell as CellId) + CELL_LOCK] as OwnerWord);
    }
    return words.filter((word) => (word & HOLDER_MASK) !== 0);
  }

  /** Lets the agents make steps. */
  run(stepCount: number): void {
    this.scheduler.during(() => {
      for (let i = 0; i < stepCount; i++) {
        this.scheduler.makeStep();
        if (i % CHECK_EVERY === 0) checkPool(this.pool, SLOTS);
      }
    });
  }

  /** Lets everything end that has been issued, and checks what is left. */
  finish(): void {
    this.scheduler.during(() => {
      this.manager.settle();
      this.isEnding = true;
      this.scheduler.watch("the end");
      while (this.clients.some((client) => client.pendingCount > 0)) this.scheduler.runOther();
      while (this.isFar && this.manager.farMoves.takenCount > 0) this.scheduler.runOther();
      this.manager.close();
      this.#cleaner.close();
    });
    checkPool(this.pool, SLOTS);
    if (this.isFar) checkCells(this.pool);
    const eyes = new SimEyes(this.pool, this.clock);
    for (const model of this.models) eyes.check(model);
    for (const slot of SLOTS) {
      const acknowledged = this.#stamps.get(slot)!;
      const version = slotVersion(this.pool, slot);
      // A key that several KNs own has versions of its own for that time.
      const isShared = this.manager.sharedSlots.has(slot);
      require(
        isShared ? version <= acknowledged : version === acknowledged,
        `I5: slot ${slot} saw ${version} changes, ${acknowledged} were acknowledged`,
      );
    }
    for (const { key, left, countMin } of this.counters) {
      require(left.size === countMin, `I5: ${key.text} lost increments`);
    }
    for (const { key, seen, max } of this.sums) {
      const found = eyes.lookAtSum(key) ?? 0;
      require(
        seen.size === max && found === max,
        `I5: ${key.text} holds ${found}, ${seen.size} additions returned up to ${max}`,
      );
    }
  }

  /** A new operation. */
  newOperation(kind: OperationKind, expiresAtMs: number, expectedVersion: number): SimOperation {
    const number = ++this.#operationCount;
    const issuedAtMs = this.nowMs;
    return { kind, number, expiresAtMs, expectedVersion, issuedAtMs, status: undefined };
  }

  /** A cache for a KN of a far pool. */
  newCache(): Cache<CachedValue> | undefined {
    const policy = this.random.pick(["none", "marginal", "dac", "shortcuts"] as const);
    if (policy === "none") return undefined;
    return createCache(policy, { budgetBytes: CACHE_BYTES, keep: keepValue });
  }

  /** Counts the version that an ended operation has used up. */
  countStamps(slot: Slot, status: number): void {
    const isRefused = status === Status.LOG_FULL;
    require(!isRefused || !this.evicts, "a pool that evicts refuses nothing for want of room");
    // A put that finds the index full has a version already.
    if (status !== Status.OK && (status !== Status.INDEX_FULL || this.isFar)) return;
    this.#stamps.set(slot, this.#stamps.get(slot)! + 1);
  }

  #pick(): SimAgent {
    const { random } = this;
    const choice = random.next();
    if (choice < 0.4) return random.pick(this.manager.nodes);
    if (choice < 0.7) return random.pick(this.clients);
    if (choice < 0.8) return this.#cleaner;
    if (choice < 0.9) return this.manager;
    return this.isFar ? random.pick(this.#mergers) : this.#reader;
  }

  #heatOf(array: Int32Array, index: number): Heat {
    const { control, index: [index0] } = this.pool;
    if (array === control) {
      if (index >= this.pool.cells) return LOCK;
      const isFreeBits = index >= this.pool.freeBits && index < this.pool.agentAt(0);
      return isFreeBits ? HANDED_OVER : this.#lockIndices.has(index) ? LOCK : PLAIN;
    }
    const isRing = array !== index0;
    return isRing && index === COMPLETION_TAIL ? HANDED_OVER : PLAIN;
  }
}

function makePool(random: Random, segmentCount: number, isFar: boolean): Pool {
  const geometry = geometryOf(segmentCount * SEGMENT_BYTES, SEGMENT_BYTES);
  // Now and then the index is so small that doubling fails, and then inserting.
  const isSmall = random.next() < 0.2;
  const bucketCount = isSmall ? random.between(12, 40) : geometry.bucketCount;
  const pool = Pool.create({ ...geometry, bucketCount }, HASH_KEY);
  if (isFar) placeFar(pool, random.between(1, 3) * SEGMENT_BYTES);
  return pool;
}
