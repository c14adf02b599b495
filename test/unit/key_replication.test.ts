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
import type { CellId } from "../../lib/core/brands.ts";
import { HOLDER_MASK, MOVING } from "../../lib/routing/ownership.ts";
import { FarPair } from "../support/far_pair.ts";
import { interruptAt } from "../support/sim_duel.ts";

const BACKLOG_BYTES = 64 * 1024;
const KEY = "key";
const CELL = 0 as CellId;
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

test.run();
