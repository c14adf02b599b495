/**
 * A far KN and slots that leave it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId } from "../../lib/core/brands.ts";
import { agentExecutor, enterExecutor } from "../../lib/agent/executor.ts";
import { AGENT_EXECUTOR, AGENT_HOST, AGENT_MERGERS } from "../../lib/pool/control_layout.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { type Ending, FarPair } from "../support/far_pair.ts";

const BACKLOG_BYTES = 64 * 1024;
/** So few that everything which is not merged counts. */
const BUCKET_COUNT = 40;
const TRIES_MAX = 5000;
const FIRST = 0 as NodeId;
const SECOND = 1 as NodeId;

for (const isCached of [true, false]) {
  const from = isCached ? "its cache" : "what it has logged";
  test(`a KN answers nothing from ${from} for a slot that has left it`, () => {
    const pair = new FarPair(BACKLOG_BYTES);
    const [first, second] = pair.nodes;
    const [reader, writer] = pair.clients;
    const slot = pair.slotOf("key");
    const old = writer!.put("key", 1);
    first!.doWork();
    writer!.poll();
    assert.is(old.status, Status.OK);
    if (isCached) {
      // What is merged is in its cache only.
      assert.ok(pair.moves.mergeAll(0));
      first!.doWork();
    }

    const read = reader!.get("key");
    assert.ok(pair.moves.move(slot, SECOND), "the slot leaves while a read waits in the ring");
    const put = writer!.put("key", 2);
    second!.doWork();
    writer!.poll();
    assert.is(put.status, Status.OK);

    first!.doWork();
    reader!.poll();
    assert.is(read.status, undefined, "it was refused, and is sent to the new owner");
    second!.doWork();
    reader!.poll();
    assert.is(read.value, 2);
  });
}

test("a KN to which a slot comes back knows nothing of the time before", () => {
  const pair = new FarPair(BACKLOG_BYTES);
  const [first, second] = pair.nodes;
  const [reader, writer] = pair.clients;
  const slot = pair.slotOf("key");
  writer!.put("key", 1);
  first!.doWork();
  writer!.poll();
  assert.ok(pair.moves.move(slot, SECOND));
  writer!.put("key", 2);
  second!.doWork();
  writer!.poll();
  assert.ok(pair.moves.move(slot, FIRST));
  const read = reader!.get("key");
  first!.doWork();
  reader!.poll();
  assert.is(read.value, 2);
});

test("a clear that is not merged yet leaves the store's own key alone", () => {
  const pair = new FarPair(BACKLOG_BYTES);
  const [node] = pair.nodes;
  const [client] = pair.clients;
  client!.put(undefined, 3);
  node!.doWork();
  client!.poll();
  assert.ok(pair.moves.mergeAll(0), "so that the index alone has it");
  // A node that takes its slot anew has nothing of it in its cache.
  const slot = pair.slotOf(undefined);
  assert.ok(pair.moves.move(slot, SECOND));
  assert.ok(pair.moves.move(slot, FIRST));
  client!.clearSlot(slot);
  const read = client!.get(undefined);
  // The first time the client only learns whose the slot is.
  for (let i = 0; i < 2; i++) {
    node!.doWork();
    client!.poll();
  }
  assert.is(read.status, 0);
  assert.is(read.value, 3);
});

/**
 * A pair whose second KN has logged so much that the first one cannot promise a bucket before it is
 * merged.
 */
function pairWithFullIndex(): { pair: FarPair; put: Ending } {
  const pair = new FarPair(BACKLOG_BYTES, BUCKET_COUNT);
  const [first, second] = pair.nodes;
  const [writer, other] = pair.clients;
  assert.ok(pair.moves.move(pair.slotOf("key"), SECOND));
  const logged = other!.put("key", 1, 1500);
  second!.doWork();
  other!.poll();
  assert.is(logged.status, Status.OK);
  const put = writer!.put("new", 1);
  first!.doWork();
  writer!.poll();
  assert.is(put.status, undefined, "it waits");
  assert.ok(first!.isStalled);
  return { pair, put };
}

test("a KN whose put waits for what another has logged merges that itself", () => {
  const { pair, put } = pairWithFullIndex();
  pair.nodes[0]!.waitWhileStalled();
  pair.nodes[0]!.doWork();
  pair.clients[0]!.poll();
  assert.is(put.status, Status.OK);
});

test("a put does not wait without an end for a merger that does not go on", () => {
  const { pair, put } = pairWithFullIndex();
  const mergerAt = pair.pool.agentAt(AGENT_MERGERS + 1) + AGENT_EXECUTOR;
  assert.ok(enterExecutor(pair.pool.control, mergerAt, agentExecutor(AGENT_HOST)));
  for (let i = 0; i < TRIES_MAX && put.status === undefined; i++) {
    pair.nodes[0]!.doWork();
    pair.clients[0]!.poll();
  }
  assert.is(put.status, Status.INDEX_FULL);
});

test.run();
