/**
 * A far KN and slots that leave it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId } from "../../lib/core/brands.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { FarPair } from "../support/far_pair.ts";

const BACKLOG_BYTES = 64 * 1024;
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

test.run();
