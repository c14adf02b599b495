/**
 * The reader's side of a race with the owner of all slots.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { NO_ADDRESS } from "../../lib/core/brands.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { GATE_NODE_COUNT } from "../../lib/pool/control_layout.ts";
import { History, type HistoryPlan } from "./outcome_history.ts";
import type { OwnerReport } from "./outcome_owner.ts";
import { type Opponent, race } from "./outcome_race.ts";
import { mixBelow } from "./outcome_random.ts";
import { type FixtureSizes, PoolFixture } from "./pool_fixture.ts";

/** A race of this thread's reads against an owner and others. */
export interface HistoryRace {
  readonly name: string;
  readonly sizes: FixtureSizes;
  readonly plan: HistoryPlan;
  readonly writes: number;
  readonly reads: number;
  /** Opponents beside the owner: they are given the pool. */
  readonly others?: readonly { readonly name: string; readonly quota: number }[];
}

/** What a race came to. */
export interface HistoryRaceReport {
  readonly fixture: PoolFixture;
  readonly owner: OwnerReport;
  readonly others: readonly unknown[];
  readonly foundCount: number;
  readonly retryCount: number;
}

/** Runs the race: every read is checked, and at the end the whole pool is. */
export async function raceHistory(options: HistoryRace): Promise<HistoryRaceReport> {
  const { name, sizes, plan, writes, reads, others = [] } = options;
  const fixture = new PoolFixture(sizes);
  const { pool } = fixture;
  pool.control[GATE_NODE_COUNT] = 1;
  const history = new History(plan);
  const reader = new OneSidedReader(pool, () => 0);
  let foundCount = 0;
  const opponents: Opponent[] = [
    { name: "owner", quota: writes, data: { pool: pool.handle, plan } },
    ...others.map((other) => ({ ...other, data: { pool: pool.handle } })),
  ];
  const [owner, ...rest] = await race(name, opponents, reads, (turns) => {
    while (turns.next()) {
      const key = mixBelow(turns.count, 12, history.keyCount);
      if (history.checkRead(reader, key, fixture.keys)) foundCount += 1;
    }
  });
  assert.ok(foundCount > reads / 10, `${foundCount} reads found something`);
  checkAtRest(fixture, history);
  const { retryCount } = reader;
  return { fixture, owner: owner as OwnerReport, others: rest, foundCount, retryCount };
}

/**
 * When nobody writes any more, every key is what its last operation made of it, and the live bytes
 * are those of the keys.
 */
function checkAtRest(fixture: PoolFixture, history: History): void {
  let liveBytes = 0;
  for (let key = 0; key < history.keyCount; key++) {
    const last = history.endedNumber(key);
    const encoder = history.encode(key, fixture.keys);
    const isFound = fixture.reader.read(encoder, true);
    assert.is(isFound, last > 0 && !history.isDelete(last), `key ${key} after operation ${last}`);
    if (!isFound) continue;
    const { value, valueBytes } = fixture.reader;
    assert.equal(Uint8Array.from(value.subarray(0, valueBytes)), history.value(key, last).slice());
    const slotAt = fixture.slotAt(encoder.hash);
    const address = fixture.table.find(slotAt, encoder.hash, encoder.words, 0, encoder.byteLength);
    assert.is.not(address, NO_ADDRESS);
    liveBytes += fixture.recordBytes(address);
  }
  assert.is(fixture.segments.liveBytesTotal(), liveBytes, "live bytes are those of the keys");
}
