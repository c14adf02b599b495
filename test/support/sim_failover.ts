/**
 * One KN that fails in the middle of a step, in one thread: a client has sent it a script of
 * operations, the step is cut off at a chosen access, and the M-node puts another KN in its place.
 * What the operations came to must be what they come to one after the other, each once (I5), in the
 * order in which they were issued (I4).
 *
 * The step either dies there, or it goes on after the failover, as a zombie's does.
 *
 * @module
 */
import type { Cache } from "../../lib/cache/cache.ts";
import { createCache } from "../../lib/cache/create_cache.ts";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { NOT_AT_ONCE } from "../../lib/client/carrier.ts";
import { NodeConnector } from "../../lib/client/node_connector.ts";
import { ReadCompletion, RoutedReads } from "../../lib/far/client/routed_reads.ts";
import type { Completion } from "../../lib/client/completions.ts";
import {
  draftDerived,
  draftOfKey,
  draftPut,
  type RequestDraft,
  slotRequest,
} from "../../lib/client/request_draft.ts";
import { RequestWriter } from "../../lib/client/request_writer.ts";
import { claimSession, outcomeOf } from "../../lib/gateway/session_evidence.ts";
import { commitOutcomeOf, nameCommit } from "./session_commits.ts";
import type { NodeId, SegmentId, Slot } from "../../lib/core/brands.ts";
import { UnavailableError } from "../../lib/core/errors.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { abandonMergers, LogMerger } from "../../lib/far/log/log_merger.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { liveTable } from "../../lib/agent/live_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { RECORD_HASH, RECORD_REQUEST_POSITION } from "../../lib/log/record_layout.ts";
import { cellsHeldBy } from "../../lib/recovery/cell_recovery.ts";
import { StepRecovery } from "../../lib/recovery/step_recovery.ts";
import { endDeadCleaners } from "../../lib/recovery/cleaner_recovery.ts";
import { endDeadMerger, type MergerDeath } from "../../lib/recovery/merger_recovery.ts";
import { FarMoves } from "../../lib/far/mnode/far_moves.ts";
import { RetiredNodes } from "../../lib/recovery/retired_nodes.ts";
import { KeyReplication } from "../../lib/far/mnode/key_replication.ts";
import { repairPool, sealLogs, sealMerged } from "../../lib/recovery/reconciliation.ts";
import { abandonExecutor, agentExecutor, Executor } from "../../lib/agent/executor.ts";
import { type CachedValue, keepValue } from "../../lib/far/node/far_lookup.ts";
import { FarNode } from "../../lib/far/node/far_node.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { imagePath } from "../../lib/persistence/checkpointer.ts";
import { LogFile } from "../../lib/persistence/log_file.ts";
import { type StartedLog, startLog } from "../../lib/persistence/open_log.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import {
  AGENT_DPM,
  AGENT_EXECUTOR,
  AGENT_MERGERS,
  GATE_NODE_COUNT,
  SLOT_LOCK,
} from "../../lib/pool/control_layout.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import type { LedgerSizes } from "../../lib/pool/ledger_layout.ts";
import { placeFar } from "../../lib/pool/placement.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { evictWhenFull } from "../../lib/pool/when_full.ts";
import { commitRequest, EntryBuffer, type EntryPlace } from "../../lib/rings/commit_words.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import type { JoinableCompletion } from "../../lib/client/joinable_additions.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../lib/rings/derivation_words.ts";
import {
  Condition,
  createRing,
  Operation,
  REQUEST_RECORD,
  type RingHandle,
  Status,
} from "../../lib/rings/ring_layout.ts";
import { NumberForm } from "../../lib/codec/stored_numbers.ts";
import { claimClient } from "../../lib/routing/client_registry.ts";
import { announceNodes, NodeState, setNode } from "../../lib/routing/node_directory.ts";
import { holderOf, initialiseOwner } from "../../lib/routing/ownership.ts";
import { MemoryDisk, systemError } from "./memory_disk.ts";
import { HASH_KEY, keysOfSlots, type SimKey } from "./sim_keys.ts";
import { SEED } from "./random.ts";
import { require } from "./sim_model.ts";
import { orderSome } from "./sim_order.ts";
import { checkCells, checkPool } from "./sim_pool_check.ts";
import { SimEyes } from "./sim_reader.ts";
import { makeValue, readValue } from "./sim_values.ts";
import { SimWatcher } from "./sim_watcher.ts";
import { DIRECTORY } from "./snapshots.ts";

