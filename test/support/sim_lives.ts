/**
 * A pool that lives many lives, in one thread: KNs come, are retired, and die in the middle of a
 * step; the store is closed, or its process killed at any call of the file system, and opened
 * again; keys are put, deleted, and expire, and segments are cleaned. All of it at tiny capacities,
 * and up to the limit that space_budget.ts documents.
 *
 * What fits by that rule must be accepted, in a bounded number of turns; nothing may be lost; the
 * counts must be right.
 *
 * @module
 */
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import type { ClientWaiter } from "../../lib/client/client_waiter.ts";
import { NodeConnection } from "../../lib/client/node_connection.ts";
import type { NodeId, SegmentId } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import {
  FLAG_EXPIRES,
  FRAME_HEADER_BYTES,
  packMeta,
  RecordKind,
  recordWords,
} from "../../lib/log/record_layout.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { StepRecovery } from "../../lib/recovery/step_recovery.ts";
import { repairPool } from "../../lib/recovery/reconciliation.ts";
import { liveTable } from "../../lib/agent/live_table.ts";
import { abandonExecutor, agentExecutor, Executor } from "../../lib/agent/executor.ts";
import { abandonCleaners } from "../../lib/dpm/shared_cleaners.ts";
import { endDeadCleaners } from "../../lib/recovery/cleaner_recovery.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { Checkpointer, imagePath } from "../../lib/persistence/checkpointer.ts";
import { LogFile } from "../../lib/persistence/log_file.ts";
import { type StartedLog, startLog } from "../../lib/persistence/open_log.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import {
  AGENT_DPM,
  AGENT_EXECUTOR,
  GATE_NODE_COUNT,
  SLOT_RECORD_COUNT,
} from "../../lib/pool/control_layout.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { occupiedBytesTotal } from "../../lib/pool/segment_tails.ts";
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { Condition, createRing, type RingHandle, Status } from "../../lib/rings/ring_layout.ts";
import { orderInSteps } from "../../lib/store/opening/ordered_pool.ts";
import { initialiseOwner, loadOwner, ownerOf, tryMoveSlot } from "../../lib/routing/ownership.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { Random } from "./random.ts";
import { dieAt } from "./sim_death.ts";
import { HASH_KEY, keysOfSlots, type SimKey } from "./sim_keys.ts";
import { require } from "./sim_model.ts";
import { isOrderedBy } from "./sim_order.ts";
import { checkPool } from "./sim_pool_check.ts";
import { makeValue, readValue, VALUE_BYTES_MIN } from "./sim_values.ts";
import { CHECKPOINT_PATH, DIRECTORY } from "./snapshots.ts";

const SEGMENT_BYTES = 4096;
const SLOTS = [1426, 1200, 17] as SimKey["slot"][];
const KEYS = keysOfSlots(SLOTS, 150);
const RING_BYTES = 16 * 1024;
const IN_FLIGHT_MAX = 16;
const LEVELS = {
  memory: DurabilityLevel.MEMORY,
  os: DurabilityLevel.OS,
  disk: DurabilityLevel.DISK,
} as const;
const PLACE = { directory: DIRECTORY, codec: "binary" } as const;
const REQUESTED = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;
/** Turns of everybody in which an operation ends. */
const TURNS_MAX = 300;
const TTL_MS_MAX = 2000;
/** Identities of KNs in one life, and moments of a step at most. */
const NODES_MAX = 60;
const MOMENTS_MAX = 600;
const CALLS_MAX = 12;

/** How a world is made. */
export interface LivesOptions {
  readonly seed: number;
  /** `"disk"`: the power goes instead of processes that are killed. */
  readonly durability: "memory" | "os" | "disk";
  readonly segmentCount: number;
  /** Bytes of values at most. */
  readonly valueBytesMax: number;
  /** Share of what fits up to which keys are added. */
  readonly fill: number;
}

/** What a key holds: the number of the change that put it there; undefined if it holds nothing. */
interface Entry {
  readonly number: number;
  readonly bytes: number;
  readonly expiresAtMs: number;
}

class ProcessEnd extends Error {}

/** A KN and its ring. */
interface LivingNode {
  readonly id: NodeId;
  readonly node: KvsNode;
  readonly ring: RingHandle;
  readonly consumers: RequestConsumer[];
}

