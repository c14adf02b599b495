/**
 * No wake-up is lost: whoever brings work and whoever goes to sleep interrupt each other at every
 * access to shared memory.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { EventLoopWaiter } from "../../lib/client/client_waiter.ts";
import { NodeConnection } from "../../lib/client/node_connection.ts";
import { SyncCompletion } from "../../lib/client/completions.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { sleepUnless, Spinner } from "../../lib/node/idle_strategy.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { AGENT_SLEEPING } from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { COMPLETION_TAIL, createRing, REQUEST_TAIL } from "../../lib/rings/ring_layout.ts";
import { initialiseOwner } from "../../lib/routing/ownership.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { HASH_KEY, keysOfSlots } from "../support/sim_keys.ts";

const SLOT = 7 as Slot;
const [KEY] = keysOfSlots([SLOT], 1);
/** More than any of the protocols has. */
const ACCESSES_MAX = 100;
const TIMEOUT_MS = 1000;

/** Ends a protocol in the middle of `Atomics.wait`: the thread sleeps from here on. */
class Asleep extends Error {}

/** One client and one KN, and a put that has been issued but not published. */
class Pair {
  readonly pool = Pool.create(geometryOf(64 * 1024, 4096), HASH_KEY);
  readonly consumer: RequestConsumer;
  readonly client: RingClient;
  readonly waiter: EventLoopWaiter;
  readonly connection: NodeConnection;
  readonly node: KvsNode;
  /** Words that somebody was woken at. */
  readonly notified: number[] = [];
  readonly #agentAt = this.pool.agentAt(0);

  constructor() {
    const { pool } = this;
    const now = () => 0;
    const ring = createRing(8192, 8);
    const nodeId = 0 as NodeId;
    this.consumer = new RequestConsumer(ring);
    this.node = new KvsNode({ pool, nodeId, agent: 0, consumers: [this.consumer], clock: now });
    // The first step looks for expired records; from the second on there is nothing to do.
    this.node.doWork();
    this.waiter = new EventLoopWaiter(new Spinner(pool, "client", 0, now), now);
    const waiter = { ...this.waiter, schedule: () => {}, waitLater: () => {}, waitSync: () => {} };
    this.client = makeRingClient({
      pool,
      clientId: 0,
      waiter,
      onFlush: () => {},
      onBlocked: () => {},
    });
    this.connection = new NodeConnection(nodeId, this.#agentAt, ring, () => 0);
    this.client.carrier.connect(this.connection);
    initialiseOwner(pool, SLOT, nodeId);
    const key = new KeyEncoder(...HASH_KEY);
    key.encode(KEY!.text);
    this.client.delete(key, new SyncCompletion());
  }

  /** What a KN does that has run dry. */
  sleepAsNode(): void {
    sleepUnless(this.pool.control, this.#agentAt, () => this.consumer.hasRequest(), TIMEOUT_MS);
  }

  /** What a client does that waits for its completion. */
  sleepAsClient(): void {
    this.waiter.waitSync(this.connection.producer);
  }

  get nodeWord(): number {
    return this.#agentAt + AGENT_SLEEPING;
  }
}

/**
 * Runs `outer`, and `inner` at its access number `at`.
 *
 * @param onWait what happens when one of them would sleep
 * @returns whether there is such an access
 */
function interleave(
  pair: Pair,
  outer: () => void,
  inner: () => void,
  at: number,
  onWait: (isInner: boolean) => void,
): boolean {
  let count = 0;
  let isInner = false;
  const hooks = {
    onAccess: () => {
      if (isInner || count++ !== at) return;
      isInner = true;
      inner();
      isInner = false;
    },
    onWait: (array: Int32Array, index: number, value: number) => {
      if (array[index] === value) onWait(isInner);
    },
    onNotify: (_: Int32Array, index: number) => void pair.notified.push(index),
  };
  withAtomicHooks(hooks, outer);
  return count > at;
}

/**
 * For every access of `fallAsleep`: work that is brought there is seen before the thread sleeps.
 */
function checkSleeper(
  fallAsleep: (pair: Pair) => void,
  bringWork: (pair: Pair) => void,
  hasWork: (pair: Pair) => boolean,
): void {
  let interrupted = 0;
  for (let at = 0; at < ACCESSES_MAX; at++) {
    const pair = new Pair();
    const onWait = () => assert.not(hasWork(pair), `slept on work that came at access ${at}`);
    if (interleave(pair, () => fallAsleep(pair), () => bringWork(pair), at, onWait)) interrupted++;
  }
  assert.ok(interrupted >= 4 && interrupted < ACCESSES_MAX, `${interrupted} accesses`);
}

/** For every access of `bringWork`: a thread that falls asleep there is woken. */
function checkBringer(
  fallAsleep: (pair: Pair) => void,
  bringWork: (pair: Pair) => void,
  wordOf: (pair: Pair) => number,
): void {
  const seen = { asleep: 0, awake: 0 };
  for (let at = 0; at < ACCESSES_MAX; at++) {
    const pair = new Pair();
    let isAsleep = false;
    const inner = () => {
      try {
        fallAsleep(pair);
      } catch (error) {
        if (!(error instanceof Asleep)) throw error;
        isAsleep = true;
      }
    };
    const onWait = () => {
      throw new Asleep();
    };
    if (!interleave(pair, () => bringWork(pair), inner, at, onWait)) continue;
    if (isAsleep) assert.ok(pair.notified.includes(wordOf(pair)), `asleep since access ${at}`);
    seen[isAsleep ? "asleep" : "awake"] += 1;
  }
  assert.ok(seen.asleep > 0 && seen.awake > 0, `both happen: ${JSON.stringify(seen)}`);
}

const flush = (pair: Pair) => pair.client.flush();
const sleepAsNode = (pair: Pair) => pair.sleepAsNode();
const sleepAsClient = (pair: Pair) => pair.sleepAsClient();
const work = (pair: Pair) => void pair.node.doWork();
/** The same for a client whose request the KN has. */
const published = (then: (pair: Pair) => void) => (pair: Pair) => {
  if (pair.connection.producer.hasUnpublished) pair.connection.producer.publish();
  then(pair);
};

test("a KN that goes to sleep sees a request that is published at any of its accesses", () => {
  checkSleeper(sleepAsNode, flush, (pair) => pair.consumer.words[REQUEST_TAIL] !== 0);
});

test("a client wakes a KN that falls asleep at any access of its flush", () => {
  checkBringer(sleepAsNode, flush, (pair) => pair.nodeWord);
});

test("a client that goes to sleep sees a completion that is published at any of its accesses", () => {
  checkSleeper(
    published(sleepAsClient),
    work,
    (pair) => pair.connection.producer.words[COMPLETION_TAIL] !== 0,
  );
});

test("a KN wakes a client that falls asleep at any access of its step", () => {
  checkBringer(sleepAsClient, published(work), () => COMPLETION_TAIL);
});

test.run();
