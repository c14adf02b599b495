/**
 * A store that other processes use, in one thread: its host over a tiny pool and a disk in memory,
 * which ends at any call of the file system and is followed by another one; and the processes,
 * which have requests in flight, lose answers on their way, ask each new host what has become of
 * them, and send again what was not applied.
 *
 * A process keeps the rules of docs/protocols/processes.md: behind a request that may leave no
 * record it sends none of the same slot before the answer has come; it does not send more numbers
 * than the ledger's window without a confirmation.
 *
 * @module
 */
import type { ClientWaiter } from "../../lib/client/client_waiter.ts";
import type { Completion } from "../../lib/client/completions.ts";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { NodeConnection } from "../../lib/client/node_connection.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import {
  claimSession,
  confirmAnswers,
  endSession,
  keepSession,
} from "../../lib/gateway/session_evidence.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { recountKeys } from "../../lib/index/key_count.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { liveTable } from "../../lib/agent/live_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { SessionLedger } from "../../lib/log/session_ledger.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { Checkpointer, imagePath } from "../../lib/persistence/checkpointer.ts";
import { LogFile } from "../../lib/persistence/log_file.ts";
import { type StartedLog, startLog } from "../../lib/persistence/open_log.ts";
import { SessionNumbers } from "../../lib/persistence/session_numbers.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import { AGENT_DPM, GATE_NODE_COUNT, GATE_PAUSED } from "../../lib/pool/control_layout.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import type { LedgerSizes } from "../../lib/pool/ledger_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { createRing, Status } from "../../lib/rings/ring_layout.ts";
import { initialiseOwner, loadOwner, ownerOf, tryMoveSlot } from "../../lib/routing/ownership.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { Random } from "./random.ts";
import { type Ask, type Effect, type Held, SessionHistory } from "./session_history.ts";
import {
  effectsNow,
  type Flight,
  isHeld,
  isOpen,
  maySend,
  sharesSlot,
  SimProcess,
} from "./session_process.ts";
import {
  effectsOf,
  isCertain,
  issueAsk,
  KEYS,
  numbersOf,
  randomAsk,
  SLOTS,
  SUM_KEYS,
} from "./session_requests.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { HASH_KEY, type SimKey } from "./sim_keys.ts";
import { require } from "./sim_model.ts";
import { readValue, sumIn } from "./sim_values.ts";
import { CHECKPOINT_PATH, DIRECTORY } from "./snapshots.ts";
import { SessionStandby } from "./session_standby.ts";

/** How a host ends. */
export type Ending = "kill" | "power" | "close";

/** What every call throws once the host is to end. */
class HostEnd extends Error {}

const SEGMENT_BYTES = 4096;
const RING_BYTES = 8192;
const NODE_COUNT = 2;
const PROCESS_COUNT = 3;
const SIZES: LedgerSizes = { placeCount: 128, window: 16 };
/** No more than so many sessions end while checkpoints are written: each keeps its place. */
const SESSIONS_MEANWHILE_MAX = SIZES.placeCount / 2;
/** Accesses of a checkpoint up to behind its cut. */
const CUT_ACCESSES = 100;
const TURNS_MAX = 10_000;
const PLACE = { directory: DIRECTORY, codec: "msgpack" } as const;
const REQUESTED = { codec: "msgpack", capacityBytes: undefined, segmentBytes: undefined } as const;
const RESTORE_OPTIONS = { isLogged: true, ledgerSizes: SIZES } as const;

/** The store, its hosts, and the processes. */
export class SessionWorld implements ClientWaiter {
  readonly random: Random;
  readonly disk = new MemoryDisk();
  readonly history = new SessionHistory();
  /** What has happened, so that a test that tests nothing is noticed. */
  readonly seen = { found: 0, resent: 0 };
  /** Restores the pool ahead of the next host; undefined: each restores it from the beginning. */
  readonly standby: SessionStandby | undefined;
  pool!: Pool;
  isDown = true;
  readonly #level: number;
  readonly #segmentCount: number;
  readonly #processes = Array.from({ length: PROCESS_COUNT }, (_, i) => new SimProcess(i));
  readonly #sessions = new Set<number>();
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  readonly #clock = (): number => 1_000_000;
  #log!: StartedLog;
  #client!: RingClient;
  #nodes: KvsNode[] = [];
  #cleaner!: Cleaner;
  #cleanerLog!: LogWriter;
  #reader!: OneSidedReader;
  #tickEnd: (() => void)[] = [];
  #askCount = 0;
  #endAt = Infinity;
  #isCheckpointing = false;
  #isIntruding = false;
  /** Tells requests of this host's life from those of the ones before. */
  #life = 0;