/** The pool, and what must be in it. */
export class LivesWorld implements ClientWaiter {
  readonly #options: LivesOptions;
  readonly #random: Random;
  readonly #disk = new MemoryDisk();
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  /** By key: what it holds, and what it may hold instead because a change of it was cut off. */
  readonly #held = new Map<SimKey, Entry | undefined>();
  readonly #unsure = new Map<SimKey, Entry | undefined>();
  readonly #clock = (): number => this.#nowMs;
  #nowMs = 1_000_000;
  #pool!: Pool;
  #segments!: SegmentTable;
  #budget!: SpaceBudget;
  #log: StartedLog | undefined;
  #nodes: LivingNode[] = [];
  #nextNode = 0;
  #client!: RingClient;
  #cleaner!: Cleaner;
  #cleanerLog!: LogWriter;
  #reader!: OneSidedReader;
  #tickEnd: (() => void)[] = [];
  #changeCount = 0;
  #isDown = false;
  #callsLeft = Infinity;
  /** What has happened, by name. */
  readonly seen = new Map<string, number>();

  constructor(options: LivesOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#disk.beforeCall = () => {
      if (--this.#callsLeft < 0) this.#isDown = true;
      if (this.#isDown) throw new ProcessEnd("the process has ended");
    };
    this.#open();
  }

  /** Makes random steps. */
  run(stepCount: number): void {
    for (let i = 0; i < stepCount; i++) {
      const name = this.#pickStep();
      this.#count(name);
      this.#steps[name]!();
      if (this.#isDown) this.#openAgain();
      if (i % 8 === 0) this.check();
    }
    this.check();
  }

  #count(name: string): void {
    this.seen.set(name, (this.seen.get(name) ?? 0) + 1);
  }

  /** Checks what every key holds, and the counts. */
  check(): void {
    let count = 0;
    for (const key of KEYS) {
      const found = this.#find(key);
      const held = this.#held.get(key);
      const isUnsure = this.#unsure.has(key);
      const allowed = [held, ...(isUnsure ? [this.#unsure.get(key)] : [])].map((entry) =>
        entry === undefined || entry.expiresAtMs <= this.#nowMs ? undefined : entry.number
      );
      require(allowed.includes(found), `${key.text} holds ${found}, not one of ${allowed}`);
      if (isUnsure) {
        const other = this.#unsure.get(key);
        if (found !== held?.number && found === other?.number) this.#held.set(key, other);
        else if (found === undefined && this.#takesMore(other, held)) this.#held.set(key, other);
        this.#unsure.delete(key);
      }
      if (found !== undefined) count += 1;
    }
    const counted = SLOTS.reduce(
      (sum, slot) => sum + this.#pool.control[this.#pool.slotAt(slot) + SLOT_RECORD_COUNT]!,
      0,
    );
    // What has expired is counted until it is removed.
    const expired = [...this.#held.values()].filter((entry) => entry?.expiresAtMs !== Infinity);
    require(
      counted >= count && counted <= count + expired.length,
      `${counted} keys are counted, there are ${count}`,
    );
  }

  /**
   * Of two changes of which nothing is to be seen, as the newer has expired, the larger one may
   * still take space.
   */
  #takesMore(newer: Entry | undefined, older: Entry | undefined): boolean {
    if (newer === undefined || newer.expiresAtMs > this.#nowMs) return false;
    return newer.bytes > (older?.bytes ?? 0);
  }

  readonly #steps: Readonly<Record<string, () => void>> = {
    put: () => this.#put(),
    delete: () => this.#delete(),
    pass: () => void (this.#nowMs += this.#random.between(1, TTL_MS_MAX)),
    clean: () => void (this.#guard(() => this.#cleaner.doWork())),
    checkpoint: () => void this.#guard(() => this.#log?.checkpointer.tryCheckpoint()),
    add: () => this.#addNode(),
    retire: () => this.#retire(),
    fail: () => this.#fail(),
    close: () => this.#close(),
    kill: () => this.#kill(),
  };

  #pickStep(): string {
    const choice = this.#random.next();
    if (choice < 0.66) return "put";
    if (choice < 0.74) return "delete";
    if (choice < 0.77) return "pass";
    if (choice < 0.81) return "clean";
    if (choice < 0.82) return "checkpoint";
    if (choice < 0.86) return "add";
    if (choice < 0.9) return "retire";
    if (choice < 0.95) return "fail";
    if (this.#options.durability === "memory") return "put";
    return choice < 0.97 ? "close" : "kill";
  }

  /** Runs what may be cut off by the end of the process. */
  #guard(body: () => void): void {
    try {
      body();
    } catch (error) {
      if (!this.#isDown) throw error;
    }
  }

  #put(): void {
    const random = this.#random;
    const key = random.pick(KEYS);
    const old = this.#held.get(key);
    const expires = random.next() < 0.1;
    const isLarge = random.next() < 0.1;
    const most = isLarge ? this.#options.valueBytesMax : Math.min(200, this.#options.valueBytesMax);
    const byteLength = random.between(VALUE_BYTES_MIN, most);
    const bytes = recordBytes(key, byteLength, expires);
    const isReplaced = old !== undefined && bytes <= old.bytes;
    if (!isReplaced && !this.#fits(bytes - (old?.bytes ?? 0), bytes)) return this.#count("full");
    const number = ++this.#changeCount;
    const expiresAtMs = expires ? this.#nowMs + random.between(1, TTL_MS_MAX) : Infinity;
    this.#change(key, { number, bytes, expiresAtMs }, (completion) => {
      const value = makeValue(key.number, number, byteLength);
      const range = { bytes: value, start: 0, end: value.length };
      this.#client.put(this.#encoder, range, expiresAtMs, Condition.NONE, 0, completion, false);
    });
  }

  #delete(): void {
    const key = this.#random.pick(KEYS);
    this.#change(key, undefined, (completion) => this.#client.delete(this.#encoder, completion));
  }

  /** Whether so many bytes fit by the rule, in a record of so many. */
  #fits(added: number, bytes: number): boolean {
    const { fill } = this.#options;
    let live = 0;
    let largest = bytes;
    for (const entry of [...this.#held.values(), ...this.#unsure.values()]) {
      live += entry?.bytes ?? 0;
      largest = Math.max(largest, entry?.bytes ?? 0);
    }
    return live + added <= fill * this.#limit(largest, this.#nodes.length);
  }

  #limit(largest: number, nodeCount: number): number {
    const control = this.#pool.control;
    const before = control[GATE_NODE_COUNT]!;
    control[GATE_NODE_COUNT] = nodeCount;
    const limit = this.#budget.liveBytesMax;
    control[GATE_NODE_COUNT] = before;
    const lostBytesMax = largest + (this.#log === undefined ? 0 : FRAME_HEADER_BYTES);
    return limit * (1 - lostBytesMax / SEGMENT_BYTES);
  }

  #change(key: SimKey, entry: Entry | undefined, issue: (completion: Settled) => void): void {
    const settled = new Settled();
    this.#encoder.encode(key.text);
    this.#unsure.set(key, entry);
    try {
      issue(settled);
      this.#await(settled);
    } catch (error) {
      if (this.#isDown) return;
      throw error;
    }
    const { status } = settled;
    if (this.#isDown) return;
    const isFine = status === Status.OK || (entry === undefined && status === Status.UNMET);
    require(isFine, `what fits was refused with ${status}: ${this.describe()}`);
    this.#held.set(key, entry);
    this.#unsure.delete(key);
  }

  #await(settled: Settled): void {
    for (let turn = 0; settled.status === undefined && !this.#isDown; turn++) {
      require(turn < TURNS_MAX, `what was issued ends: ${this.describe()}`);
      this.endTick();
      this.#client.flush();
      for (const { node } of this.#nodes) {
        node.doWork();
        if (node.isStalled && !this.#isDown) node.waitWhileStalled();
      }
      if (this.#random.next() < 0.1) this.#cleaner.doWork();
      if (!this.#isDown) this.#client.poll();
    }
  }

  /** The table of segments, for messages. */
  describe(): string {
    const { segmentCount } = this.#pool.geometry;
    const states = Array.from({ length: segmentCount }, (_, i) => {
      const segment = i as SegmentId;
      const state = this.#segments.state(segment);
      const name = Object.keys(SegmentState)[state];
      const bytes = [
        this.#segments.liveBytes(segment),
        this.#segments.usedBytes(segment),
        this.#segments.lostBytes(segment),
      ];
      return state === SegmentState.FREE ? name : `${name} ${bytes.join("/")}`;
    });
    return `${this.#nodes.length} KNs, ${this.#segments.freeCount} free, ` +
      `occupied ${
        Math.round(occupiedBytesTotal(this.#pool, this.#segments))
      } of ${this.#budget.liveBytesMax}: ` +
      states.join(", ");
  }

  #find(key: SimKey): number | undefined {
    this.#encoder.encode(key.text);
    if (!this.#reader.read(this.#encoder, true)) return undefined;
    const { value, valueBytes } = this.#reader;
    return readValue(value, valueBytes, key.number).operation;
  }

  /** Adds a KN, which gets some of the slots, if what is live fits with one more. */
  #addNode(): void {
    const largest = Math.max(0, ...[...this.#held.values()].map((entry) => entry?.bytes ?? 0));
    const live = [...this.#held.values()].reduce((sum, entry) => sum + (entry?.bytes ?? 0), 0);
    const isRoom = live <= this.#limit(largest, this.#nodes.length + 1);
    if (this.#nodes.length === SLOTS.length || this.#nextNode === NODES_MAX || !isRoom) return;
    this.#start();
    this.#distribute();
  }

  #retire(): void {
    if (this.#nodes.length === 1) return;
    const [retired] = this.#nodes.splice(this.#random.below(this.#nodes.length), 1);
    this.#distribute();
    this.#guard(() => retired!.node.close());
    this.#countNodes();
  }

  /** Has a KN die in the middle of a step in which it executes a put. */
  #fail(): void {
    if (this.#nextNode >= NODES_MAX - 1) return;
    const victim = this.#random.pick(this.#nodes);
    const key = KEYS.find(({ slot }) => ownerOf(loadOwner(this.#pool, slot)) === victim.id);
    if (key === undefined) return;
    const old = this.#held.get(key);
    const bytes = recordBytes(key, VALUE_BYTES_MIN, false);
    if (old === undefined && !this.#fits(bytes, bytes)) return;
    const number = ++this.#changeCount;
    this.#encoder.encode(key.text);
    this.#unsure.set(key, { number, bytes, expiresAtMs: Infinity });
    const value = makeValue(key.number, number, VALUE_BYTES_MIN);
    const range = { bytes: value, start: 0, end: value.length };
    const settled = new Settled();
    this.#client.put(this.#encoder, range, Infinity, Condition.NONE, 0, settled, false);
    this.endTick();
    this.#client.flush();
    const at = this.#random.below(MOMENTS_MAX);
    const hasDied = dieAt(at, () => {
      victim.node.doWork();
      victim.node.doWork();
    });
    if (!hasDied) {
      this.#client.poll();
      this.#await(settled);
      this.check();
      return;
    }
    this.#replace(victim);
    this.check();
  }

  #replace(victim: LivingNode): void {
    const pool = this.#pool;
    const agent = victim.id as number;
    abandonExecutor(pool.control, pool.agentAt(agent) + AGENT_EXECUTOR, Executor.OWN_THREAD);
    const dead = new StepRecovery({
      pool,
      agent,
      rings: [victim.ring],
      file: this.#log?.file,
      clock: this.#clock,
    });
    const report = dead.settle();
    abandonCleaners(pool, agentExecutor(agent));
    const cleanerDeaths = endDeadCleaners(pool, this.#log?.file);
    if (cleanerDeaths.length > 0) this.#count("fail while cleaning");
    this.#nodes = this.#nodes.filter((node) => node !== victim);
    this.#start();
    this.#distribute();
    const ringOf = (_client: number, of: number) =>
      this.#nodes.find(({ id }) => (id as number) === of)?.ring ?? victim.ring;
    require(
      repairPool({ pool, deaths: [{ agent, report }, ...cleanerDeaths], ringOf }),
      "the pool is repaired",
    );
    // The client that waited for the dead KN has heard what became of its request; the model has
    // not.
    this.#connectAnew();
    // What it had taken out of the index and not counted is found when the segment is cleaned.
    checkPool(pool, SLOTS, { mayCountTooMuch: true });
  }

  #close(): void {
    this.#guard(() => {
      this.#cleaner.abandon();
      this.#cleanerLog.seal();
      for (const { node } of this.#nodes) node.close();
      this.#log!.file.sync();
      if (this.#random.next() < 0.8) this.#log!.checkpointer.tryCheckpoint();
    });
    this.#isDown = true;
  }

  /** The process is killed at one of the next calls, which a few more changes and cleaning make. */
  #kill(): void {
    this.#callsLeft = this.#random.below(CALLS_MAX);
    for (let i = 0; i < CALLS_MAX && !this.#isDown; i++) {
      if (this.#random.next() < 0.5) this.#guard(() => void this.#cleaner.doWork());
      else this.#put();
    }
    this.#isDown = true;
  }

  #openAgain(): void {
    for (;;) {
      if (this.#options.durability === "disk") this.#disk.losePower(this.#random);
      this.#isDown = false;
      this.#callsLeft = this.#random.next() < 0.2 ? this.#random.below(40) : Infinity;
      this.#guard(() => this.#open());
      this.#callsLeft = Infinity;
      if (!this.#isDown) break;
    }
    this.check();
  }

  #open(): void {
    const { segmentCount } = this.#options;
    const isNew = this.#disk.info(CHECKPOINT_PATH) === undefined;
    const restored = isNew
      ? undefined
      : readSnapshot(this.#disk, DIRECTORY, REQUESTED, { isLogged: true });
    const geometry = geometryOf(segmentCount * SEGMENT_BYTES, SEGMENT_BYTES);
    const pool = this.#pool = restored?.pool ?? Pool.create(geometry, HASH_KEY);
    this.#segments = new SegmentTable(pool);
    this.#budget = new SpaceBudget(pool, this.#segments);
    this.#reader = new OneSidedReader(pool, this.#clock);
    const level = LEVELS[this.#options.durability];
    this.#log = level === DurabilityLevel.MEMORY
      ? undefined
      : startLog(pool, PLACE, level, restored, this.#disk, this.#clock);
    if (isOrderedBy(this.#options.seed)) { for (const _ of orderInSteps(pool)); }
    this.#nodes = [];
    this.#nextNode = 0;
    this.#connectAnew();
    this.#start();
    for (const slot of SLOTS) initialiseOwner(pool, slot, this.#nodes[0]!.id);
    const table = liveTable(pool, new IndexSpace(pool, AGENT_DPM));
    this.#cleanerLog = new LogWriter(pool, this.#segments, AGENT_DPM, { file: this.#image() });
    this.#cleaner = new Cleaner(pool, this.#segments, table, this.#cleanerLog, this.#clock);
  }

  #image(): LogFile | undefined {
    if (this.#log === undefined) return undefined;
    return new LogFile(this.#pool, this.#disk, imagePath(this.#pool, PLACE), this.#clock);
  }

  /** Starts a KN, with an agent block of its own. */
  #start(): void {
    const pool = this.#pool;
    const id = this.#nextNode++ as NodeId;
    const file = this.#image();
    const checkpointer = file && new Checkpointer(pool, this.#disk, PLACE, file, id);
    const consumers: RequestConsumer[] = [];
    const parts = { pool, nodeId: id, agent: id, consumers, clock: this.#clock };
    const node = new KvsNode({ ...parts, file, checkpointer });
    const living = { id, node, ring: createRing(RING_BYTES, IN_FLIGHT_MAX), consumers };
    this.#nodes.push(living);
    this.#countNodes();
    this.#connect(living);
  }

  #countNodes(): void {
    this.#pool.control[GATE_NODE_COUNT] = this.#nodes.length;
  }

  #connect({ id, ring, consumers }: LivingNode): void {
    consumers.push(new RequestConsumer(ring));
    this.#client.carrier.connect(new NodeConnection(id, this.#pool.agentAt(id), ring, () => 0));
  }

  /** A client that knows nothing of what was issued before. */
  #connectAnew(): void {
    this.#tickEnd = [];
    this.#client = makeRingClient({
      pool: this.#pool,
      clientId: 0,
      waiter: this,
      onFlush: () => {},
      onBlocked: () => {},
    });
    this.#nodes = this.#nodes.map((node) => ({
      ...node,
      ring: createRing(RING_BYTES, IN_FLIGHT_MAX),
    }));
    for (const node of this.#nodes) {
      node.consumers.length = 0;
      this.#connect(node);
    }
  }

  /** Gives the slots to the KNs that there are. */
  #distribute(): void {
    for (const [i, slot] of SLOTS.entries()) {
      const { id } = this.#nodes[i % this.#nodes.length]!;
      if (ownerOf(loadOwner(this.#pool, slot)) === id) continue;
      require(tryMoveSlot(this.#pool, slot, id), `slot ${slot} is moved`);
    }
  }

  /** Runs what was scheduled for the end of the tick. */
  endTick(): void {
    const tasks = this.#tickEnd;
    this.#tickEnd = [];
    for (const task of tasks) task();
  }

  schedule(task: () => void): void {
    this.#tickEnd.push(task);
  }

  waitLater(): void {}

  waitSync(): void {
    for (const { node } of this.#nodes) node.doWork();
  }
}

/** Hears how an operation has ended. */
class Settled {
  status: number | undefined;

  settle(status: number): void {
    this.status = status;
  }

  fail(error: Error): void {
    throw error;
  }
}

function recordBytes(key: SimKey, valueBytes: number, expires: boolean): number {
  const meta = packMeta(key.text.length, RecordKind.PUT, expires ? FLAG_EXPIRES : 0);
  return recordWords(meta, valueBytes) * 4;
}
