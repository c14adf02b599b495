/**
 * What a client executes itself, and what it wakes the KN's thread for.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { clientExecutor, enterExecutor, leaveExecutor } from "../../lib/agent/executor.ts";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { SyncCompletion } from "../../lib/client/completions.ts";
import { NOT_AT_ONCE } from "../../lib/client/carrier.ts";
import { draftOfKey, draftPut, type RequestDraft } from "../../lib/client/request_draft.ts";
import { NodeConnection, OwnPut, type PutAtOnce } from "../../lib/client/node_connection.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { AGENT_EXECUTOR, AGENT_SLEEPING } from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { commitRequest, EntryBuffer } from "../../lib/rings/commit_words.ts";
import { Condition, createRing, Operation } from "../../lib/rings/ring_layout.ts";
import { initialiseOwner, tryMoveSlot } from "../../lib/routing/ownership.ts";
import { HASH_KEY } from "../support/sim_keys.ts";

const NODE = 0 as NodeId;
/** One to which the client is not connected. */
const OTHER_NODE = 1 as NodeId;
/** Requests that a client executes itself, see HELP_MAX in ring_carrier.ts. */
const OWN_MAX = 128;
/** Another client that may execute. */
const OTHER = clientExecutor(1);

/** A client that may execute for its KN, whose thread sleeps or not. */
class World {
  readonly pool = Pool.create(geometryOf(64 * 1024, 4096), HASH_KEY);
  readonly client: RingClient;
  readonly connection: NodeConnection;
  readonly #agentAt = this.pool.agentAt(0);
  readonly #key = new KeyEncoder(...HASH_KEY);
  readonly #completions: SyncCompletion[] = [];
  #atTickEnd: (() => void) | undefined;
  #poll: ((mayHelp: boolean) => number) | undefined;
  /** Whether the turn of the event loop has lasted long. */
  isTurnOver = false;
  /** Thrown where the client would block, if set. */
  whyNotBlock: Error | undefined;