/** What the scripts do. */
export type ScriptStep =
  | {
    readonly kind: "put" | "put-absent" | "put-expiring";
    readonly key: number;
    readonly bytes: number;
  }
  | { readonly kind: "delete"; readonly key: number }
  | { readonly kind: "get"; readonly key: number }
  /** The key does not expire any more. */
  | { readonly kind: "touch"; readonly key: number }
  /** Adds the operation's number to the sum of a slot. */
  | { readonly kind: "add"; readonly slot: number }
  | { readonly kind: "clear"; readonly slot: number }
  /**
   * An atomic commit: if none of the keys `absent` exists, puts the keys `puts`, of which one of
   * two expires, deletes others, and adds the operation's number to the sums of slots.
   */
  | {
    readonly kind: "commit";
    readonly absent: readonly number[];
    readonly puts: readonly number[];
    readonly deletes: readonly number[];
    readonly adds: readonly number[];
    readonly bytes: number;
  }
  /** Everything expires that was put to expire. */
  | { readonly kind: "wait" };

const SEGMENT_BYTES = 4096;
const SLOTS = [17, 1200, 2400] as Slot[];
/** Keys of a failover: five of each slot. */
export const KEYS: readonly SimKey[] = keysOfSlots(SLOTS, 5).map((key, number) => ({
  ...key,
  number,
}));
/** Beside them each slot has one that holds a sum. */
const SUM_KEYS: readonly SimKey[] = SLOTS.map((slot) =>
  keysOfSlots(SLOTS, 6).filter((key) => key.slot === slot)[5]!
);
const NOW_MS = 1_000_000;
/** Sums are greater than any `Status`. */
const SUM_MIN = 1000;
const TTL_MS = 900;
/** So long that sweeping is due again, too. */
const WAIT_MS = 1000;
/** So many of them that what a zombie holds counts as not to be had. */
const LONG_WAITS = 3;
/** Status of an operation that was refused: whether it was applied need not be known. */
const REFUSED = -1;
const TURNS_MAX = 1000;
const PLACE = { directory: DIRECTORY, codec: "msgpack" } as const;
const LEDGER_SIZES: LedgerSizes = { placeCount: 4, window: 256 };
const VICTIM = 0;
const SUCCESSOR = 1;
/**
 * In a far pool: what a read that finds nothing comes to; so few bytes that large values are
 * staged; and that KNs merge in their steps.
 */
const NOT_FOUND = 0;
const RESPONSE_BYTES = 4096;
const BACKLOG_BYTES = 1024;
const CACHE_BYTES = 2048;
const GHOST_WORDS = 64;

interface Issued {
  readonly step: Exclude<ScriptStep, { kind: "wait" }>;
  readonly number: number;
  /** Of a session: its first number there, and how many it has. */
  sent: { readonly first: number; readonly count: number };
  expected: number;
  status: number | undefined;
}

function nodeOf(agent: number): { nodeId: NodeId; agent: number } {
  return { nodeId: agent as NodeId, agent };
}

function newCache(): Cache<CachedValue> {
  return createCache("marginal", { budgetBytes: CACHE_BYTES, keep: keepValue });
}

/** How a store is made. */
export interface FailoverOptions {
  readonly isLogged: boolean;
  /** Few of them: then the KN cleans in its steps. */
  readonly segmentCount: number;
  /** Whether the pool is a far one. @default false */
  readonly isFar?: boolean;
  /**
   * Whether the pool would drop records if it were full: deletes of keys that are not there are
   * logged. @default false
   */
  readonly evicts?: boolean;
  /**
   * Whether each operation is of one slot: those of several slots may overtake each other then,
   * when slots get another KN.
   * @default false
   */
  readonly isBySlot?: boolean;
  /**
   * Whether the client's thread makes puts and commits itself, and dies instead of the KN's.
   * @default false
   */
  readonly putsAtOnce?: boolean;
  /** Whether the pool knows the order of its keys. @default by the process's seed */
  readonly isOrdered?: boolean;
  /**
   * Whether the operations are those of another process: then the ledger must say what has become
   * of them, also when the pool has been opened again. Only in a logged pool. @default false
   */
  readonly isOfSession?: boolean;
  /**
   * It must hold all that is issued at one time: nobody would fail over while the client blocks.
   */
  readonly ringBytes: number;
}

