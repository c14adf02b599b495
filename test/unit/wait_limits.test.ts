/**
 * What ends the waits behind a thread that does not go on: each of the limits by itself, in one
 * thread.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { NodeConnection } from "../../lib/client/node_connection.ts";
import { SyncCompletion } from "../../lib/client/completions.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { StoreClosedError, UnavailableError } from "../../lib/core/errors.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import {
  RECONFIGURE_MS_MAX,
  SLOT_COUNT,
  SYSTEM_CALL_MS_MAX,
  UNAVAILABLE_AFTER_MS,
} from "../../lib/core/limits.ts";
import { settlesWithin } from "../../lib/platform/settles_within.ts";
import { type RetiredKn, RetiredNodes } from "../../lib/recovery/retired_nodes.ts";
import { ProgressLimit } from "../../lib/mnode/progress_limit.ts";
import { enterExecutor, Executor, leaveExecutor } from "../../lib/agent/executor.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { MergeWait } from "../../lib/node/merge_wait.ts";
import { lockCheckpoints, unlockCheckpoints } from "../../lib/persistence/checkpoint_lock.ts";
import { SlotCopy } from "../../lib/persistence/slot_copy.ts";
import { AGENT_EXECUTOR, OWNER_TABLE, SLOT_LOCK } from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { createRing } from "../../lib/rings/ring_layout.ts";
import {
  initialiseOwner,
  isUnavailable,
  loadOwner,
  LOCK_POLLS_MAX,
  lockAnySlot,
  markAvailable,
  markUnavailable,
  MOVING,
  unlockSlot,
} from "../../lib/routing/ownership.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { HASH_KEY, keysOfSlots } from "../support/sim_keys.ts";

const SLOT = 7 as Slot;
const [KEY] = keysOfSlots([SLOT], 1);
const NODE = 0 as NodeId;
const OTHER_AGENT = 1;

function makePool(): Pool {
  const pool = Pool.create(geometryOf(64 * 1024, 4096), HASH_KEY);
  for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, NODE);
  return pool;
}

/** One client and one KN, which take turns. */
class Pair {
  readonly pool = makePool();
  readonly client: RingClient;
  readonly node: KvsNode;

  constructor() {
    const { pool } = this;
    const ring = createRing(8192, 8);
    const consumers = [new RequestConsumer(ring)];
    this.node = new KvsNode({ pool, nodeId: NODE, agent: 0, consumers, clock: () => 0 });
    const waiter = { schedule: () => {}, waitLater: () => {}, waitSync: () => {} };
    this.client = makeRingClient({
      pool,
      clientId: 0,
      waiter,
      onFlush: () => {},
      onBlocked: () => {},
    });
    this.client.carrier.connect(new NodeConnection(NODE, pool.agentAt(0), ring, () => 0));
  }

  /** Issues a delete of the key, whose slot is the one of these tests. */
  issue(): SyncCompletion {
    const key = new KeyEncoder(...HASH_KEY);
    key.encode(KEY!.text);
    const completion = new SyncCompletion();
    completion.reset();
    this.client.delete(key, completion);
    return completion;
  }

  turn(): void {
    this.client.flush();
    for (let i = 0; i < 3; i++) this.node.doWork();
    this.client.poll();
    this.client.flush();
    for (let i = 0; i < 3; i++) this.node.doWork();
    this.client.poll();
  }
}

function errorOfCompletion(completion: SyncCompletion): unknown {
  assert.ok(completion.isSettled, "the request has ended");
  try {
    completion.throwError();
    return undefined;
  } catch (error) {
    return error;
  }
}

test("a client holds requests for a slot that stays marked as moving, and sends them when it is not any more", () => {
  const pair = new Pair();
  const word = loadOwner(pair.pool, SLOT);
  Atomics.store(pair.pool.control, OWNER_TABLE + SLOT, word | MOVING);
  let count = 0;
  const onAccess = () => assert.ok(++count < 20 * LOCK_POLLS_MAX, "it does not wait for long");
  let completion: SyncCompletion | undefined;
  withAtomicHooks({ onAccess }, () => {
    completion = pair.issue();
    pair.turn();
  });
  assert.not.ok(completion!.isSettled);
  Atomics.store(pair.pool.control, OWNER_TABLE + SLOT, word);
  pair.turn();
  assert.is(errorOfCompletion(completion!), undefined);
});

test("a client whose requests have all been failed fails those that come later, too", () => {
  const pair = new Pair();
  const first = pair.issue();
  pair.client.failAll(new StoreClosedError("planted"));
  assert.instance(errorOfCompletion(first), StoreClosedError);
  const second = pair.issue();
  assert.instance(errorOfCompletion(second), StoreClosedError);
  assert.is(pair.client.pendingCount, 0);
});