  constructor(seed: number, level: number, hasStandby = false) {
    this.random = new Random(seed);
    this.#level = level;
    if (hasStandby) {
      const { disk, random } = this;
      this.standby = new SessionStandby(disk, random, REQUESTED, RESTORE_OPTIONS);
    }
    this.#segmentCount = this.random.between(10, 24);
    this.disk.beforeCall = (_, number) => this.#beforeCall(number);
  }

  /** Has one host after the other use the pool, and checks what each of them finds. */
  live(endings: readonly Ending[], lives: number): void {
    this.#openAgain(endings);
    for (let i = 0; i < lives; i++) {
      const ending = this.random.pick(endings);
      if (ending !== "close") {
        this.#endAt = this.disk.calls.length +
          this.random.between(1, this.random.pick([10, 60, 250]));
      }
      this.#run(this.random.between(10, 300));
      if (ending === "close") this.#close();
      this.#end(ending === "power");
      this.#openAgain(endings);
    }
    this.#settleAll();
  }

  schedule(task: () => void): void {
    this.#tickEnd.push(task);
  }

  waitLater(): void {}

  waitSync(): void {
    for (const node of this.#nodes) this.#runNode(node);
  }

  /** Opens the pool; the host may end meanwhile. */
  #openAgain(endings: readonly Ending[]): void {
    do {
      if (!this.isDown) return;
      this.#endAt = this.disk.calls.length +
        (this.random.next() < 0.3 ? this.random.below(60) : Infinity);
      this.isDown = false;
      try {
        this.#open();
      } catch (error) {
        if (!this.isDown) throw error;
        this.#end(endings.includes("power") && this.random.below(2) === 0);
      }
    } while (this.isDown);
    this.#endAt = Infinity;
    this.#checkRecovered();
  }