/** The store. */
export class SimFailover {
  readonly #options: FailoverOptions;
  readonly pool: Pool;
  readonly victim: KvsNode | FarNode;
  readonly #disk = new MemoryDisk();
  readonly #log: StartedLog | undefined;
  readonly #client: RingClient;
  readonly #connector: NodeConnector;
  readonly #successor: KvsNode | FarNode;
  readonly #reads: RoutedReads;
  readonly #farMoves: FarMoves | undefined;
  readonly #sharedDeaths: MergerDeath[] = [];
  /** Which keys have cells, in a far pool. */
  readonly #keys: KeyReplication | undefined;
  #hasFailedOver = false;
  #mayRefuse = false;
  readonly #rings: readonly RingHandle[];
  readonly #retired: RetiredNodes<{
    readonly nodeId: NodeId;
    readonly agent: number;
    readonly thread: { readonly hasEnded: boolean; readonly hasGivenUp: boolean };
  }>;
  /** 0: the operations are the client's own. */
  #session = 0;
  #nextNumber = 1;
  readonly #writer = new RequestWriter(0);
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  readonly #asked = new DerivationWords();
  readonly #issued: Issued[] = [];
  /**
   * What each key holds if everything that was issued applies, once and in this order: the number
   * of a put.
   */
  readonly #expected = new Map<number, number>();
  /** What there was after each operation. */
  readonly #moments = new Set<string>();
  /** What the slots' sums are, in the same way. */
  readonly #sums = SLOTS.map((): number | undefined => undefined);
  /** Keys that expire. */
  readonly #expiring = new Set<number>();
  #hasThreadEnded = false;
  #atOnceCount = 0;
  /** What is to be done at the end of the tick. */
  readonly #tick: (() => void)[] = [];
  #nowMs = NOW_MS;
  #watcher: SimWatcher | undefined;

  /** Makes a store in which the first of two KNs owns every slot. */
  constructor(options: FailoverOptions) {
    this.#options = options;
    const geometry = geometryOf(options.segmentCount * SEGMENT_BYTES, SEGMENT_BYTES);
    const pool = this.pool = Pool.create(geometry, HASH_KEY);
    orderSome(pool, SEED, options.isOrdered);
    const clock = () => this.#nowMs;
    this.#log = options.isLogged
      ? startLog(
        pool,
        PLACE,
        DurabilityLevel.OS,
        undefined,
        this.#disk,
        clock,
        options.isOfSession ? LEDGER_SIZES : undefined,
      )
      : undefined;
    if (options.isOfSession) this.#session = claimSession(pool);
    const isFar = options.isFar ?? false;
    if (isFar) placeFar(pool, BACKLOG_BYTES);
    if (options.evicts) evictWhenFull(pool, 0, GHOST_WORDS);
    this.#reads = new RoutedReads(pool);
    claimClient(pool, 1, { number: 0, startTicks: 0 });
    const responseBytes = isFar ? RESPONSE_BYTES : 0;
    this.#rings = [0, 1].map(() => createRing(options.ringBytes, 32, responseBytes));
    this.#connector = new NodeConnector({
      pool,
      clientId: 0,
      ringOf: (agent) => this.#rings[agent]!,
      help: options.putsAtOnce ?? false,
      file: options.putsAtOnce ? this.#openFile() : undefined,
      ...(isFar ? { onConnect: (agent, ring) => this.#reads.connect(agent, ring) } : {}),
    });
    this.#client = makeRingClient({
      pool,
      clientId: 0,
      waiter: {
        schedule: (task) => this.#tick.push(task),
        waitLater: () => {},
        waitSync: () => {},
      },
      onFlush: () => {},
      onBlocked: () => {},
      onPoll: () => this.#connector.update(this.#client.carrier),
    });
    [this.victim, this.#successor] = [VICTIM, SUCCESSOR].map((agent) => {
      const parts = {
        pool,
        nodeId: agent as NodeId,
        agent,
        consumers: [new RequestConsumer(this.#rings[agent]!)],
        clock,
        file: this.#openFile(),
      };
      return isFar ? new FarNode({ ...parts, cache: newCache() }) : new KvsNode(parts);
    }) as [KvsNode | FarNode, KvsNode | FarNode];
    this.#farMoves = isFar ? new FarMoves({ pool, agentOf: (node) => node, clock }) : undefined;
    this.#keys = this.#farMoves && new KeyReplication({
      pool,
      farMoves: this.#farMoves,
      nodes: () => [this.#hasFailedOver ? SUCCESSOR : VICTIM].map(nodeOf),
      assignedTo: () => (this.#hasFailedOver ? SUCCESSOR : VICTIM) as NodeId,
      now: () => this.#nowMs,
    });
    for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, 0 as NodeId);
    setNode(pool, VICTIM, 0 as NodeId, NodeState.ACTIVE);
    announceNodes(pool);
    pool.control[GATE_NODE_COUNT] = 2;
    this.#client.poll();
    this.#noteMoment();
    this.#retired = new RetiredNodes({
      pool,
      file: this.#log?.file,
      clientCount: 1,
      ringOf: (_, agent) => {
        // In the middle of what the M-node does for the dead: what comes then has to wake it again.
        this.#watcher?.turn();
        return this.#rings[agent]!;
      },
      hasRing: () => true,
      now: () => this.#nowMs,
      assignedTo: () => SUCCESSOR as NodeId,
      farMoves: this.#farMoves,
    });
  }

  /** Has a watcher of all keys, which sleeps until it is woken. */
  watch(): void {
    const keys = KEYS.map(({ text }) => ({ text, hash: this.#encoder.encode(text) }));
    this.#watcher = new SimWatcher(this.pool, keys, () => this.#nowMs);
    this.#watcher.begin();
    this.#watcher.sleep();
  }

  /** Puts and commits that the client's thread has made itself. */
  get atOnceCount(): number {
    return this.#atOnceCount;
  }

  /** Whether its bell was rung. */
  get isWatcherWoken(): boolean {
    return this.#watcher!.isRung;
  }

  /** Gives keys cells, whose only owner is the KN that is to fail. */
  share(keys: readonly number[]): void {
    for (const key of keys) {
      this.#encoder.encode(KEYS[key]!.text);
      require(this.#keys!.tryReplicate(this.#encoder, 1) === "done", "a key gets a cell");
    }
  }

  /**
   * Gives a key's cell another word, as if it had got other owners; false while somebody holds it.
   */
  swapOwners(key: number): boolean {
    this.#encoder.encode(KEYS[key]!.text);
    return this.#keys!.tryReplicate(this.#encoder, 1) === "done";
  }

  /**
   * Lets so much time pass that operations on a key whose cell the victim holds are refused: one
   * that is in its ring, and one that is issued now. Returns how many were refused.
   */
  refuseHeld(key: number): number {
    this.#mayRefuse = true;
    this.turn();
    for (let i = 0; i < LONG_WAITS; i++) this.#wait();
    this.turn();
    this.issue([{ kind: "get", key }]);
    for (let i = 0; i < 4; i++) this.turn();
    this.#mayRefuse = false;
    return this.#issued.filter(({ status }) => status === REFUSED).length;
  }

  /** Takes the cells away again, when nobody is in a step. */
  #unshare(): void {
    for (const key of KEYS) {
      this.#encoder.encode(key.text);
      require(this.#keys!.tryDereplicate(this.#encoder), "a key loses its cell");
    }
  }

  /** Issues operations, and publishes them. */
  issue(script: readonly ScriptStep[]): void {
    for (const step of script) {
      this.#issue(step);
      this.#noteMoment();
      // Of logged commits only the first of a tick is made at once.
      if (this.#options.putsAtOnce && this.#options.isLogged) this.#endTick();
    }
    this.#client.flush();
  }

  #endTick(): void {
    for (const task of this.#tick.splice(0)) task();
  }

  /** Lets the KN that is to fail execute what was issued. */
  drainVictim(): void {
    for (let i = 0; this.#client.pendingCount > 0; i++) {
      require(i < TURNS_MAX, "what was issued ends");
      if (this.victim.isStalled) this.#log?.checkpointer.tryCheckpoint();
      this.victim.doWork();
      this.#client.poll();
      this.#client.flush();
    }
  }

  /** Settles what has been answered, and sends what follows from it. */
  poll(): void {
    this.#client.poll();
    this.#client.flush();
  }

  /** Says that the victim has thrown in the middle of its step, if it is in one. */
  die(): void {
    const { control } = this.pool;
    abandonExecutor(control, this.pool.agentAt(VICTIM) + AGENT_EXECUTOR, Executor.OWN_THREAD);
    this.#hasThreadEnded = true;
    this.pool.afterStep = undefined;
  }

  /** Puts the other KN in its place; slots that it still holds stay with it. */
  failOver(): void {
    this.retireVictim();
    this.#keys?.tend();
    this.turn();
    this.#checkHeld();
  }

  /** What the M-node does of that at once, while others may be in the middle of anything. */
  retireVictim(): void {
    this.#hasFailedOver = true;
    setNode(this.pool, SUCCESSOR, SUCCESSOR as NodeId, NodeState.ACTIVE);
    const thread = {
      hasEnded: () => this.#hasThreadEnded,
      hasGivenUp: () => this.#hasThreadEnded,
    };
    this.#retired.add({
      nodeId: VICTIM as NodeId,
      agent: VICTIM,
      thread: {
        get hasEnded() {
          return thread.hasEnded();
        },
        get hasGivenUp() {
          return thread.hasGivenUp();
        },
      },
    });
    // The M-node's thread, which has a pool of its own, makes no step after which it would ring.
    this.pool.afterStep = undefined;
  }

  /** A turn of everybody who is alive. */
  turn(): void {
    // Where writes are logged, checkpoints free segments.
    if (!this.#retired.hasZombies && this.#successor.isStalled) {
      this.#log?.checkpointer.tryCheckpoint();
    }
    this.poll();
    this.#successor.doWork();
    this.poll();
    this.#tendShared();
    if (this.#farMoves === undefined) return;
    this.#retired.advance();
    this.#keys!.tend();
  }

  /** What the M-node does about a merger and cleaners that have died with the KN. */
  #tendShared(): void {
    const cleaners = endDeadCleaners(this.pool, this.#log?.file);
    if (cleaners.length > 0) this.#retired.advance();
    this.#sharedDeaths.push(...cleaners);
    if (this.#farMoves === undefined) return;
    const death = endDeadMerger(this.pool, VICTIM, this.#log?.file);
    if (death !== undefined) this.#sharedDeaths.push(death);
  }

  /** Nothing can be written from now on. */
  breakDisk(): void {
    this.#disk.beforeCall = (call) => {
      if (call === "write") throw systemError("EIO", call);
    };
  }

  /**
   * Lets everything end, whatever comes of it; returns how the operations since the first ones have
   * ended.
   */
  endAll(from: number): readonly number[] {
    for (let i = 0; this.#client.pendingCount > 0; i++) {
      require(i < TURNS_MAX, "what was issued ends");
      this.turn();
    }
    return this.#issued.slice(from).map(({ status }) => status!);
  }

  /** Slots and cells that the victim has not let go. */
  get heldCount(): number {
    const slots = this.#retired.nodes.reduce((sum, { slots }) => sum + slots.stuckCount, 0);
    return slots + cellsHeldBy(this.pool, VICTIM).length;
  }

  /** Ends everything after a failover, and checks what is left. */
  finish(): void {
    // A zombie that has left its step begins no other, and then its thread ends.
    const executor = Atomics.load(this.pool.control, this.pool.agentAt(VICTIM) + AGENT_EXECUTOR);
    require(executor < Executor.NOBODY, "I1: nobody executes for a retired KN");
    this.#hasThreadEnded = true;
    this.#retired.advance();
    this.#tendShared();
    this.#retired.advance();
    require(this.heldCount === 0, "I1: nothing holds slots any more");
    require(!this.#retired.hasZombies, "nobody is in a step of a retired KN");
    for (let i = 0; this.#client.pendingCount > 0; i++) {
      require(i < TURNS_MAX, "what was issued ends");
      this.turn();
    }
    for (const { status, expected, step, number } of this.#issued) {
      require(
        status === expected || status === REFUSED,
        `I5: operation ${number}, ${step.kind}, ended with ${status}, not ${expected}`,
      );
    }
    this.#checkOutcomes(this.pool);
    this.#mergeAll();
    if (this.#keys !== undefined) checkCells(this.pool);
    this.#checkContents(this.pool);
    if (this.#keys !== undefined) this.#unshare();
    this.#checkContents(this.pool);
    this.#watcher?.check();
    const ringOf = (_: number, agent: number) => this.#rings[agent]!;
    const deaths = this.#retired.nodes.flatMap(({ node, death }) =>
      death === undefined ? [] : [{ agent: node.agent, report: death }]
    );
    deaths.push(...this.#sharedDeaths);
    require(repairPool({ pool: this.pool, deaths, ringOf }), "the pool is repaired");
    if (this.#farMoves !== undefined) {
      this.#successor.close();
      sealMerged(this.pool, SUCCESSOR);
    }
    // Everything that is live is moved, so that counts of what is not are found to be nobody's.
    const { evicts, segmentCount } = this.#options;
    if (!evicts) this.clean(segmentCount);
    sealLogs(this.pool, AGENT_DPM, this.#log?.file);
    this.#successor.close();
    this.#checkSegments();
    checkPool(this.pool, SLOTS, { mayCountTooMuch: evicts ?? false });
    this.#checkContents(this.pool);
    if (this.#log !== undefined) this.#checkFiles();
  }

  /** Makes the index hold all that was logged. */
  #mergeAll(): void {
    if (this.#farMoves === undefined) return;
    require(this.#farMoves.mergeAll(VICTIM), "the log of a retired KN is merged");
    require(this.#farMoves.mergeAll(SUCCESSOR), "the log of a KN is merged");
  }

  /** After a failover nothing of the dead may be left that somebody could wait for. */
  #checkHeld(): void {
    if (!this.#hasThreadEnded) return;
    for (const slot of SLOTS) {
      const holder = holderOf(this.pool.control[this.pool.slotAt(slot) + SLOT_LOCK]!);
      require(holder !== VICTIM, `slot ${slot} is still locked by a KN that is dead`);
    }
    const cells = cellsHeldBy(this.pool, VICTIM);
    require(cells.length === 0, `cells ${cells} are still locked by a KN that is dead`);
  }

  /** The process ends now: what is in the files is what was acknowledged. */
  #checkFiles(): void {
    const requested = {
      codec: "msgpack",
      capacityBytes: undefined,
      segmentBytes: undefined,
    } as const;
    const options = { isLogged: true, ledgerSizes: LEDGER_SIZES };
    const { pool } = readSnapshot(this.#disk, DIRECTORY, requested, options);
    this.#checkContents(pool);
    this.#checkOutcomes(pool);
  }

  #checkContents(pool: Pool): void {
    const eyes = new SimEyes(pool, () => this.#nowMs);
    for (const key of KEYS) {
      const found = eyes.look(key)?.operation;
      const expected = this.#expected.get(key.number);
      require(found === expected, `I5: ${key.text} holds ${found}, not ${expected}`);
    }
    for (const [i, key] of SUM_KEYS.entries()) {
      const sum = eyes.lookAtSum(key);
      require(sum === this.#sums[i], `I5: ${key.text} holds ${sum}, not ${this.#sums[i]}`);
    }
  }

  #checkSegments(): void {
    const segments = new SegmentTable(this.pool);
    const open = segments.openSegmentsOf(VICTIM);
    require(open.length === 0, `I10: segments ${open} of a retired KN are open`);
    for (let segment = 0; segment < this.#options.segmentCount; segment++) {
      const isClaimed = segments.state(segment as SegmentId) === SegmentState.CLEANING;
      require(!isClaimed, `I10: segment ${segment} is being cleaned, by nobody`);
    }
  }

  /** Cleans so many segments, as a DPM processor that goes on where the last one has left off. */
  clean(segmentCountMax: number): void {
    const { pool } = this;
    const segments = new SegmentTable(pool);
    const log = new LogWriter(pool, segments, AGENT_DPM, { file: this.#log?.file });
    log.resume();
    const table = liveTable(pool, new IndexSpace(pool, AGENT_DPM));
    const cleaner = new Cleaner(pool, segments, table, log, () => this.#nowMs);
    const file = this.#log?.file;
    for (let i = 0; i < segmentCountMax; i++) {
      // What is left may be what is not synced; a DPM processor does that then.
      if (!cleaner.cleanOne() && !(cleaner.needsSync && file?.sync())) break;
    }
    cleaner.abandon();
    log.suspend();
  }

  /**
   * Merges some of the first KN's log, as a task of a DPM processor does; returns how many records.
   */
  merge(): number {
    const { pool } = this;
    const executor = agentExecutor(AGENT_MERGERS + VICTIM);
    const clock = () => this.#nowMs;
    return new LogMerger({ pool, agent: VICTIM, clock, executor }).doWork();
  }

  /**
   * Ends what a DPM processor has left behind that died while it merged that log; false if it had
   * not begun, or had ended.
   */
  endMerging(): boolean {
    abandonMergers(this.pool, AGENT_MERGERS + VICTIM);
    const before = this.#sharedDeaths.length;
    this.#tendShared();
    return this.#sharedDeaths.length > before;
  }

  /** Ends what a DPM processor has left behind that died while it cleaned. */
  endCleaning(): void {
    const { pool } = this;
    const dead = {
      pool,
      agent: AGENT_DPM,
      rings: [],
      file: this.#log?.file,
      clock: () => this.#nowMs,
    };
    const deaths = [{ agent: AGENT_DPM, report: new StepRecovery(dead).settle() }];
    const ringOf = (_: number, agent: number) => this.#rings[agent]!;
    require(repairPool({ pool, deaths, ringOf }), "the pool is repaired");
  }

  #openFile(): LogFile | undefined {
    if (this.#log === undefined) return undefined;
    const path = imagePath(this.pool, PLACE);
    return new LogFile(this.pool, this.#disk, path, () => this.#nowMs);
  }

  #wait(): void {
    this.#nowMs += WAIT_MS;
    for (const key of this.#expiring) this.#expected.delete(key);
    this.#expiring.clear();
  }

  #issue(step: ScriptStep): void {
    if (step.kind === "wait") return this.#wait();
    const number = this.#issued.length + 1;
    const issued: Issued = {
      step,
      number,
      sent: { first: this.#nextNumber, count: 1 },
      expected: this.#expect(step, number),
      status: undefined,
    };
    this.#issued.push(issued);
    const completion: Completion = {
      settle: (status, _address, _low, _high, ring, requestAt) => {
        require(issued.status === undefined, `I5: operation ${number} ended twice`);
        issued.status = status;
        if (step.kind !== "add" || status !== Status.OK) return;
        this.#asked.read(ring, requestAt + REQUEST_RECORD);
        issued.status = this.#asked.before + this.#asked.times * (SUM_MIN + number);
      },
      fail: (error) => {
        if (!this.#mayRefuse || !(error instanceof UnavailableError)) throw error;
        issued.status = REFUSED;
      },
    };
    if (step.kind === "commit") return this.#commit(step, issued, completion);
    if (this.#session !== 0) return this.#forward(step, number, completion);
    if (step.kind === "clear") return this.#client.clearSlot(SLOTS[step.slot]!, completion);
    if (step.kind === "add") return this.#add(issued, step.slot, completion);
    const key = KEYS[step.key]!;
    this.#encoder.encode(key.text);
    if (step.kind === "delete") return this.#client.delete(this.#encoder, completion);
    if (step.kind === "get") return this.#get(issued);
    if (step.kind === "touch") {
      this.#asked.askToTouch(Infinity);
      return this.#client.derive(Operation.TOUCH, this.#encoder, this.#asked, completion, false);
    }
    const bytes = makeValue(key.number, number, step.bytes);
    const value = { bytes, start: 0, end: bytes.length };
    const condition = step.kind === "put-absent" ? Condition.ABSENT : Condition.NONE;
    const expiresAtMs = step.kind === "put-expiring" ? this.#nowMs + TTL_MS : Infinity;
    if (this.#options.putsAtOnce && condition === Condition.NONE) {
      const version = this.#client.own.put(
        draftPut(this.#encoder, value, expiresAtMs, Condition.NONE, 0, false),
      );
      if (version !== NOT_AT_ONCE) {
        this.#atOnceCount += 1;
        issued.status = Status.OK;
        return;
      }
    }
    this.#client.put(this.#encoder, value, expiresAtMs, condition, 0, completion);
  }

  /** Issues an operation as the gateway does for another process. */
  #forward(step: Issued["step"], number: number, completion: Completion): void {
    const words = step.kind === "clear"
      ? slotRequest(Operation.CLEAR_SLOT, SLOTS[step.slot]!)
      : this.#writer.copy(this.#draftOf(step, number));
    words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = this.#nextNumber++;
    this.#client.forward(words, completion, this.#session);
  }

  #draftOf(step: Issued["step"], number: number): RequestDraft {
    const encoder = this.#encoder;
    if (step.kind === "add") {
      const by = SUM_MIN + number;
      encoder.encode(SUM_KEYS[step.slot]!.text);
      this.#asked.askToAdd(NumberForm.MSGPACK, by, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
      return draftDerived(Operation.ADD, encoder, this.#asked, false);
    }
    const { key } = step as { readonly key: number };
    encoder.encode(KEYS[key]!.text);
    if (step.kind === "delete") return draftOfKey(Operation.DELETE, encoder);
    if (step.kind === "touch") {
      this.#asked.askToTouch(Infinity);
      return draftDerived(Operation.TOUCH, encoder, this.#asked, false);
    }
    const bytes = makeValue(key, number, (step as { readonly bytes: number }).bytes);
    const value = { bytes, start: 0, end: bytes.length };
    const condition = step.kind === "put-absent" ? Condition.ABSENT : Condition.NONE;
    const expiresAtMs = step.kind === "put-expiring" ? this.#nowMs + TTL_MS : Infinity;
    return draftPut(encoder, value, expiresAtMs, condition, 0, false);
  }

  /**
   * What the ledger says is what the operations came to: those that have changed something are in
   * it, and no others.
   */
  #checkOutcomes(pool: Pool): void {
    if (this.#session === 0) return;
    for (const { step, status, number, sent: { first, count } } of this.#issued) {
      const versions = commitOutcomeOf(pool, this.#session, first, count);
      const isOk = status === Status.OK || step.kind === "add";
      require(
        (versions !== undefined) === isOk,
        `I5: operation ${number}, ${step.kind}, has versions ${versions} in the ledger, and ended with ${status}`,
      );
      if (step.kind !== "add") continue;
      const sum = outcomeOf(pool, this.#session, first)!.derivation.number;
      require(
        sum === status,
        `I5: operation ${number} has come to ${sum}, and ended with ${status}`,
      );
    }
  }

  #commit(step: ScriptStep & { kind: "commit" }, issued: Issued, completion: Completion): void {
    const { number } = issued;
    const encoder = this.#encoder;
    const buffer = new EntryBuffer();
    const entries: EntryPlace[] = [];
    const add = (text: string, draft: () => RequestDraft) => {
      encoder.encode(text);
      entries.push({ at: this.#client.writeEntry(draft(), buffer) });
    };
    for (const key of step.absent) {
      add(KEYS[key]!.text, () => draftOfKey(Operation.PAD, encoder, Condition.ABSENT));
    }
    for (const [i, key] of step.puts.entries()) {
      const bytes = makeValue(key, number, step.bytes);
      const value = { bytes, start: 0, end: bytes.length };
      const expiresAtMs = isExpiringPut(i) ? this.#nowMs + TTL_MS : Infinity;
      add(KEYS[key]!.text, () => draftPut(encoder, value, expiresAtMs, Condition.NONE, 0, false));
    }
    for (const key of step.deletes) {
      add(KEYS[key]!.text, () => draftOfKey(Operation.DELETE, encoder));
    }
    for (const slot of step.adds) {
      const by = SUM_MIN + number;
      this.#asked.askToAdd(NumberForm.MSGPACK, by, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
      add(SUM_KEYS[slot]!.text, () => draftDerived(Operation.ADD, encoder, this.#asked, false));
    }
    const hashOf = ({ at }: EntryPlace) => buffer.words[at + REQUEST_RECORD + RECORD_HASH]! >>> 0;
    entries.sort((one, other) => hashOf(one) - hashOf(other));
    const slots = new Set(entries.map((entry) => (hashOf(entry) >>> SLOT_SHIFT) as Slot));
    const words = commitRequest(buffer, entries, false);
    if (this.#session !== 0) {
      issued.sent = { first: this.#nextNumber, count: entries.length };
      this.#nextNumber = nameCommit(words, this.#session, this.#nextNumber);
    }
    this.#client.commit([...slots], words, completion);
    if (issued.status !== undefined) this.#atOnceCount += 1;
  }

  /**
   * What can be seen now is what was there after one of the operations, in their order; it is not
   * half of what one of them does.
   */
  checkMoment(): void {
    const eyes = new SimEyes(this.pool, () => this.#nowMs);
    const seen = this.#momentsOf(
      KEYS.map((key) => eyes.look(key)?.operation),
      SUM_KEYS.map((key) => eyes.lookAtSum(key)),
    );
    for (const moment of seen) {
      require(this.#moments.has(moment), `a commit is seen by half: ${moment}`);
    }
  }

  #noteMoment(): void {
    const contents = KEYS.map(({ number }) => this.#expected.get(number));
    for (const moment of this.#momentsOf(contents, this.#sums)) this.#moments.add(moment);
  }

  /** What must be of one moment: all of the contents, or those of each slot. */
  #momentsOf(
    contents: readonly (number | undefined)[],
    sums: readonly (number | undefined)[],
  ): string[] {
    if (!(this.#options.isBySlot ?? false)) return [[...contents, ...sums].join()];
    return SLOTS.map((slot, i) => {
      const ofSlot = contents.filter((_, number) => KEYS[number]!.slot === slot);
      return `slot ${slot}: ${[...ofSlot, sums[i]].join()}`;
    });
  }

  /** Two additions, if both can be in one request; the status is the sum, far above a `Status`. */
  #add(issued: Issued, slot: number, ended: Completion): void {
    const by = SUM_MIN + issued.number;
    const completion: JoinableCompletion = { ...ended, join: () => Promise.resolve(undefined) };
    this.#asked.askToAdd(NumberForm.MSGPACK, by, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
    this.#encoder.encode(SUM_KEYS[slot]!.text);
    this.#client.add(this.#encoder, this.#asked, completion, false);
    if (this.#client.join(this.#encoder, this.#asked, false) !== completion) return;
    this.#sums[slot] = issued.expected += by;
  }

  /** A read: its status is the number of the put that it has found. */
  #get(issued: Issued): void {
    const completion = new ReadCompletion(this.#reads, ({ value, error }) => {
      require(issued.status === undefined, `I5: operation ${issued.number} ended twice`);
      if (this.#mayRefuse && error instanceof UnavailableError) {
        issued.status = REFUSED;
        return;
      }
      if (error) throw error;
      const key = KEYS[(issued.step as { readonly key: number }).key]!;
      issued.status = value === undefined
        ? NOT_FOUND
        : readValue(value.bytes, value.bytes.length, key.number).operation;
    });
    this.#client.get(this.#encoder, true, completion);
  }

  /** What an operation comes to after those before it. */
  #expect(step: Exclude<ScriptStep, { kind: "wait" }>, number: number): number {
    if (step.kind === "clear") {
      for (const key of KEYS) if (key.slot === SLOTS[step.slot]) this.#expected.delete(key.number);
      this.#sums[step.slot] = undefined;
      return Status.OK;
    }
    if (step.kind === "add") {
      return this.#sums[step.slot] = (this.#sums[step.slot] ?? 0) + SUM_MIN + number;
    }
    if (step.kind === "commit") return this.#expectCommit(step, number);
    const exists = this.#expected.has(step.key);
    if (step.kind === "get") return this.#expected.get(step.key) ?? NOT_FOUND;
    if (step.kind === "touch") {
      if (exists) this.#expiring.delete(step.key);
      return exists ? Status.OK : Status.UNMET;
    }
    const isPut = step.kind !== "delete" && (step.kind !== "put-absent" || !exists);
    if (isPut) this.#expected.set(step.key, number);
    else if (step.kind === "delete") this.#expected.delete(step.key);
    if (isPut || step.kind === "delete") this.#expiring.delete(step.key);
    if (step.kind === "put-expiring") this.#expiring.add(step.key);
    const isUnmet = step.kind === "delete" ? !exists : step.kind === "put-absent" && exists;
    return isUnmet ? Status.UNMET : Status.OK;
  }

  #expectCommit(step: ScriptStep & { kind: "commit" }, number: number): number {
    if (step.absent.some((key) => this.#expected.has(key))) return Status.UNMET;
    for (const [i, key] of step.puts.entries()) {
      this.#expected.set(key, number);
      if (isExpiringPut(i)) this.#expiring.add(key);
      else this.#expiring.delete(key);
    }
    for (const key of step.deletes) {
      this.#expected.delete(key);
      this.#expiring.delete(key);
    }
    for (const slot of step.adds) {
      this.#sums[slot] = (this.#sums[slot] ?? 0) + SUM_MIN + number;
    }
    return Status.OK;
  }
}

/** Whether the put of a commit with this number expires. */
function isExpiringPut(i: number): boolean {
  return i % 2 === 1;
}
