/**
 * A store of two KNs, a cleaner and a client, with little in it, in which one party makes a step
 * and another one interrupts it at one chosen access: small enough to try every access.
 *
 * @module
 */
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { NOT_AT_ONCE } from "../../lib/client/carrier.ts";
import { draftPut } from "../../lib/client/request_draft.ts";
import { NodeConnection, OwnPut, type PutAtOnce } from "../../lib/client/node_connection.ts";
import type { Completion } from "../../lib/client/completions.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { liveTable } from "../../lib/agent/live_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { clientExecutor } from "../../lib/agent/executor.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { AGENT_DPM, GATE_NODE_COUNT, SLOT_LOCK } from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { versionLeft } from "../../lib/rings/commit_words.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { Condition, createRing, Status } from "../../lib/rings/ring_layout.ts";
import {
  HOLDER_MASK,
  initialiseOwner,
  loadOwner,
  ownerOf,
  tryMoveSlot,
} from "../../lib/routing/ownership.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { issueCommit } from "./sim_commits.ts";
import { HASH_KEY, keysOfSlots } from "./sim_keys.ts";
import { KeyModel, require, type SimOperation } from "./sim_model.ts";
import { checkPool } from "./sim_pool_check.ts";
import { SimEyes } from "./sim_reader.ts";
import { makeValue } from "./sim_values.ts";

const SEGMENT_COUNT = 12;
const SLOTS = [17, 1200] as Slot[];
const KEYS = SLOTS.flatMap((slot) => keysOfSlots([slot], 8));
const NOW_MS = 0;
const TURNS_MAX = 1000;

/** The store. */
export class SimDuel {
  readonly pool: Pool = Pool.create(geometryOf(SEGMENT_COUNT * 4096, 4096), HASH_KEY);
  readonly slots: readonly Slot[] = SLOTS;
  /** Eight keys of the first KN's slot, then eight of the other one's. */
  readonly models: readonly KeyModel[] = KEYS.map((key, number) =>
    new KeyModel({ ...key, number })
  );
  readonly nodes: readonly KvsNode[];
  readonly eyes: SimEyes;
  readonly #otherEyes: SimEyes;
  readonly client: RingClient;
  readonly #cleaner: Cleaner;
  readonly #cleanerLog: LogWriter;
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  #operationCount = 0;
  #isHelping = false;

  constructor() {
    const { pool } = this;
    const clock = () => NOW_MS;
    const waiter = { schedule: () => {}, waitLater: () => {}, waitSync: () => {} };
    this.client = makeRingClient({
      pool,
      clientId: 0,
      waiter,
      onFlush: () => {},
      onBlocked: () => {},
    });
    pool.control[GATE_NODE_COUNT] = SLOTS.length;
    this.nodes = SLOTS.map((slot, i) => {
      const nodeId = i as NodeId;
      const ring = createRing(64 * 1024, 32);
      const helper = new KvsNode({
        pool,
        nodeId,
        agent: i,
        consumers: [new RequestConsumer(ring)],
        clock,
        executor: clientExecutor(0),
      });
      const execute = (publish: () => void) => this.#isHelping ? helper.doWork(publish) : 0;
      const put: PutAtOnce = (...asked) =>
        this.#isHelping && helper.ownPuts!.put(...asked) ? OwnPut.ANSWERED : OwnPut.NOT_MADE;
      const connection = new NodeConnection(nodeId, pool.agentAt(i), ring, execute, put);
      this.client.carrier.connect(connection);
      initialiseOwner(pool, slot, nodeId);
      return new KvsNode({ pool, nodeId, agent: i, consumers: [new RequestConsumer(ring)], clock });
    });
    const segments = new SegmentTable(pool);
    const table = liveTable(pool, new IndexSpace(pool, AGENT_DPM));
    this.#cleanerLog = new LogWriter(pool, segments, AGENT_DPM);
    this.#cleaner = new Cleaner(pool, segments, table, this.#cleanerLog, clock);
    this.eyes = new SimEyes(pool, clock);
    this.#otherEyes = new SimEyes(pool, clock);
  }

  /** Whether anybody would wait for a lock. */
  get isLocked(): boolean {
    const { control } = this.pool;
    const isLocked = (slot: Slot) =>
      (control[this.pool.slotAt(slot) + SLOT_LOCK] & HOLDER_MASK) !== 0;
    return SLOTS.some(isLocked);
  }

