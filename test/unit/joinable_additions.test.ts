/**
 * Which additions of one client are one request.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FarPair } from "../support/far_pair.ts";

const BACKLOG_BYTES = 16 * 1024;
/** Steps in which everything ends. */
const STEPS_MAX = 10;

/** Makes additions, and what comes between them; resolves to the sums. */
async function sumsOf(
  expectedRequests: number,
  issue: (pair: FarPair) => Promise<number | undefined>[],
): Promise<(number | undefined)[]> {
  const pair = new FarPair(BACKLOG_BYTES);
  const client = pair.clients[0]!;
  const sums = issue(pair);
  assert.is(client.pendingCount, expectedRequests);
  client.poll();
  for (let step = 0; step < STEPS_MAX && client.pendingCount > 0; step++) {
    for (const node of pair.nodes) node.doWork();
    client.poll();
  }
  assert.is(client.pendingCount, 0);
  return await Promise.all(sums);
}

test("additions of one turn are one request for each key", async () => {
  const sums = sumsOf(
    2,
    ({ clients: [client] }) => ["a", "b", "a", "b", "a"].map((key) => client!.add(key)),
  );
  assert.equal(await sums, [1, 1, 2, 2, 3]);
});

test("an addition does not join one from before a clear of the key's slot", async () => {
  const sums = sumsOf(3, (pair) => {
    const client = pair.clients[0]!;
    const first = client.add("a");
    client.clearSlot(pair.slotOf("a"));
    return [first, client.add("a"), client.add("a")];
  });
  assert.equal(await sums, [1, 1, 2]);
});

test("an addition does not join one that is published", async () => {
  const sums = sumsOf(2, ({ clients: [client] }) => {
    const first = client!.add("a");
    client!.poll();
    return [first, client!.add("a")];
  });
  assert.equal(await sums, [1, 2]);
});

test("an addition does not join one whose place another request has taken", async () => {
  const pair = new FarPair(BACKLOG_BYTES);
  const [client] = pair.clients;
  for (let i = 1; i < 100; i++) {
    const sum = client!.add("a");
    // Another key's request, in a place of its own, from one turn to the next.
    const other = client!.add("b");
    client!.poll();
    for (const node of pair.nodes) node.doWork();
    client!.poll();
    assert.is(await sum, i);
    assert.is(await other, i);
  }
});

test.run();