  constructor(isAsleep: boolean) {
    const { pool } = this;
    for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, NODE);
    Atomics.store(pool.control, this.#agentAt + AGENT_SLEEPING, isAsleep ? 1 : 0);
    const ring = createRing(64 * 1024, 1024);
    const waiter = {
      isTurnOver: () => this.isTurnOver,
      schedule: (task: () => void) => void (this.#atTickEnd = task),
      waitLater: (poll: (mayHelp: boolean) => number) => void (this.#poll = poll),
      waitSync: () => {
        if (this.whyNotBlock !== undefined) throw this.whyNotBlock;
      },
    };
    this.client = makeRingClient({
      pool,
      clientId: 0,
      waiter,
      onFlush: () => {},
      onBlocked: () => {},
    });
    const helper = new KvsNode({
      pool,
      nodeId: NODE,
      agent: 0,
      consumers: [new RequestConsumer(ring)],
      clock: () => 0,
      executor: clientExecutor(0),
    });
    const execute = (publish: () => void) => helper.doWork(publish);
    const put: PutAtOnce = (...asked) =>
      helper.ownPuts!.put(...asked) ? OwnPut.ANSWERED : OwnPut.NOT_MADE;
    const commit = (words: Int32Array) =>
      helper.ownCommits!.commit(words) ? OwnPut.ANSWERED : OwnPut.NOT_MADE;
    this.connection = new NodeConnection(NODE, this.#agentAt, ring, execute, put, commit);
    this.client.carrier.connect(this.connection);
  }

  issue(count: number): void {
    for (let i = 0; i < count; i++) {
      const completion = new SyncCompletion();
      completion.reset();
      this.#key.encode(`key ${i}`);
      this.client.delete(this.#key, completion);
      this.#completions.push(completion);
    }
  }

  /** Issues a request whose caller blocks for it. */
  issueBlocking(): SyncCompletion {
    const completion = new SyncCompletion(true);
    this.#key.encode("a key");
    this.client.delete(this.#key, completion);
    return completion;
  }

  /** Puts a key at once; whether it was made. */
  putAtOnce(text: string, condition: number = Condition.NONE, mustSync = false): boolean {
    return this.client.own.put(this.#draftPut(text, condition, mustSync)) !== NOT_AT_ONCE;
  }

  /** The same for one that is awaited. */
  putFirst(text: string): boolean {
    return this.client.own.putFirst(this.#draftPut(text, Condition.NONE, false)) !== NOT_AT_ONCE;
  }

  #draftPut(text: string, condition: number, mustSync: boolean): RequestDraft {
    const bytes = new Uint8Array(8);
    this.#key.encode(text);
    const value = { bytes, start: 0, end: bytes.length };
    return draftPut(this.#key, value, Infinity, condition, 0, mustSync);
  }

  /** Deletes keys in an atomic commit; whether it has ended at once. */
  commitAtOnce(...texts: string[]): boolean {
    const completion = new SyncCompletion();
    completion.reset();
    const buffer = new EntryBuffer();
    const entries = texts.map((text) => {
      const hash = this.#key.encode(text);
      const at = this.client.writeEntry(draftOfKey(Operation.DELETE, this.#key), buffer);
      return { at, slot: (hash >>> SLOT_SHIFT) as Slot };
    });
    entries.sort((one, other) => one.slot - other.slot);
    const words = commitRequest(buffer, entries, false);
    this.client.commit(entries.map(({ slot }) => slot), words, completion);
    return completion.isSettled;
  }

  /** Gives the slot of a key to another KN. */
  moveSlot(text: string, owner: NodeId): void {
    this.#key.encode(text);
    assert.ok(tryMoveSlot(this.pool, (this.#key.hash >>> SLOT_SHIFT) as Slot, owner));
  }

  /** Whether something is to be done at the end of the tick. */
  get hasScheduled(): boolean {
    return this.#atTickEnd !== undefined;
  }

  /** What the client waits for is looked for again. */
  pollLater(): void {
    this.#poll?.(true);
  }

  /** The end of the tick. */
  endTick(): void {
    this.#atTickEnd?.();
    this.client.poll();
  }

  get settledCount(): number {
    return this.#completions.filter(({ isSettled }) => isSettled).length;
  }

  /** Whether the KN's thread still sleeps. */
  get isAsleep(): boolean {
    return Atomics.load(this.pool.control, this.#agentAt + AGENT_SLEEPING) === 1;
  }

  /** Whether there are requests that the KN's thread cannot see. */
  get hasUnpublished(): boolean {
    return this.connection.producer.hasUnpublished;
  }

  enterAsOther(): void {
    assert.ok(enterExecutor(this.pool.control, this.#agentAt + AGENT_EXECUTOR, OTHER));
  }

  leaveAsOther(): void {
    leaveExecutor(this.pool.control, this.#agentAt + AGENT_EXECUTOR, OTHER);
  }
}

test("a put is made at once unless requests are in flight, or another thread executes", () => {
  const world = new World(true);
  assert.ok(world.putAtOnce("a"));
  world.enterAsOther();
  assert.not(world.putAtOnce("a"));
  world.leaveAsOther();
  world.issue(1);
  assert.not(world.putAtOnce("a"));
  world.endTick();
  assert.is(world.settledCount, 1);
  assert.ok(world.putAtOnce("a"));
  assert.ok(world.isAsleep && !world.hasUnpublished);
});

test("a put is not made at once before what is held of its slot", () => {
  const world = new World(true);
  world.moveSlot("key 0", OTHER_NODE);
  world.issue(1);
  world.moveSlot("key 0", NODE);
  assert.not(world.putAtOnce("key 0"));
  world.endTick();
  world.endTick();
  assert.is(world.settledCount, 1);
  assert.ok(world.putAtOnce("key 0"));
});

test("a put with a condition, or one that is synced, is not made at once", () => {
  const world = new World(true);
  assert.not(world.putAtOnce("a", Condition.ABSENT));
  assert.not(world.putAtOnce("a", Condition.NONE, true));
  assert.ok(world.putAtOnce("a"));
});

test("of awaited puts the first of a tick is made at once, unless something was issued before", () => {
  const world = new World(true);
  assert.ok(world.putFirst("a"));
  assert.not(world.putFirst("b"));
  assert.ok(world.putAtOnce("b"), "one whose caller blocks always is");
  world.endTick();
  assert.ok(world.putFirst("b"));
  world.endTick();
  world.moveSlot("key 0", OTHER_NODE);
  world.issue(1);
  assert.not(world.putFirst("a"));
  assert.ok(world.putAtOnce("a"));
});

test("nothing that is awaited is made at once in a turn that has lasted", () => {
  const world = new World(true);
  world.isTurnOver = true;
  assert.not(world.putFirst("a"));
  assert.ok(world.putAtOnce("a"));
  assert.not(world.commitAtOnce("b", "c"));
});

test("a commit is made at once unless requests are in flight, or another thread executes", () => {
  const world = new World(true);
  assert.ok(world.commitAtOnce("a", "b"));
  world.enterAsOther();
  assert.not(world.commitAtOnce("a", "b"));
  world.leaveAsOther();
  assert.not(world.commitAtOnce("c", "d"));
  world.endTick();
  assert.ok(world.commitAtOnce("a", "b"));
  assert.ok(world.isAsleep && !world.hasUnpublished);
});

test("a commit is not made at once before what is held of any of its slots", () => {
  const world = new World(true);
  world.moveSlot("key 0", OTHER_NODE);
  world.issue(1);
  world.moveSlot("key 0", NODE);
  assert.not(world.commitAtOnce("key 0", "a"));
  for (let turn = 0; turn < 4; turn++) world.endTick();
  assert.is(world.settledCount, 1);
  assert.ok(world.commitAtOnce("key 0", "a"));
});

test("a commit that another KN has to make is sent to it", () => {
  const world = new World(true);
  world.moveSlot("a", OTHER_NODE);
  world.moveSlot("b", OTHER_NODE);
  assert.not(world.commitAtOnce("a", "b"));
  world.moveSlot("a", NODE);
  world.moveSlot("b", NODE);
  world.endTick();
  world.endTick();
  assert.ok(world.commitAtOnce("a", "b"));
});

for (const count of [1, 15, 16, 17, 32, 33, 64, 65, OWN_MAX]) {
  test(`a client executes ${count} requests itself, and the KN's thread sleeps on`, () => {
    const world = new World(true);
    world.issue(count);
    assert.ok(world.hasUnpublished);
    world.endTick();
    assert.is(world.settledCount, count);
    assert.ok(world.isAsleep);
  });
}

test("the thread is woken for more, before the tick has ended", () => {
  const world = new World(true);
  world.issue(OWN_MAX);
  assert.ok(world.isAsleep);
  world.issue(1);
  assert.not(world.isAsleep);
  world.endTick();
  assert.not(world.hasUnpublished, "the last one, too, is the KN's");
});

test("a thread that is awake sees requests before the tick has ended, and not the last one", () => {
  const world = new World(false);
  world.issue(16);
  assert.is(world.connection.producer.isUnpublished(0), true);
  world.issue(1);
  assert.is(world.connection.producer.isUnpublished(0), false);
  assert.is(world.connection.producer.isUnpublished(16), true);
});

test("while another thread executes, the KN is woken and has the requests", () => {
  const world = new World(true);
  world.enterAsOther();
  world.issue(3);
  world.endTick();
  assert.not(world.isAsleep || world.hasUnpublished);
});

test("a call that blocks leaves nothing to the end of the tick", () => {
  const world = new World(true);
  const completion = world.issueBlocking();
  world.client.waitFor(completion);
  assert.ok(completion.isSettled);
  assert.not(world.hasScheduled);
});

test("a call that cannot go on blocking leaves its request to the end of the tick", () => {
  const world = new World(true);
  world.enterAsOther();
  world.whyNotBlock = new Error("planted");
  const completion = world.issueBlocking();
  assert.throws(() => world.client.waitFor(completion), "planted");
  assert.not(completion.isSettled);
  world.leaveAsOther();
  world.endTick();
  world.pollLater();
  assert.ok(completion.isSettled);
});

test.run();