  #open(): void {
    const isNew = this.disk.info(CHECKPOINT_PATH) === undefined;
    require(!isNew || this.#life === 0, "I3: the checkpoint is gone");
    const restored = isNew
      ? undefined
      : this.standby?.takeOver() ?? readSnapshot(this.disk, DIRECTORY, REQUESTED, RESTORE_OPTIONS);
    const geometry = geometryOf(this.#segmentCount * SEGMENT_BYTES, SEGMENT_BYTES);
    const pool = this.pool = restored?.pool ?? Pool.create(geometry, HASH_KEY);
    this.#log = startLog(pool, PLACE, this.#level, restored, this.disk, this.#clock, SIZES);
    recountKeys(pool);
    this.#reader = new OneSidedReader(pool, this.#clock);
    this.#tickEnd = [];
    this.#client = makeRingClient({
      pool,
      clientId: 0,
      waiter: this,
      onFlush: () => {},
      onBlocked: () => {},
    });
    pool.control[GATE_NODE_COUNT] = NODE_COUNT;
    this.#nodes = [];
    for (let i = 0; i < NODE_COUNT; i++) this.#addNode(i as NodeId);
    for (const slot of SLOTS) initialiseOwner(pool, slot, this.random.below(2) as NodeId);
    const segments = new SegmentTable(pool);
    this.#cleanerLog = new LogWriter(pool, segments, AGENT_DPM, { file: this.#openImage() });
    const table = liveTable(pool, new IndexSpace(pool, AGENT_DPM));
    this.#cleaner = new Cleaner(pool, segments, table, this.#cleanerLog, this.#clock);
    this.#life += 1;
  }

  #openImage(): LogFile {
    return new LogFile(this.pool, this.disk, imagePath(this.pool, PLACE), this.#clock);
  }

  #addNode(nodeId: NodeId): void {
    const { pool } = this;
    const ring = createRing(RING_BYTES, 16);
    const make = () => {
      const file = this.#openImage();
      const checkpointer = new Checkpointer(pool, this.disk, PLACE, file, nodeId);
      const consumers = [new RequestConsumer(ring)];
      const parts = { pool, nodeId, agent: nodeId, consumers, clock: this.#clock, file };
      return new KvsNode({ ...parts, checkpointer });
    };
    const node = make();
    const helper = make();
    this.#nodes.push(node);
    const execute = (publish: () => void) => this.random.next() < 0.4 ? helper.doWork(publish) : 0;
    this.#client.carrier.connect(new NodeConnection(nodeId, pool.agentAt(nodeId), ring, execute));
  }

  #run(stepCount: number): void {
    for (let i = 0; i < stepCount && !this.isDown; i++) this.#step();
  }

  #step(): void {
    this.standby?.look();
    const { random } = this;
    const process = random.pick(this.#processes);
    const choice = random.next();
    if (choice < 0.35) this.#use(process);
    else if (choice < 0.5) this.#endTick();
    else if (choice < 0.68) this.#runNode(random.pick(this.#nodes));
    else if (choice < 0.78) this.#poll();
    else if (choice < 0.88) this.#deliver(process);
    else if (choice < 0.92) this.#clean();
    else if (choice < 0.94) this.#move();
    else if (choice < 0.96) this.#checkpoint();
    else if (choice < 0.98) this.#disconnect(process);
    else this.#sync();
  }

  #use(process: SimProcess): void {
    if (!process.isConnected) return this.#connect(process);
    if (process.ended.length > 0) endSession(this.pool, process.ended.pop()!);
    const ask = randomAsk(
      this.random,
      this.#askCount + 1,
      process.number,
      (key) => this.#find(key),
    );
    if (maySend(process, ask, SIZES.window)) {
      this.#askCount += 1;
      this.#send(process, ask);
    }
  }

  #send(process: SimProcess, ask: Ask): void {
    const flight: Flight = { ask, number: process.next, answer: undefined };
    const { confirmed } = process;
    process.next += numbersOf(ask);
    process.flights.push(flight);
    const life = this.#life;
    const completion: Completion = {
      settle: (status, _detail, low, high, ring, requestAt) => {
        if (this.isDown || life !== this.#life) return;
        require(flight.answer === undefined, `I5: request ${ask.id} ended twice`);
        flight.answer = { status, effects: effectsOf(ask, status, low, high, ring, requestAt) };
      },
      fail: (error) => {
        throw error;
      },
    };
    confirmAnswers(this.pool, process.session, confirmed);
    issueAsk(this.#client, ask, process.session, flight.number, completion);
  }

  /** An answer comes to its process. */
  #deliver(process: SimProcess): void {
    const answered = process.flights.filter(({ answer }) => answer !== undefined);
    if (!process.isConnected || answered.length === 0) return;
    const { ask, answer } = this.random.pick(answered);
    process.flights = process.flights.filter((flight) => flight.ask !== ask);
    if (answer!.status === Status.OK) this.history.apply(ask, answer!.effects);
  }

  /** The connection of a process ends, the host goes on: what was issued ends without it. */
  #disconnect(process: SimProcess): void {
    if (!process.isConnected) return;
    this.#drain(process);
    if (this.isDown) return;
    for (const flight of process.flights) flight.answer = undefined;
    process.isConnected = false;
    keepSession(this.pool, process.session);
  }

  /** A process comes to a host, which tells it what has become of its requests: if that arrives. */
  #connect(process: SimProcess): void {
    const ledger = SessionLedger.of(this.pool)!;
    if (ledger.numbersLeft === 0) new SessionNumbers(this.disk, DIRECTORY).reserve(ledger);
    for (const ended of process.ended.splice(0)) endSession(this.pool, ended);
    const verdicts = process.flights.map((flight) => effectsNow(this.pool, process, flight));
    if (this.random.next() < 0.25) return;
    const session = claimSession(this.pool);
    require(!this.#sessions.has(session), `session ${session} is given twice`);
    this.#sessions.add(session);
    if (process.session !== 0) process.ended.push(process.session);
    const { flights } = process;
    Object.assign(process, { session, isConnected: true, next: 1, flights: [] });
    flights.forEach(({ ask }, i) => {
      const effects = verdicts[i];
      if (effects !== undefined) {
        this.seen.found += 1;
        return this.history.apply(ask, effects);
      }
      // One that leaves a record if it is applied has been refused if a later one of its slot was
      // applied.
      const isOver = isCertain(ask) &&
        flights.some((later, j) =>
          j > i && verdicts[j] !== undefined && sharesSlot(later.ask, ask)
        );
      if (isOver) return;
      this.seen.resent += 1;
      this.#send(process, ask);
    });
  }

  /** What was found is what was applied: what processes know, and what they will be told. */
  #checkRecovered(): void {
    const unknown = this.#processes.flatMap((process) => {
      process.isConnected = false;
      return process.flights.flatMap((flight) => {
        flight.answer = undefined;
        const effects = effectsNow(this.pool, process, flight);
        return effects === undefined ? [] : [[flight.ask, effects] as const];
      });
    });
    this.#check(unknown);
  }

  #check(unknown: readonly (readonly [Ask, readonly Effect[]])[]): void {
    this.history.check((key) => this.#find(key), [...KEYS, ...SUM_KEYS], unknown);
  }

  #find(key: SimKey): Held | undefined {
    this.#encoder.encode(key.text);
    if (!this.#reader.read(this.#encoder, true)) return undefined;
    const { value, valueBytes, version, expiresAtMs } = this.#reader;
    if (SUM_KEYS.includes(key)) {
      return { version, id: 0, number: sumIn(value, valueBytes), expiresAtMs };
    }
    const { operation } = readValue(value, valueBytes, key.number);
    return { version, id: operation, number: NaN, expiresAtMs };
  }

  /** Everything ends: all processes know all. */
  #settleAll(): void {
    for (const process of this.#processes) {
      while (!process.isConnected) this.#connect(process);
      this.#drain(process);
      while (process.flights.length > 0) this.#deliver(process);
    }
    this.#check([]);
  }

  /** Lets everything end that a process has issued. */
  #drain(process: SimProcess): void {
    for (let i = 0; process.flights.some(isOpen) && !this.isDown; i++) {
      require(i < TURNS_MAX, "what was issued ends");
      this.#endTick();
      this.#client.flush();
      for (const node of this.#nodes) this.#runNode(node);
      this.#poll();
    }
  }

  /** Closes the pool as a program does: answers may still be on their way. */
  #close(): void {
    for (const process of this.#processes) if (process.isConnected) this.#drain(process);
    if (this.isDown) return;
    this.#cleaner.abandon();
    this.#cleanerLog.seal();
    for (const node of this.#nodes) node.close();
    this.#log.checkpointer.checkpoint();
  }

  #end(losesPower: boolean): void {
    this.isDown = true;
    if (losesPower && this.#level === DurabilityLevel.DISK) this.disk.losePower(this.random);
  }

  #endTick(): void {
    const tasks = this.#tickEnd;
    this.#tickEnd = [];
    for (const task of tasks) task();
  }

  #runNode(node: KvsNode): void {
    this.pool.control[GATE_PAUSED] = 0;
    node.doWork();
    if (node.isStalled && !this.isDown) node.waitWhileStalled();
  }

  #poll(): void {
    if (!this.isDown) this.#client.poll();
  }

  #clean(): void {
    if (this.#cleaner.doWork() === 0 && this.#cleaner.needsSync) this.#sync();
  }

  #sync(): void {
    this.#log.file.sync();
  }

  #move(): void {
    const slot = this.random.pick(SLOTS) as Slot;
    const owner = ownerOf(loadOwner(this.pool, slot));
    tryMoveSlot(this.pool, slot, (NODE_COUNT - 1 - owner) as NodeId);
  }

  /** Others work while it is written, at any access to shared memory outside of its pauses. */
  #checkpoint(): void {
    this.#isCheckpointing = true;
    const { ledger } = this.pool;
    // The ledger is copied by few accesses, and sessions end and begin between them.
    let others = 0;
    const onAccess = (_isWrite: boolean, words: unknown) => {
      // And around the cut, which comes first, as much may happen as in all that follows.
      const isClose = words === ledger || others++ < CUT_ACCESSES;
      if (this.random.next() < (isClose ? 0.05 : 0.002)) this.#workMeanwhile();
    };
    const { checkpointer } = this.#log;
    try {
      withAtomicHooks({ onAccess }, () => checkpointer.tryCheckpoint());
    } catch (error) {
      if (!this.isDown) throw error;
    }
    this.#isCheckpointing = false;
  }

  #beforeCall(number: number): void {
    if (number > this.#endAt) this.isDown = true;
    if (this.isDown) throw new HostEnd("the host has ended");
    if (this.#isCheckpointing && this.random.next() < 0.5) this.#workMeanwhile();
  }

  #workMeanwhile(): void {
    if (this.#isIntruding || this.pool.control[GATE_PAUSED] !== 0 || this.isDown) return;
    const isLocked = SLOTS.some((slot) => isHeld(this.pool, slot));
    if (isLocked) return;
    this.#isIntruding = true;
    const idle = this.#processes.filter((process) => !process.flights.some(isOpen));
    const mayEnd = idle.length > 0 && this.#sessions.size < SESSIONS_MEANWHILE_MAX;
    if (mayEnd && this.random.next() < 0.3) this.#disconnect(this.random.pick(idle));
    for (const process of this.#processes) this.#use(process);
    this.#endTick();
    for (const node of this.#nodes) node.doWork();
    if (!this.isDown) this.#client.poll();
    for (const process of this.#processes) this.#deliver(process);
    this.#cleaner.doWork();
    this.#isIntruding = false;
    if (this.isDown) throw new HostEnd("while a checkpoint is written");
  }
}