  /** Issues a put; {@linkcode flush} publishes it. */
  put(model: KeyModel, byteLength: number): void {
    const { operation, completion } = this.#begin(model, "put");
    const bytes = makeValue(model.key.number, operation.number, byteLength);
    const value = { bytes, start: 0, end: bytes.length };
    this.#encoder.encode(model.key.text);
    this.client.put(this.#encoder, value, Infinity, Condition.NONE, 0, completion);
  }

  /** Has the client's thread make puts itself, as far as it may; the others are issued. */
  putAtOnce(models: readonly KeyModel[], byteLength: number): void {
    this.#isHelping = true;
    for (const model of models) {
      const { operation, completion } = this.#begin(model, "put");
      const bytes = makeValue(model.key.number, operation.number, byteLength);
      const value = { bytes, start: 0, end: bytes.length };
      this.#encoder.encode(model.key.text);
      const version = this.client.own.put(
        draftPut(this.#encoder, value, Infinity, Condition.NONE, 0, false),
      );
      if (version === NOT_AT_ONCE) {
        this.client.put(this.#encoder, value, Infinity, Condition.NONE, 0, completion);
      } else {
        operation.status = Status.OK;
        model.end(operation, Status.OK, version, NOW_MS);
      }
    }
    this.#isHelping = false;
  }

  /** Issues a delete. */
  delete(model: KeyModel): void {
    const { completion } = this.#begin(model, "delete");
    this.#encoder.encode(model.key.text);
    this.client.delete(this.#encoder, completion);
  }

  /** Issues an atomic commit of puts. */
  commit(models: readonly KeyModel[], byteLength: number): void {
    const number = ++this.#operationCount;
    const operations = models.map((model): SimOperation => {
      const operation = operationOf("put", number);
      model.operations.push(operation);
      return operation;
    });
    const changes = models.map(({ key }) => ({ key, bytes: byteLength }));
    const sorted = issueCommit(this.client, number, changes, {
      settle: (status, _address, _low, _high, ring, requestAt) => {
        for (const [i, model] of models.entries()) {
          const operation = operations[i]!;
          require(operation.status === undefined, `I5: commit ${number} ended twice`);
          operation.status = status;
          const version = versionLeft(ring, requestAt, sorted.indexOf(model.key));
          model.end(operation, status, version, NOW_MS);
        }
      },
      fail: (error) => {
        throw error;
      },
    });
  }

  /** Whether of the keys that one commit alone has put all are there, or none. */
  checkWhole(models: readonly KeyModel[]): void {
    const seen = new Set(models.map(({ key }) => this.#otherEyes.look(key)?.operation));
    require(seen.size <= 1, `I4: a commit is seen by half: ${[...seen]}`);
  }

  /** Lets the client execute what it has sent to the first KN. */
  help(): void {
    this.#isHelping = true;
    this.client.carrier.connections[0]!.help();
    this.#isHelping = false;
  }

  /** Cleans one step. */
  clean(): void {
    this.#cleaner.doWork();
  }

  /** Gives the first slot to the other KN. */
  move(): void {
    const owner = ownerOf(loadOwner(this.pool, SLOTS[0]!));
    tryMoveSlot(this.pool, SLOTS[0]!, 1 - owner as NodeId);
  }

  /** Settles what has ended, and reads and lists everything. */
  pollAndRead(): void {
    this.client.poll();
    for (const model of this.models) this.eyes.check(model);
  }

  /** Lets everything end that was issued. */
  drain(): void {
    for (let i = 0; this.client.pendingCount > 0; i++) {
      require(i < TURNS_MAX, "what was issued ends");
      this.client.flush();
      for (const node of this.nodes) node.doWork();
      this.client.poll();
    }
  }

  /** Ends everything, and checks what is left. */
  finish(): void {
    this.drain();
    this.#cleaner.abandon();
    this.#cleanerLog.seal();
    for (const node of this.nodes) node.close();
    checkPool(this.pool, SLOTS);
    for (const model of this.models) this.eyes.check(model);
  }

  #begin(
    model: KeyModel,
    kind: "put" | "delete",
  ): { readonly operation: SimOperation; readonly completion: Completion } {
    const operation = operationOf(kind, ++this.#operationCount);
    model.operations.push(operation);
    const completion: Completion = {
      settle: (status, _, versionLow) => {
        require(operation.status === undefined, `I5: operation ${operation.number} ended twice`);
        operation.status = status;
        model.end(operation, status, versionLow, NOW_MS);
      },
      fail: (error) => {
        throw error;
      },
    };
    return { operation, completion };
  }
}

function operationOf(kind: "put" | "delete", number: number): SimOperation {
  return {
    kind,
    number,
    expiresAtMs: Infinity,
    expectedVersion: 0,
    issuedAtMs: NOW_MS,
    status: undefined,
  };
}

/**
 * Runs `outer`, and `inner` in the middle of it, at access number `at`.
 *
 * @param onAccess what else happens before and after each access
 * @returns whether there is such an access
 */
export function interruptAt(
  at: number,
  outer: () => void,
  inner: () => void,
  onAccess: (isWrite: boolean) => void = () => {},
): boolean {
  let count = 0;
  let isBusy = false;
  let isObserving = false;
  const once = (body: () => void) => {
    isBusy = true;
    body();
    isBusy = false;
  };
  const hooks = {
    onAccess: (isWrite: boolean) => {
      if (isObserving) return;
      if (!isBusy && count++ === at) once(inner);
      isObserving = true;
      onAccess(isWrite);
      isObserving = false;
    },
  };
  withAtomicHooks(hooks, outer);
  return count > at;
}
