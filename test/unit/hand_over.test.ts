/**
 * What a client executes itself, and what it wakes the KN's thread for.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { clientExecutor, enterExecutor } from "../../lib/agent/executor.ts";
import { Client } from "../../lib/client/client.ts";
import { SyncCompletion } from "../../lib/client/completions.ts";
import { NodeConnection } from "../../lib/client/node_connection.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { AGENT_EXECUTOR, AGENT_SLEEPING } from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { createRing } from "../../lib/rings/ring_layout.ts";
import { initialiseOwner } from "../../lib/routing/ownership.ts";
import { HASH_KEY } from "../support/sim_keys.ts";

const NODE = 0 as NodeId;
/** Requests that a client executes itself, see HELP_MAX in sent_requests.ts. */
const OWN_MAX = 128;
/** Another client that may execute. */
const OTHER = clientExecutor(1);

/** A client that may execute for its KN, whose thread sleeps or not. */
class World {
  readonly pool = Pool.create(geometryOf(64 * 1024, 4096), HASH_KEY);
  readonly client: Client;
  readonly connection: NodeConnection;
  readonly #agentAt = this.pool.agentAt(0);
  readonly #key = new KeyEncoder(...HASH_KEY);
  readonly #completions: SyncCompletion[] = [];
  #atTickEnd: () => void = () => {};

  constructor(isAsleep: boolean) {
    const { pool } = this;
    for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, NODE);
    Atomics.store(pool.control, this.#agentAt + AGENT_SLEEPING, isAsleep ? 1 : 0);
    const ring = createRing(64 * 1024, 1024);
    const waiter = {
      schedule: (task: () => void) => void (this.#atTickEnd = task),
      waitLater: () => {},
      waitSync: () => {},
    };
    this.client = new Client({ pool, clientId: 0, waiter, onFlush: () => {}, onBlocked: () => {} });
    const helper = new KvsNode({
      pool,
      nodeId: NODE,
      agent: 0,
      consumers: [new RequestConsumer(ring)],
      clock: () => 0,
      executor: clientExecutor(0),
    });
    const execute = (publish: () => void) => helper.doWork(publish);
    this.connection = new NodeConnection(NODE, this.#agentAt, ring, execute);
    this.client.connect(this.connection);
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

  /** The end of the tick. */
  endTick(): void {
    this.#atTickEnd();
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
}

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

test.run();
