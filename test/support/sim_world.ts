/**
 * A store in one thread: KNs, a cleaner, clients, an M-node and a reader over one tiny pool, and a scheduler that lets
 * one of them make a step at a time, as a seed says.
 *
 * With an `interruptShare` a step is not the smallest unit: at any atomic access inside it another agent may make a whole
 * step, and be interrupted itself. Interruptions nest, so the interrupted agent always continues last; every order of two
 * agents' accesses in which one of them makes its step at a single point of the other's is possible. (For a reader that is
 * spread over many points, see sim_trajectory.ts.) An agent that would spin until the interrupted one continues is
 * not chosen.
 *
 * @module
 */
import type { OwnerWord, Slot } from "../../lib/core/brands.ts";
import {
  FREE_LIST_HEAD,
  GATE_NODE_COUNT,
  INDEX_SPACE_LOCK,
  OWNER_TABLE,
  SLOT_LOCK,
} from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { COMPLETION_TAIL, Status } from "../../lib/rings/ring_layout.ts";
import { LOCKED, MOVING } from "../../lib/routing/ownership.ts";
import { Random } from "./random.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { SimCleaner } from "./sim_cleaner.ts";
import { SimClient } from "./sim_client.ts";
import { HASH_KEY, keysOfSlots, type SimKey } from "./sim_keys.ts";
import { SimManager } from "./sim_manager.ts";
import { KeyModel, type OperationKind, require, type SimOperation } from "./sim_model.ts";
import { checkPool, slotVersion } from "./sim_pool_check.ts";
import { SimEyes, SimReader } from "./sim_reader.ts";

/** Somebody who makes steps. */
export interface SimAgent {
  readonly name: string;
  /** Whether it is in the middle of a step. */
  isActive: boolean;
  /** Whether it can make a step now; if nested, without waiting for anybody who is in the middle of one. */
  mayRun(isNested: boolean): boolean;
  step(): void;
}

/** A key that all clients increment. */
export interface SimCounter {
  readonly key: SimKey;
  /** Counts from which somebody has gone on to the next. */
  readonly left: Set<number>;
  /** The count is at least this. */
  countMin: number;
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
}

/** Slots in use: one for each client alone, one for both, one for the counters. */
const SLOTS = [17, 1200, 2400, 4095] as Slot[];
const KEYS_PER_SLOT_MAX = 100;
const KEYS_PER_SLOT = 36;
const COUNTER_COUNT = 4;
const KEYS: readonly SimKey[] = keysOfSlots(SLOTS, KEYS_PER_SLOT_MAX);

/** Steps inside of steps inside of steps. */
const DEPTH_MAX = 3;
/** Atomic accesses of one step, and waits of one synchronous operation, beyond which it is stuck. */
const ACCESSES_MAX = 400_000;
const WAITS_MAX = 20_000;
/** How much more often than elsewhere a step is interrupted at a word, and the share of long interruptions. */
interface Heat {
  readonly factor: number;
  readonly longShare: number;
}
const PLAIN: Heat = { factor: 1, longShare: 0.1 };
/** Slots' lock words. */
const LOCK: Heat = { factor: 4, longShare: 0.02 };
/** The free list and the completions: what follows may make use of something too early. */
const HANDED_OVER: Heat = { factor: 10, longShare: 0.5 };
/** Steps of a long interruption: as many as a preempted thread may miss. */
const LONG_STEPS_MAX = 60;
/** Steps between two checks of the whole pool. */
const CHECK_EVERY = 16;
const SEGMENT_BYTES = 4096;

/** The simulated store. */
export class SimWorld {
  readonly pool: Pool;
  readonly random: Random;
  readonly segments: SegmentTable;
  readonly slots: readonly Slot[] = SLOTS;
  readonly models: readonly KeyModel[];
  readonly counters: readonly SimCounter[];
  readonly clients: readonly SimClient[];
  readonly manager: SimManager;
  /** Most values are no longer: a segment holds many of them, or a few, so that it often loses its last one. */
  readonly valueBytesMax: number;
  readonly clock = (): number => this.nowMs;
  nowMs = 1_000_000;
  /** Called before and after each atomic write, interruptions included. */
  onAccess: (() => void) | undefined;

