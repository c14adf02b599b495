/**
 * A logged store in one thread, over one tiny pool and a disk in memory: two KNs, a cleaner, a
 * client, checkpoints, and a process that ends at any call of the file system. What is found
 * afterwards is checked against a model of every key.
 *
 * @module
 */
import { SEGMENT_COUNT_MIN } from "../../lib/core/limits.ts";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import type { ClientWaiter } from "../../lib/client/client_waiter.ts";
import { NodeConnection } from "../../lib/client/node_connection.ts";
import type { NodeId, SegmentId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { recountKeys } from "../../lib/index/key_count.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { liveTable } from "../../lib/agent/live_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { Checkpointer, imagePath } from "../../lib/persistence/checkpointer.ts";
import { LogFile } from "../../lib/persistence/log_file.ts";
import { type StartedLog, startLog } from "../../lib/persistence/open_log.ts";
import { readSnapshot, type RestoredPool } from "../../lib/persistence/snapshot_reader.ts";
import {
  AGENT_DPM,
  GATE_NODE_COUNT,
  GATE_PAUSED,
  SLOT_LOCK,
} from "../../lib/pool/control_layout.ts";
import { DurabilityLevel, isLogged } from "../../lib/pool/durability.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { wantSegments } from "../../lib/pool/segment_growth.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { evictWhenFull } from "../../lib/pool/when_full.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { Condition, createRing, Status } from "../../lib/rings/ring_layout.ts";
import { versionLeft } from "../../lib/rings/commit_words.ts";
import { initialiseOwner, loadOwner, ownerOf, tryMoveSlot } from "../../lib/routing/ownership.ts";
import { DurableKey, type DurableOperation, type FoundRecord, type Kept } from "./durable_model.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { Random } from "./random.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { issueCommit } from "./sim_commits.ts";
import { HASH_KEY, keysOfSlots } from "./sim_keys.ts";
import { require } from "./sim_model.ts";
import { makeValue, readValue, VALUE_BYTES_MIN } from "./sim_values.ts";
import { CHECKPOINT_PATH, DIRECTORY } from "./snapshots.ts";

/** How a world is made. */
export interface DurableOptions {
  readonly seed: number;
  /** One of `DurabilityLevel`, not MEMORY. */
  readonly level: number;
  /** @default 10 to 24 */
  readonly segmentCount?: number;
  readonly disk?: MemoryDisk;
  /** Index buckets of a new pool. @default what a pool of that size has */
  readonly bucketCount?: number;
  /** Whether checkpoints and pauses come between the steps of a group. @default true */
  readonly intrudes?: boolean;
  /**
   * Checkpoints during one sync of a flush: each lets segments begin their next life. @default 0
   */
  readonly livesPerSync?: number;
  /** Whether the pool drops records: whenever the cleaner works. @default false */
  readonly evicts?: boolean;
  /** KNs. @default 2 */
  readonly nodeCount?: number;
  /**
   * Whether the pool begins with few segments, and gets more of them now and then. @default false
   */
  readonly grows?: boolean;
}

/** What every call throws once the process is to end. */
export class ProcessEnd extends Error {}

const SEGMENT_BYTES = 4096;
const RING_BYTES = 8192;
/** The first slot is that of two keys with the same hash. */
const SLOTS = [1426, 1200, 17] as Slot[];
/** Times that hooks are told of writes while a slot is locked and unlocked. */
const ACCESSES_PER_LOCK = 4;
const TWINS = ["key-17554", "key-37821"] as const;
const KEYS = [
  ...keysOfSlots(SLOTS, 9).filter(({ text }) => !TWINS.some((twin) => twin === text)),
  ...TWINS.map((text) => ({ number: 0, text, slot: SLOTS[0]! })),
].map((key, number) => ({ ...key, number }));
const NODE_COUNT = 2;
const PENDING_MAX = 40;
const BURST_MAX = 10;
const TTL_MS_MAX = 3000;
const TICK_MS_MAX = 400;
/**
 * Turns after which something that must end has not ended: more than a request tries to get a
 * segment, while nobody cleans (HOPEFUL_TRIES_MAX in node/segment_wait.ts).
 */
const TURNS_MAX = 10_000;
const PLACE = { directory: DIRECTORY, codec: "binary" } as const;
const REQUESTED = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;

/** In a pool that evicts: most keys, in some of the lives, and words for its ghosts. */
const ENTRIES_MAX = 15;
const GHOST_WORDS = 64;

/** The store, its disk and its past. */
export class DurableWorld implements ClientWaiter {
  readonly random: Random;
  readonly disk: MemoryDisk;
  readonly level: number;
  readonly models: readonly DurableKey[];
  nowMs = 1_000_000;
  /** Whether the process has ended: every call fails. */
  isDown = false;
  pool!: Pool;
  log!: StartedLog;
  client!: RingClient;
  /** Operations by the status that they have ended with. */
  readonly ended = new Map<number, number>();
  checkpointCount = 0;
  /** Restores the pool in place of an ordinary opening; undefined: as one does. */
  takeOver: (() => RestoredPool | undefined) | undefined;
  /** What another process does between two calls of this one. */
  beside: (() => void) | undefined;
  /** Commits that were found whole when the store was opened again. */
  wholeCommits = 0;
  /** Those of this life. */
  #commits: {
    readonly number: number;
    readonly puts: readonly DurableKey[];
    readonly deletes: readonly DurableKey[];
  }[] = [];
  readonly #gone = new Map<DurableKey, number>();
  readonly #segmentCount: number;
  readonly #bucketCount: number | undefined;
  readonly #intrudes: boolean;
  readonly #livesPerSync: number;
  readonly #evicts: boolean;
  readonly #grows: boolean;
  readonly #nodeCount: number;
  /** Segments that the pool had when they were last looked at: it never has fewer again. */
  segmentsSeen = 0;
  /** Bytes of every value, so that frames begin where others did before; 0 for many sizes. */
  readonly #valueBytesFixed: number;
  readonly #clock = (): number => this.nowMs;
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  #nodes: KvsNode[] = [];
  /** The nodes, and what clients execute in their place. */
  #cleaner!: Cleaner;
  #cleanerLog!: LogWriter;
  #reader!: OneSidedReader;
  #tickEnd: (() => void)[] = [];
  #operationCount = 0;
  #pendingCount = 0;
  #endAt = Infinity;
  #endAtCall = { call: "", count: 0 };
  #hasOpened = false;
  #isIntruding = false;
  #isCheckpointing = false;
  #isFlushing = false;

  constructor(options: DurableOptions) {
    this.random = new Random(options.seed);
    this.#evicts = options.evicts ?? false;
    this.#grows = options.grows ?? false;
    this.#nodeCount = options.nodeCount ?? NODE_COUNT;
    this.models = KEYS.map((key) => new DurableKey(key, this.#evicts));
    this.disk = options.disk ?? new MemoryDisk();
    this.level = options.level;
    this.#segmentCount = options.segmentCount ?? this.random.between(10, 24);
    this.#bucketCount = options.bucketCount;
    this.#intrudes = options.intrudes ?? true;
    this.#livesPerSync = options.livesPerSync ?? 0;
    this.#valueBytesFixed = this.random.pick([0, 0, 100]);
    this.disk.beforeCall = (call, number) => this.#beforeCall(call, number);
  }

  /** Ends the process at a call of the file system from now. */
  endAfter(calls: number): void {
    this.#endAt = this.disk.calls.length + calls;
    this.#endAtCall = { call: "", count: 0 };
  }

  /** Ends the process at one of the next calls of that name. */
  endAtCall(call: string, count: number): void {
    this.#endAtCall = { call, count };
  }

  /** Ends the process now. */
  end(): void {
    this.isDown = true;
  }

  /**
   * Opens the store: a new one, or what is on the disk.
   *
   * @returns false if the process has ended before it was open
   */
  open(): boolean {
    this.isDown = false;
    try {
      const isNew = this.disk.info(CHECKPOINT_PATH) === undefined;
      require(!isNew || !this.#hasOpened, "I3: the checkpoint is gone");
      const restored = isNew
        ? undefined
        : this.takeOver?.() ?? readSnapshot(this.disk, DIRECTORY, REQUESTED, { isLogged: true });
      const geometry = geometryOf(this.#segmentCount * SEGMENT_BYTES, SEGMENT_BYTES);
      const bucketCount = this.#bucketCount ?? geometry.bucketCount;
      const sizes = { ...geometry, bucketCount };
      const count = this.#grows ? SEGMENT_COUNT_MIN : sizes.segmentCount;
      const pool = restored?.pool ?? Pool.create(sizes, HASH_KEY, undefined, count);
      const { segmentLimit } = pool;
      require(
        segmentLimit >= this.segmentsSeen,
        `${segmentLimit} segments of ${this.segmentsSeen}`,
      );
      this.#start(pool, restored);
    } catch (error) {
      if (this.isDown) return false;
      throw error;
    }
    this.#hasOpened = true;
    this.endAfter(Infinity);
    return true;
  }

  /** Checks what was found when the store was opened again. */
  checkRecovered(kept: Kept): void {
    this.#checkCommits();
    for (const model of this.models) model.recover(this.find(model), this.nowMs, kept);
  }

  /** Checks what the running store says. */
  checkVisible(): void {
    for (const model of this.models) model.checkVisible(this.find(model), this.nowMs);
  }

  /** Makes steps, until the process ends. */
  run(stepCount: number): void {
    for (let i = 0; i < stepCount && !this.isDown; i++) {
      this.step();
      if (i % 8 === 0 && !this.isDown) this.checkVisible();
    }
  }

  /** Makes a random step. */
  step(): void {
    const { random } = this;
    if (random.next() < 0.5) this.#resume();
    const choice = random.next();
    if (choice < 0.3) this.#burst();
    else if (choice < 0.45) this.endTick();
    else if (choice < 0.65) this.#runNode(random.pick(this.#nodes));
    else if (choice < 0.8) this.#poll();
    else if (choice < 0.86) this.clean();
    else if (choice < 0.9) this.#move();
    else if (choice < 0.92) this.#checkpoint();
    else if (choice < 0.95) this.flush();
    else this.nowMs += random.between(1, TICK_MS_MAX);
  }

  /** Lets everything end that was issued. */
  drain(): void {
    for (let i = 0; this.#pendingCount > 0 && !this.isDown; i++) {
      require(i < TURNS_MAX, "what was issued ends");
      this.#resume();
      this.endTick();
      this.client.flush();
      for (const node of this.#nodes) this.#runNode(node);
      this.#poll();
    }
  }

  /** Closes the store as a program does: afterwards everything is durable. */
  close(): void {
    this.drain();
    this.#resume();
    if (this.isDown) return;
    this.#cleaner.abandon();
    this.#cleanerLog.seal();
    for (const node of this.#nodes) node.close();
    if (this.log.file.sync()) this.#raiseFloors();
  }

  /** Syncs the image. */
  flush(): boolean {
    this.#isFlushing = true;
    const isSynced = this.log.file.sync();
    this.#isFlushing = false;
    if (isSynced) this.#raiseFloors();
    return isSynced;
  }

  /**
   * Cleans one step, and syncs what keeps something from being cleaned, in one of two cases; as a
   * DPM processor does.
   */
  clean(): void {
    if (this.cleanStep() > 0 || !this.#cleaner.needsSync || this.random.below(2) === 0) return;
    this.flush();
  }

  /** Cleans one step; returns how many records were looked at. */
  cleanStep(): number {
    return this.#cleaner.doWork();
  }

  /** The segment that the cleaner appends to. */
  get cleanerSegment(): SegmentId {
    return this.#cleanerLog.segment;
  }

  /** Writes a checkpoint; false if that fails. */
  checkpoint(): boolean {
    this.#isCheckpointing = true;
    const onAccess = this.#betweenSlots();
    const isWritten = withAtomicHooks({ onAccess }, () => this.log.checkpointer.tryCheckpoint());
    this.#isCheckpointing = false;
    if (isWritten) {
      this.checkpointCount += 1;
      this.#raiseFloors();
    }
    return isWritten;
  }

  /** Issues a put; returns the number of the operation. */
  put(
    model: DurableKey,
    byteLength: number,
    { expiresAtMs = Infinity, mustSync = false, condition = Condition.NONE as number } = {},
  ): number {
    const operation = this.#newOperation("put", expiresAtMs, mustSync);
    const expected = condition === Condition.VERSION ? this.find(model)?.version ?? 1 : 0;
    const bytes = makeValue(model.key.number, operation.number, byteLength);
    const completion = this.#begin([model], operation);
    const value = { bytes, start: 0, end: bytes.length };
    this.#encoder.encode(model.key.text);
    this.client.put(this.#encoder, value, expiresAtMs, condition, expected, completion, mustSync);
    return operation.number;
  }

  /** Issues a delete. */
  delete(model: DurableKey): void {
    const completion = this.#begin([model], this.#newOperation("delete"));
    this.#encoder.encode(model.key.text);
    this.client.delete(this.#encoder, completion);
  }

  /** Issues the deletion of all keys of a slot. */
  clear(slot: Slot): void {
    const models = this.models.filter(({ key }) => key.slot === slot);
    this.client.clearSlot(slot, this.#begin(models, this.#newOperation("clear")));
  }

  /** Issues an atomic commit that puts some keys, and deletes others. */
  commit(puts: readonly DurableKey[], deletes: readonly DurableKey[], byteLength: number): void {
    const number = ++this.#operationCount;
    const changes = [
      ...puts.map((model) => ({ model, kind: "put" as const })),
      ...deletes.map((model) => ({ model, kind: "delete" as const })),
    ].map(({ model, kind }) => {
      const operation: DurableOperation = {
        kind,
        number,
        expiresAtMs: Infinity,
        mustSync: false,
        status: undefined,
        version: 0,
      };
      model.issue(operation);
      return { model, operation };
    });
    this.#commits.push({ number, puts, deletes });
    this.#pendingCount += 1;
    const sorted = issueCommit(
      this.client,
      number,
      [
        ...puts.map(({ key }) => ({ key, bytes: byteLength })),
        ...deletes.map(({ key }) => ({ key, bytes: 0 })),
      ],
      {
        settle: (status, _address, _low, _high, ring, requestAt) => {
          this.#pendingCount -= 1;
          this.ended.set(status, (this.ended.get(status) ?? 0) + 1);
          for (const { model, operation } of changes) {
            require(operation.status === undefined, `I5: commit ${number} ended twice`);
            const entry = sorted.indexOf(model.key);
            const version = status === Status.OK ? versionLeft(ring, requestAt, entry) : 0;
            const isIdle = status === Status.OK && version === 0;
            operation.status = isIdle ? Status.UNMET : status;
            if (operation.kind === "put") operation.version = version;
            model.end(operation);
          }
        },
        fail: (error) => {
          throw error;
        },
      },
    );
  }

  /** Of each commit of the last life all is there, or nothing, as far as that can be told. */
  #checkCommits(): void {
    if (this.#evicts) return;
    const found = new Map(this.models.map((model) => [model, this.find(model)?.operation]));
    for (const { number, puts, deletes } of this.#commits) {
      const isThere = puts.some((model) => found.get(model) === number);
      const isAbsent = [...puts, ...deletes].some((model) => {
        const operation = found.get(model);
        if (operation !== undefined) return operation < number;
        return puts.includes(model) && this.#goneSince(model) < number;
      });
      require(!isThere || !isAbsent, `I3: commit ${number} is there by half`);
      if (isThere) this.wholeCommits += 1;
    }
    this.#commits = [];
  }

  /** Number of the newest operation by which a key may be gone. */
  #goneSince(model: DurableKey): number {
    return this.#gone.get(model) ?? 0;
  }

  #issueCommit(): void {
    const { random } = this;
    // Those of one slot share a group with those of others.
    const slot = random.next() < 0.6 ? random.pick(SLOTS) : undefined;
    const models = this.models.filter(({ key }) => slot === undefined || key.slot === slot);
    const some = [0, 1, 2].map(() => random.pick(models));
    const [one, other, third] = [...new Set(some)];
    const byteLength = Math.min(this.#valueBytes(), 900);
    if (other === undefined) return this.commit([one!], [], byteLength);
    const isDelete = third !== undefined && random.next() < 0.4;
    const puts = third === undefined || isDelete ? [one!, other] : [one!, other, third];
    this.commit(puts, isDelete ? [third] : [], byteLength);
    if (isDelete) this.#gone.set(third, this.#operationCount);
  }

  /** Reads a key. */
  find(model: DurableKey): FoundRecord | undefined {
    this.#encoder.encode(model.key.text);
    if (!this.#reader.read(this.#encoder, true)) return undefined;
    const { value, valueBytes, version } = this.#reader;
    return { operation: readValue(value, valueBytes, model.key.number).operation, version };
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
    this.#resume();
    for (const node of this.#nodes) this.#runNode(node);
  }

  #start(pool: Pool, restored: RestoredPool | undefined): void {
    this.pool = pool;
    this.log = startLog(pool, PLACE, this.level, restored, this.disk, this.#clock);
    require(isLogged(pool), "the pool is logged");
    recountKeys(pool);
    if (this.#evicts) evictWhenFull(pool, this.random.pick([0, ENTRIES_MAX]), GHOST_WORDS);
    this.#reader = new OneSidedReader(pool, this.#clock);
    this.#tickEnd = [];
    this.#pendingCount = 0;
    this.client = makeRingClient({
      pool,
      clientId: 0,
      waiter: this,
      onFlush: () => {},
      onBlocked: () => {},
    });
    pool.control[GATE_NODE_COUNT] = this.#nodeCount;
    this.#nodes = [];
    for (let i = 0; i < this.#nodeCount; i++) this.#addNode(i as NodeId);
    for (const slot of SLOTS) {
      initialiseOwner(pool, slot, this.random.below(this.#nodeCount) as NodeId);
    }
    const segments = new SegmentTable(pool);
    const table = liveTable(pool, new IndexSpace(pool, AGENT_DPM));
    this.#cleanerLog = new LogWriter(pool, segments, AGENT_DPM, { file: this.#openImage() });
    this.#cleaner = new Cleaner(pool, segments, table, this.#cleanerLog, this.#clock);
  }

  /** Every thread has the image open for itself. */
  #openImage(): LogFile {
    return new LogFile(this.pool, this.disk, imagePath(this.pool, PLACE), this.#clock);
  }

  #addNode(nodeId: NodeId): void {
    const { pool, random } = this;
    const ring = createRing(RING_BYTES, 16);
    const make = (isHelper: boolean) => {
      const file = this.#openImage();
      const checkpointer = new Checkpointer(pool, this.disk, PLACE, file, nodeId);
      const consumers = [new RequestConsumer(ring)];
      const parts = { pool, nodeId, agent: nodeId, consumers, clock: this.#clock, isHelper, file };
      return new KvsNode(isHelper ? parts : { ...parts, checkpointer });
    };
    const node = make(false);
    const helper = make(true);
    this.#nodes.push(node);
    const execute = (publish: () => void) => {
      const mayHelp = random.next() < 0.4;
      return mayHelp ? helper.doWork(publish) : 0;
    };
    this.client.carrier.connect(new NodeConnection(nodeId, pool.agentAt(nodeId), ring, execute));
  }

  #runNode(node: KvsNode): void {
    node.doWork();
    if (node.isStalled && !this.isDown) node.waitWhileStalled();
  }

  #poll(): void {
    // What had been published before the process ended may have been acknowledged, or not.
    if (!this.isDown) this.client.poll();
  }

  #burst(): void {
    const count = this.#valueBytesFixed > 0 ? 1 : this.random.between(1, BURST_MAX);
    for (let i = 0; i < count && this.#pendingCount < PENDING_MAX; i++) this.#issueAny();
  }

  #issueAny(): void {
    const { random, nowMs } = this;
    const model = random.pick(this.models);
    const choice = random.next();
    if (choice < 0.1) return this.#issueCommit();
    if (choice < 0.2) return this.delete(model);
    if (choice < 0.22) return this.clear(random.pick(SLOTS));
    const byteLength = this.#valueBytes();
    if (choice < 0.32) this.put(model, byteLength, { condition: Condition.ABSENT });
    else if (choice < 0.42) this.put(model, byteLength, { condition: Condition.VERSION });
    else if (choice < 0.52) {
      this.put(model, byteLength, { expiresAtMs: nowMs + random.between(1, TTL_MS_MAX) });
    } else this.put(model, byteLength, { mustSync: random.next() < 0.1 });
  }

  #valueBytes(): number {
    const { random } = this;
    if (this.#valueBytesFixed > 0) return this.#valueBytesFixed;
    const choice = random.next();
    if (choice < 0.04) return random.between(2100, 2600);
    return random.between(VALUE_BYTES_MIN, choice < 0.1 ? 900 : 180);
  }

  #newOperation(
    kind: DurableOperation["kind"],
    expiresAtMs = Infinity,
    mustSync = false,
  ): DurableOperation {
    const number = ++this.#operationCount;
    return { kind, number, expiresAtMs, mustSync, status: undefined, version: 0 };
  }

  #begin(models: readonly DurableKey[], operation: DurableOperation) {
    const mayBeGone = operation.kind !== "put" || operation.expiresAtMs !== Infinity;
    for (const model of models) {
      model.issue(operation);
      if (mayBeGone) this.#gone.set(model, operation.number);
    }
    this.#pendingCount += 1;
    return {
      settle: (status: number, _address: number, versionLow: number, versionHigh: number) => {
        require(operation.status === undefined, `I5: operation ${operation.number} ended twice`);
        this.#pendingCount -= 1;
        operation.status = status;
        const isVersioned = operation.kind === "put" && status === Status.OK;
        if (isVersioned) operation.version = versionHigh * 2 ** 32 + (versionLow >>> 0);
        this.ended.set(status, (this.ended.get(status) ?? 0) + 1);
        for (const model of models) model.end(operation);
      },
      fail: (error: Error) => {
        throw error;
      },
    };
  }

  #move(): void {
    const slot = this.random.pick(SLOTS);
    const owner = ownerOf(loadOwner(this.pool, slot));
    tryMoveSlot(this.pool, slot, (this.#nodeCount - 1 - owner) as NodeId);
  }

  #checkpoint(): void {
    if (this.#grows && this.random.below(2) === 0) {
      const count = this.pool.segmentLimit + this.random.between(1, 3);
      wantSegments(this.pool, Math.min(count, this.#segmentCount));
    }
    this.checkpoint();
    this.segmentsSeen = this.pool.segmentLimit;
  }

  #raiseFloors(): void {
    for (const model of this.models) model.raiseFloor();
  }

  #resume(): void {
    this.pool.control[GATE_PAUSED] = 0;
  }

  #beforeCall(call: string, number: number): void {
    const endAtCall = this.#endAtCall;
    if (call === endAtCall.call && --endAtCall.count === 0) this.isDown = true;
    if (number > this.#endAt) this.isDown = true;
    if (this.isDown) throw new ProcessEnd(`${call} after the end`);
    this.beside?.();
    if (!this.#intrudes || this.#isIntruding) return;
    if (this.#isCheckpointing) this.#workMeanwhile();
    else if (this.#isFlushing && call === "sync") this.#liveMeanwhile();
  }

  /**
   * What others do while a checkpoint is written. What they complete is not acknowledged before
   * that has ended.
   */
  #workMeanwhile(): void {
    if (this.random.next() < 0.4) return;
    this.#isIntruding = true;
    this.endTick();
    for (const node of this.#nodes) node.doWork();
    for (let i = 0; i < 3; i++) this.clean();
    this.#isIntruding = false;
    if (this.isDown) throw new ProcessEnd("while a checkpoint is written");
  }

  /**
   * What others do during a sync that takes long: segments are emptied, freed by a checkpoint, and
   * begin their next life.
   */
  #liveMeanwhile(): void {
    this.#isIntruding = true;
    for (let i = 0; i < this.#livesPerSync && !this.isDown; i++) {
      for (const model of this.models) this.put(model, this.random.between(VALUE_BYTES_MIN, 180));
      this.drain();
      this.checkpoint();
    }
    this.#isIntruding = false;
    if (this.isDown) throw new ProcessEnd("while the image is synced");
  }

  /**
   * Lets others work while a checkpoint copies the slots: whenever it has let go of one that is in
   * use.
   */
  #betweenSlots(): (isWrite: boolean, array: Int32Array, index: number) => void {
    const writes = new Map(SLOTS.map((slot) => [this.pool.slotAt(slot) + SLOT_LOCK, 0]));
    return (isWrite, array, index) => {
      const isLock = isWrite && array === this.pool.control && writes.has(index);
      if (!isLock || !this.#intrudes || this.#isIntruding || this.isDown) return;
      const count = writes.get(index)! + 1;
      writes.set(index, count);
      // It is told before and after the word is swapped to lock, and before and after it is stored
      // to unlock.
      if (count === ACCESSES_PER_LOCK) this.#workMeanwhile();
    };
  }
}

/** Whether nothing that was acknowledged may be lost when the power goes. */
export function keptAtPowerLoss(level: number): Kept {
  return level === DurabilityLevel.DISK ? "acknowledged" : "durable";
}
