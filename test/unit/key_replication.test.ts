/**
 * What the M-node does about replicated keys, and what it leaves behind when it has to wait.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { agentExecutor, enterExecutor, leaveExecutor } from "../../lib/agent/executor.ts";
import { AGENT_DPM, AGENT_EXECUTOR, AGENT_MERGERS } from "../../lib/pool/control_layout.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { loadRoute, NO_ROUTE } from "../../lib/routing/cells.ts";
import { type CellId, NO_ADDRESS } from "../../lib/core/brands.ts";
import { loggedEnd, LogMerger } from "../../lib/far/log/log_merger.ts";
import { HOLDER_MASK, MOVING } from "../../lib/routing/ownership.ts";
import { type Ending, FarPair } from "../support/far_pair.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { interruptAt } from "../support/sim_duel.ts";

const BACKLOG_BYTES = 64 * 1024;
const KEY = "key";
const CELL = 0 as CellId;
/** Requests for a key with two owners that one of them gets, all of them, in practice never. */
const ATTEMPTS_MAX = 50;
const SOMEBODY = agentExecutor(AGENT_DPM);

test("a cell that was closed, and could not be freed at once, is freed later without anybody asking again", () => {
  let closedCount = 0;
  for (let at = 0, isOver = false; !isOver; at++) {
    const pair = new FarPair(BACKLOG_BYTES);
    const { pool, replication, nodes, clients } = pair;
    const [client] = clients;
    const key = pair.encode(KEY);
    assert.is(replication.tryReplicate(key, 2), "done");
    const put = client!.put(KEY, 1);
    const mergersAt = [0, 1].map((agent) => pool.agentAt(AGENT_MERGERS + agent) + AGENT_EXECUTOR);
    let isDone = false;
    // A KN logs a put, and somebody begins to merge it, while the M-node takes the cell away.
    isOver = !interruptAt(at, () => isDone = replication.tryDereplicate(key), () => {
      for (const node of nodes) node.doWork();
      for (const mergerAt of mergersAt) enterExecutor(pool.control, mergerAt, SOMEBODY);
    });
    const route = loadRoute(pool, CELL);
    const isClosed = !isDone && route !== NO_ROUTE && (route & HOLDER_MASK) === MOVING;
    if (isClosed) closedCount += 1;
    for (const mergerAt of mergersAt) {
      if (pool.control[mergerAt] === SOMEBODY) leaveExecutor(pool.control, mergerAt, SOMEBODY);
    }
    replication.tend();
    if (isClosed) assert.is(loadRoute(pool, CELL), NO_ROUTE, `at access ${at}`);
    const read = client!.get(KEY);
    for (let i = 0; i < 3; i++) {
      for (const node of nodes) node.doWork();
      client!.poll();
    }
    assert.is(put.status, Status.OK, `at access ${at}`);
    assert.is(read.value, 1, `at access ${at}`);
  }
  assert.ok(closedCount > 0, "that it had to wait has happened");
});

/**
 * Two owners of a key: one has put it, the other one has deleted it since, and neither log has been
 * merged.
 */
function putAndDeletedByAnother(): { pair: FarPair; putBy: number; deletedBy: number } {
  const pair = new FarPair(BACKLOG_BYTES);
  const { nodes, clients, replication, pool } = pair;
  assert.is(replication.tryReplicate(pair.encode(KEY), 2), "done");
  const owner = (issue: () => Ending): number => {
    const before = [0, 1].map((agent) => loggedEnd(pool, agent));
    const ending = issue();
    for (const node of nodes) node.doWork();
    clients[0]!.poll();
    assert.is(ending.status, Status.OK);
    return [0, 1].findIndex((agent) => loggedEnd(pool, agent) !== before[agent]);
  };
  for (let i = 0; i < ATTEMPTS_MAX; i++) {
    mergeBy(pair, 0);
    mergeBy(pair, 1);
    const putBy = owner(() => clients[0]!.put(KEY, 1));
    const deletedBy = owner(() => clients[0]!.delete(KEY));
    if (putBy !== deletedBy) return { pair, putBy, deletedBy };
  }
  throw new Error("all went to one owner");
}

function mergeBy({ pool }: FarPair, agent: number): void {
  const executor = agentExecutor(AGENT_MERGERS + agent);
  const merger = new LogMerger({ pool, agent, clock: () => 1000, executor });
  while (merger.doWork() > 0);
}

function assertGone({ pool, nodes, clients }: FarPair, when: string): void {
  assert.is(PoolFixture.over(pool).find(KEY), NO_ADDRESS, when);
  const read = clients[0]!.get(KEY);
  for (let i = 0; i < 3; i++) {
    for (const node of nodes) node.doWork();
    clients[0]!.poll();
  }
  assert.is(read.status, 0, when);
  assert.is(read.value, undefined, when);
}

test("what one owner has deleted does not come back when another one's put is merged later", () => {
  const { pair, putBy, deletedBy } = putAndDeletedByAnother();
  mergeBy(pair, deletedBy);
  mergeBy(pair, putBy);
  assertGone(pair, "with the cell");
  assert.ok(pair.replication.tryDereplicate(pair.encode(KEY)));
  assertGone(pair, "without it");
});

test("nor when it is merged after the key has one owner again", () => {
  const { pair, putBy, deletedBy } = putAndDeletedByAnother();
  assert.ok(pair.replication.tryDereplicate(pair.encode(KEY)));
  mergeBy(pair, deletedBy);
  mergeBy(pair, putBy);
  assertGone(pair, "afterwards");
});

test.run();
