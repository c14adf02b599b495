/**
 * Threads that die while they drop records, at every access to shared memory: the cleaner of a DPM
 * processor, and the hand of a KN that keeps the number of keys within its bound. What is left is
 * repaired by the M-node, and everything goes on: no key is there twice, or comes back; counts are
 * right, and each segment can be cleaned.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SlotWriter } from "../../lib/agent/slot_writer.ts";
import { NO_ADDRESS, type NodeId, type Slot } from "../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { EntryBound } from "../../lib/node/entry_bound.ts";
import { AgentCounters } from "../../lib/pool/agent_counters.ts";
import { AGENT_DPM, ENTRIES_MAX } from "../../lib/pool/control_layout.ts";
import { recoverProcessor } from "../../lib/recovery/step_recovery.ts";
import { repairPool } from "../../lib/recovery/reconciliation.ts";
import { createRing } from "../../lib/rings/ring_layout.ts";
import { initialiseOwner } from "../../lib/routing/ownership.ts";
import { ALL_SLOTS, droppedCount, evictingFixture } from "../support/evicting_pool.ts";
import { type PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { dieAt } from "../support/sim_death.ts";
import { checkPool } from "../support/sim_pool_check.ts";
import { SHARE_COUNT, SHARE_FIRST } from "../support/campaign.ts";

/** Three records fill a segment, so that few steps pass one. */
const LENGTH = 1200;
const KEY_COUNT = 36;
const SEGMENT_COUNT = 16;
const NODE = 0 as NodeId;
/** Most keys, where they are bounded: so many that only the hand that is tested finds too many. */
const MANY = 1_000_000;
const FEW = 20;

/** A pool in which some records were read. */
function filled(entriesMax: number): PoolFixture {
  const f = evictingFixture(SEGMENT_COUNT, entriesMax);
  for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(f.pool, slot as Slot, NODE);
  for (let i = 0; i < KEY_COUNT; i++) {
    assert.ok(f.put(`key ${i}`, valueOf(i, LENGTH), undefined, i % 4 === 0 ? 1e9 : Infinity));
    if (i % 3 === 0) f.get(`key ${i}`);
  }
  return f;
}

/** Does what the M-node does after an agent has died in a step. */
function repair(f: PoolFixture, agent: number): void {
  const report = recoverProcessor(f.pool, agent, undefined);
  const ringOf = () => createRing(8192, 8);
  assert.ok(repairPool({ pool: f.pool, deaths: [{ agent, report }], ringOf }));
}

/** Every key is as it was put, or gone; returns how many are there. */
function checkKeys(f: PoolFixture): number {
  let count = 0;
  for (let i = 0; i < KEY_COUNT; i++) {
    const found = f.get(`key ${i}`);
    if (found === undefined) continue;
    assert.equal(found.value, valueOf(i, LENGTH), `key ${i}`);
    count += 1;
  }
  return count;
}

function cleanerOf(f: PoolFixture): Cleaner {
  const log = new LogWriter(f.pool, f.segments, AGENT_DPM);
  log.resume();
  return new Cleaner(f.pool, f.segments, f.table, log, () => f.nowMs);
}

test("the cleaner dies at any access, and another one goes on", () => {
  let deaths = 0;
  let droppedAtDeath = 0;
  for (let at = SHARE_FIRST;; at += SHARE_COUNT) {
    const f = filled(MANY);
    const cleaner = cleanerOf(f);
    // The second victim needs higher counts, as nothing has been gained until then.
    const hasDied = dieAt(at, () => {
      for (let i = 0; i < 4; i++) cleaner.doWork();
    });
    if (!hasDied) break;
    deaths += 1;
    droppedAtDeath += droppedCount(f.pool);
    repair(f, AGENT_DPM);
    checkPool(f.pool, ALL_SLOTS, { mayCountTooMuch: true });
    const left = checkKeys(f);
    // Everything is passed once: what was counted too much by the dead is found to be nobody's.
    const other = cleanerOf(f);
    for (let i = 0; i < 2 * SEGMENT_COUNT; i++) other.cleanOne();
    other.abandon();
    f.log.seal();
    checkPool(f.pool, ALL_SLOTS);
    assert.ok(checkKeys(f) <= left);
    assert.ok(f.put("new", valueOf(1, LENGTH)), "there is room");
  }
  assert.ok(deaths > 200 / SHARE_COUNT, `${deaths} deaths`);
  assert.ok(droppedAtDeath > 0);
});

test("the hand of a KN dies at any access, and another one goes on", () => {
  let deaths = 0;
  for (let at = SHARE_FIRST;; at += SHARE_COUNT) {
    const f = filled(FEW);
    const slots = new SlotWriter(f.pool, f.table, f.segments, () => f.nowMs);
    const counters = new AgentCounters(f.pool, NODE);
    const bound = () =>
      EntryBound.of({ pool: f.pool, nodeId: NODE, agent: NODE, table: f.table, slots, counters })!;
    const hasDied = dieAt(at, () => bound().enforce());
    if (!hasDied) {
      assert.is(checkKeys(f), FEW);
      break;
    }
    deaths += 1;
    repair(f, NODE);
    checkPool(f.pool, ALL_SLOTS, { mayCountTooMuch: true });
    bound().enforce();
    assert.ok(checkKeys(f) <= FEW, "the bound holds");
    assert.is(f.pool.control[ENTRIES_MAX], FEW);
    assert.ok(f.find("key 0") === NO_ADDRESS || f.get("key 0") !== undefined);
  }
  assert.ok(deaths > 50 / SHARE_COUNT, `${deaths} deaths`);
});

test.run();