  readonly #interruptShare: number;
  readonly #cleaner: SimCleaner;
  readonly #reader: SimReader;
  readonly #stamps = new Map<Slot, { min: number; max: number }>();
  /** Whether nothing new is to be issued, and no slot to be moved. */
  isEnding = false;
  /** Steps made in the middle of others. */
  interruptCount = 0;
  readonly #lockIndices: ReadonlySet<number>;
  #isObserved = false;
  #depth = 0;
  #accessCount = 0;
  #waitCount = 0;
  #waitingFor = "";
  #operationCount = 0;

  constructor(options: SimOptions) {
    this.random = new Random(options.seed);
    this.#interruptShare = options.interruptShare;
    this.pool = makePool(this.random, options.segmentCount ?? this.random.between(10, 20));
    this.segments = new SegmentTable(this.pool);
    this.#lockIndices = new Set(SLOTS.map((slot) => this.pool.slotAt(slot) + SLOT_LOCK));
    this.valueBytesMax = options.valueBytesMax ?? this.random.pick([90, 90, 1200]);
    const keysOf = (slot: Slot, count: number) =>
      KEYS.filter((key) => key.slot === slot).slice(0, count);
    const count = options.keysPerSlot ?? KEYS_PER_SLOT;
    this.models = SLOTS.slice(0, 3).flatMap((slot) => keysOf(slot, count))
      .map((key) => new KeyModel(key));
    this.counters = keysOf(SLOTS[3]!, COUNTER_COUNT)
      .map((key) => ({ key, left: new Set<number>(), countMin: 0 }));
    for (const slot of SLOTS) this.#stamps.set(slot, { min: 0, max: 0 });
    const ofClient = (client: number) =>
      this.models.filter(({ key }) =>
        key.slot === SLOTS[client] || (key.slot === SLOTS[2] && key.number % 2 === client)
      );
    this.clients = [0, 1].map((i) => new SimClient(this, i, ofClient(i), [SLOTS[i]!]));
    this.manager = new SimManager(this);
    this.#cleaner = new SimCleaner(this);
    this.#reader = new SimReader(this);
    this.pool.control[GATE_NODE_COUNT] = 3;
    for (let i = 0; i < 3; i++) this.manager.addNode();
    this.manager.initialiseOwners();
  }

  /** Whether a client that waits can count on everybody else: none of them is in the middle of a step. */
  get canWait(): boolean {
    return !this.manager.isActive && !this.#cleaner.isActive && !this.isNodeActive;
  }

  /** Whether a KN is in the middle of a step. */
  get isNodeActive(): boolean {
    return this.manager.nodes.some((node) => node.isActive);
  }

  /** Whether anybody is in the middle of a step that the gate guards. */
  get isGateBusy(): boolean {
    return this.isNodeActive || this.#cleaner.isActive;
  }

  /** Whether a slot is marked as moving. */
  get isSlotMarked(): boolean {
    return SLOTS.some((slot) => (this.pool.control[OWNER_TABLE + slot] & MOVING) !== 0);
  }

  /** Lock words of the slots that are locked. */
  get lockWords(): OwnerWord[] {
    const { control } = this.pool;
    return SLOTS.map((slot) => control[this.pool.slotAt(slot) + SLOT_LOCK] as OwnerWord)
      .filter((word) => (word & LOCKED) !== 0);
  }

  /** Whether the index space is locked. */
  get isIndexLocked(): boolean {
    return this.pool.control[INDEX_SPACE_LOCK] !== 0;
  }