test("a KN refuses requests for a slot that another agent holds when the M-node has given it up", () => {
  const pair = new Pair();
  const { control } = pair.pool;
  const lock = pair.pool.slotAt(SLOT) + SLOT_LOCK;
  const owner = lockAnySlot(control, lock, OTHER_AGENT)!;
  const completion = pair.issue();
  pair.turn();
  assert.not.ok(completion.isSettled, "it waits for the holder");
  markUnavailable(pair.pool, SLOT);
  pair.turn();
  assert.instance(errorOfCompletion(completion), UnavailableError);
  const held = pair.issue();
  pair.turn();
  assert.instance(errorOfCompletion(held), UnavailableError, "the client does not even send it");
  unlockSlot(control, lock, owner);
  markAvailable(pair.pool, SLOT);
  const later = pair.issue();
  pair.turn();
  assert.is(errorOfCompletion(later), undefined);
});

test("slots of other KNs that a failed one holds are given up after a while, until it lets go", () => {
  const pool = makePool();
  let nowMs = 0;
  const executorAt = pool.agentAt(OTHER_AGENT) + AGENT_EXECUTOR;
  const lock = pool.slotAt(SLOT) + SLOT_LOCK;
  enterExecutor(pool.control, executorAt, Executor.OWN_THREAD);
  const owner = lockAnySlot(pool.control, lock, OTHER_AGENT)!;
  const retired = new RetiredNodes<RetiredKn>({
    pool,
    file: undefined,
    clientCount: 0,
    ringOf: () => createRing(8192, 8),
    hasRing: () => true,
    now: () => nowMs,
    assignedTo: () => NODE,
  });
  const thread = { hasEnded: false, hasGivenUp: false };
  retired.add({ nodeId: 1 as NodeId, agent: OTHER_AGENT, thread });
  assert.ok(retired.holds(SLOT));
  assert.not.ok(retired.holds(SLOT + 1 as Slot));
  nowMs = UNAVAILABLE_AFTER_MS - 1;
  retired.advance();
  assert.not.ok(isUnavailable(pool, SLOT), "it may let go in time");
  nowMs += 1;
  retired.advance();
  assert.ok(isUnavailable(pool, SLOT));
  assert.not.ok(isUnavailable(pool, SLOT + 1 as Slot));
  unlockSlot(pool.control, lock, owner);
  leaveExecutor(pool.control, executorAt, Executor.OWN_THREAD);
  retired.advance();
  assert.is(loadOwner(pool, SLOT), owner);
  assert.not.ok(retired.holds(SLOT));
});

test("a change is given up when it makes no progress: sooner behind a failed KN, later behind a slow disk", () => {
  for (const hasZombies of [true, false]) {
    let nowMs = 0;
    const limit = new ProgressLimit("it", () => hasZombies, () => nowMs);
    const limitMs = hasZombies ? RECONFIGURE_MS_MAX : SYSTEM_CALL_MS_MAX;
    for (let done = 0; done < 3; done++) {
      limit.check(done);
      nowMs += limitMs;
      limit.check(done);
    }
    nowMs += 1;
    assert.throws(() => limit.check(2), (error: unknown) => error instanceof UnavailableError);
  }
});

test("requests of a far KN wait as long as anything is merged", () => {
  let nowMs = 0;
  const wait = new MergeWait(() => nowMs);
  wait.note(true, false);
  nowMs += RECONFIGURE_MS_MAX;
  assert.not.ok(wait.isOver);
  wait.note(true, true);
  nowMs += 1;
  wait.note(true, false);
  assert.not.ok(wait.isOver, "it has made progress");
  nowMs += RECONFIGURE_MS_MAX + 1;
  wait.note(true, false);
  assert.ok(wait.isOver);
  wait.note(false, false);
  assert.not.ok(wait.isOver, "nothing waits any more");
});

test("the lock of checkpoints is waited for, but not for ever", () => {
  const pool = makePool();
  lockCheckpoints(pool, 3);
  assert.throws(() => lockCheckpoints(pool, 4, 5), /agent 3 has been writing a checkpoint/);
  unlockCheckpoints(pool);
  lockCheckpoints(pool, 4, 5);
});

test("slots are not copied when the M-node has given one up", () => {
  const pool = makePool();
  lockAnySlot(pool.control, pool.slotAt(SLOT) + SLOT_LOCK, OTHER_AGENT);
  markUnavailable(pool, SLOT);
  assert.throws(() => new SlotCopy(pool, 100).run(), /slot 7 is locked by agent 1/);
});

test("a promise that does not settle is waited for in vain, others are not", async () => {
  assert.is(await settlesWithin(new Promise(() => {}), 5), false);
  assert.is(await settlesWithin(Promise.resolve(), 10_000), true);
  assert.is(await settlesWithin(Promise.reject(new Error("planted")), 10_000), true);
});

test.run();
