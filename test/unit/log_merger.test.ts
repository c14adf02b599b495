/**
 * Mergers of one log that take turns: whoever is next goes on where the log is not merged, in the
 * order in which it was filled.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  NO_ADDRESS,
  type NodeId,
  type PoolAddress,
  type SegmentId,
} from "../../lib/core/brands.ts";
import { MERGE_STEP_RECORDS } from "../../lib/core/limits.ts";
import { abandonMergers, hasUnmerged, loggedEnd, LogMerger } from "../../lib/far/log/log_merger.ts";
import { endDeadMerger } from "../../lib/recovery/merger_recovery.ts";
import { repairPool } from "../../lib/recovery/reconciliation.ts";
import { agentExecutor } from "../../lib/agent/executor.ts";
import { CELL_ADDRESS } from "../../lib/pool/cell_layout.ts";
import { AGENT_MERGERS } from "../../lib/pool/control_layout.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { cellVersion, findCell, pointCell } from "../../lib/routing/cells.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { FarPair } from "../support/far_pair.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { dieAtEveryMoment } from "../support/sim_death.ts";

const AGENT = 0;
/** So much that KNs merge nothing themselves. */
const BACKLOG_BYTES = 64 * 1024;
const FILLER_BYTES = 1000;
const PUTS_MAX = 200;

/** A KN with two mergers of its log. */
class Log {
  readonly pair = new FarPair(BACKLOG_BYTES);
  readonly segments = new SegmentTable(this.pair.pool);
  readonly mergers = [0, 1].map(() =>
    new LogMerger({
      pool: this.pair.pool,
      agent: AGENT,
      clock: () => 1000,
      executor: agentExecutor(AGENT_MERGERS + AGENT),
    })
  );

  /** The segment in which the log ends. */
  get segment(): SegmentId {
    return this.pair.pool.segmentOf((loggedEnd(this.pair.pool, AGENT) - 1) as never);
  }

  put(key: string, length: number): void {
    this.#do(() => this.pair.clients[0]!.put(key, 1, length));
  }

  delete(key: string): void {
    this.#do(() => this.pair.clients[0]!.delete(key));
  }

  #do(issue: () => { status?: number }): void {
    const ending = issue();
    this.pair.nodes[0]!.doWork();
    this.pair.clients[0]!.poll();
    assert.is(ending.status, Status.OK);
  }

  merge(merger: number): void {
    while (this.mergers[merger]!.doWork() > 0);
    assert.is(hasUnmerged(this.pair.pool, AGENT), false);
  }

  /** Ends what a DPM processor has left behind that died while it merged. */
  settle(): void {
    const { pool } = this.pair;
    abandonMergers(pool, AGENT_MERGERS + AGENT);
    const death = endDeadMerger(pool, AGENT, undefined);
    const deaths = death === undefined ? [] : [death];
    const ringOf = (client: number, agent: number) => this.pair.rings[client]![agent]!;
    assert.ok(repairPool({ pool, deaths, ringOf }));
  }

  /** Overwrites a key until something is so. */
  fillUntil(isSo: () => boolean, afterEach: () => void = () => {}): void {
    for (let i = 0; !isSo(); i++) {
      assert.ok(i < PUTS_MAX, "it comes to that");
      this.put("filler", FILLER_BYTES);
      afterEach();
    }
  }
}

test("a segment that was freed and filled again since a merger saw it is not merged before those in front of it", () => {
  const log = new Log();
  for (let i = 0; i <= MERGE_STEP_RECORDS; i++) log.put("filler", 8);
  const { segment } = log;
  assert.is(log.mergers[0]!.doWork(), MERGE_STEP_RECORDS);
  assert.ok(hasUnmerged(log.pair.pool, AGENT), "it has not come to the end of the segment");
  // The other merger merges it to its end, and the KN overwrites all that is in it.
  const isFree = () => log.segments.state(segment) === SegmentState.FREE;
  log.fillUntil(isFree, () => log.merge(1));
  assert.is.not(log.segment, segment);

  log.put("key", 8);
  assert.ok(isFree(), "the put is in the segment in front of it");
  log.fillUntil(() => log.segment === segment);
  log.delete("key");
  assert.is(log.segment, segment);

  log.merge(0);
  const index = PoolFixture.over(log.pair.pool);
  assert.is(index.find("key"), NO_ADDRESS, "the delete was merged after the put");
  assert.is.not(index.find("filler"), NO_ADDRESS);
});

test("whoever dies while it replaces a record leaves counts that can be put right", () => {
  const deaths = dieAtEveryMoment((die) => {
    const log = new Log();
    log.put("key", 8);
    const { segment } = log;
    log.fillUntil(() => log.segments.state(segment) === SegmentState.SEALED, () => log.merge(1));
    log.put("key", 16);
    die(() => log.mergers[0]!.doWork());
    log.settle();
    log.merge(1);
    assert.is(log.segments.state(segment), SegmentState.FREE, "nothing in it is live any more");
  });
  assert.ok(deaths > 20, `${deaths} deaths`);
});

test("mergers take turns within a segment", () => {
  const log = new Log();
  for (const merger of [0, 1, 0]) {
    log.put(`key ${merger}`, 8);
    log.put("key", 8);
    log.delete("key");
    log.merge(merger);
  }
  const index = PoolFixture.over(log.pair.pool);
  assert.is(index.find("key"), NO_ADDRESS);
  assert.is.not(index.find("key 1"), NO_ADDRESS);
});

test("a record that its key's cell does not point at yet waits to be merged", () => {
  const log = new Log();
  const { pool, replication } = log.pair;
  const key = log.pair.encode("key");
  log.put("key", 8);
  log.merge(0);
  log.pair.running = [AGENT as NodeId];
  assert.is(replication.tryReplicate(key, 1), "done");
  log.put("key", 8);
  const cell = findCell(pool, key.hash, key.words, 0, key.byteLength);
  const version = cellVersion(pool, cell);
  const address = Atomics.load(pool.control, pool.cellAt(cell) + CELL_ADDRESS) as PoolAddress;
  pointCell(pool, cell, NO_ADDRESS, version - 1);
  assert.is(log.mergers[0]!.doWork(), 0);
  assert.is(hasUnmerged(pool, AGENT), true);
  pointCell(pool, cell, address, version);
  log.merge(0);
});

test.run();