  /** Lets the agents make steps. */
  run(stepCount: number): void {
    withAtomicHooks(this.#hooks, () => {
      for (let i = 0; i < stepCount; i++) {
        this.#makeStep();
        if (i % CHECK_EVERY === 0) this.check();
      }
    });
  }

  /** Lets everything end that has been issued, and checks what is left. */
  finish(): void {
    withAtomicHooks(this.#hooks, () => {
      this.manager.settle();
      this.watch("the end");
      this.isEnding = true;
      while (this.clients.some((client) => client.pendingCount > 0)) this.runOther();
      this.manager.close();
      this.#cleaner.close();
    });
    this.check();
    const eyes = new SimEyes(this.pool, this.clock);
    for (const model of this.models) eyes.check(model);
    for (const slot of SLOTS) {
      const { min, max } = this.#stamps.get(slot)!;
      const version = slotVersion(this.pool, slot);
      require(
        version >= min && version <= max,
        `I5: slot ${slot} saw ${version} changes, ${min} to ${max} were acknowledged`,
      );
    }
    for (const { key, left, countMin } of this.counters) {
      require(left.size === countMin, `I5: ${key.text} lost increments`);
    }
  }

  /** Checks the whole pool, if nobody is in the middle of a step. */
  check(): void {
    if (this.#depth === 0) checkPool(this.pool, SLOTS);
  }

  /** Starts watching that something ends. */
  watch(what: string): void {
    this.#waitingFor = what;
    this.#waitCount = 0;
  }

  /** Lets somebody else make a step, on behalf of one who waits. */
  runOther(): void {
    this.#waitCount += 1;
    this.#accessCount = 0;
    require(this.#waitCount < WAITS_MAX, `${this.#waitingFor} does not end`);
    const agent = this.#choose(true);
    if (agent !== undefined) this.#run(agent);
  }

  /** A new operation. */
  newOperation(kind: OperationKind, expiresAtMs: number, expectedVersion: number): SimOperation {
    const number = ++this.#operationCount;
    const issuedAtMs = this.nowMs;
    return { kind, number, expiresAtMs, expectedVersion, issuedAtMs, status: undefined };
  }

  /** Counts the version that an ended operation has used up. */
  countStamps(slot: Slot, status: number, mayBeExpired: boolean): void {
    const stamps = this.#stamps.get(slot)!;
    // A put that finds the index full has a version already; a delete of an expired record uses one, and says UNMET.
    const isSure = status === Status.OK || status === Status.INDEX_FULL;
    if (isSure) stamps.min += 1;
    if (isSure || (mayBeExpired && status === Status.UNMET)) stamps.max += 1;
  }

  #makeStep(): void {
    this.#accessCount = 0;
    this.watch("a step");
    const agent = this.#choose(false);
    if (agent !== undefined) this.#run(agent);
  }

  /** Lets others make a step, or, now and then, as many as a preempted thread may see when it runs again. */
  #interrupt(heat: Heat): void {
    const isLong = this.random.next() < heat.longShare;
    const stepCount = isLong ? this.random.below(LONG_STEPS_MAX) : 1;
    for (let i = 0; i < stepCount; i++) {
      const agent = this.#choose(true);
      if (agent === undefined) continue;
      this.interruptCount += 1;
      this.#run(agent);
    }
  }

  #choose(isNested: boolean): SimAgent | undefined {
    const { random } = this;
    const choice = random.next();
    const agent = choice < 0.4
      ? random.pick(this.manager.nodes)
      : choice < 0.7
      ? random.pick(this.clients)
      : choice < 0.8
      ? this.#cleaner
      : choice < 0.9
      ? this.manager
      : this.#reader;
    return agent.mayRun(isNested) ? agent : undefined;
  }

  #run(agent: SimAgent): void {
    agent.isActive = true;
    this.#depth += 1;
    agent.step();
    this.#depth -= 1;
    agent.isActive = false;
  }

  readonly #hooks = {
    onAccess: (isWrite: boolean, array: Int32Array, index: number): void => {
      this.#onAccess(isWrite, this.#heatOf(array, index));
    },
    // A KN that is out of segments waits for the end of a snapshot.
    onWait: (): void => this.runOther(),
  };

  /** What happens where something goes over from one agent to another. */
  #heatOf(array: Int32Array, index: number): Heat {
    const isRing = array !== this.pool.control && array !== this.pool.index[0];
    if (isRing) return index === COMPLETION_TAIL ? HANDED_OVER : PLAIN;
    if (array !== this.pool.control) return PLAIN;
    return index === FREE_LIST_HEAD ? HANDED_OVER : this.#lockIndices.has(index) ? LOCK : PLAIN;
  }

  #onAccess(isWrite: boolean, heat: Heat): void {
    if (this.#isObserved) return;
    this.#accessCount += 1;
    require(this.#accessCount < ACCESSES_MAX, "a step does not end");
    const isDeep = this.#depth === 0 || this.#depth >= DEPTH_MAX;
    if (!isDeep && this.random.next() < this.#interruptShare * heat.factor) this.#interrupt(heat);
    if (!isWrite || this.onAccess === undefined) return;
    this.#isObserved = true;
    this.onAccess();
    this.#isObserved = false;
  }
}

function makePool(random: Random, segmentCount: number): Pool {
  const geometry = geometryOf(segmentCount * SEGMENT_BYTES, SEGMENT_BYTES);
  // Now and then the index is so small that doubling fails, and then inserting.
  const bucketCount = random.next() < 0.2 ? random.between(12, 40) : geometry.bucketCount;
  return Pool.create({ ...geometry, bucketCount }, HASH_KEY);
}
