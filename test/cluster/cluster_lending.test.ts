/**
 * Keys of which owners lend copies, in simulated time: nodes, connections and carriers as they are,
 * over a simulated engine, while nodes and threads stand still, are cut off and killed, and slots
 * move. What threads see is linearizable, and each thread finds its own changes. And the parts by
 * themselves.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AnswerTurns } from "../../lib/cluster/client/lent_copies.ts";
import { COPIES, KeyMeter } from "../../lib/cluster/node/key_meter.ts";
import type { Borrower } from "../../lib/cluster/node/borrower.ts";
import { COPY_BYTES_MAX, LentKeys } from "../../lib/cluster/node/lent_keys.ts";
import { type LogRecord, NO_ORIGIN } from "../../lib/cluster/messages/log_codec.ts";
import type { ClusterRequest } from "../../lib/cluster/node/requests.ts";
import { nextTurn } from "../../lib/platform/runtime.ts";
import { getOf, hasOf, putOf } from "../support/cluster/cluster_requests.ts";
import { ExploredLending, type LendingBounds } from "../support/cluster/explored_lending.ts";
import { ALL_COPIES, type LendingPlan, simulateLending } from "../support/cluster/sim_lending.ts";
import { ToldClock } from "../support/cluster/told_engine.ts";
import { CAMPAIGN_FACTOR, runtimeShare } from "../support/campaign.ts";
import { explore } from "../support/explorer.ts";
import type { Random } from "../support/random.ts";
import { forEachSeedInTurn } from "../support/sim_seeds.ts";

/** @param copiedMin reads that copies answer in a run, on average, at least */
async function checkEach(
  runs: number,
  plan: Omit<LendingPlan, "seed">,
  copiedMin = 10,
): Promise<void> {
  let copied = 0;
  const count = await forEachSeedInTurn(runs, async (seed) => {
    const { violation, copiedReads } = await simulateLending({ seed, ...plan });
    assert.is(violation, undefined);
    copied += copiedReads;
  });
  assert.ok(count === 1 || copied >= copiedMin * count, `${copied} reads from copies`);
}

/** They would be lent for longer than a lease is. */
const LONG_COPIES = { ...ALL_COPIES, lentMs: 3000 };

/** Rates that differ as much as they may. */
function extremeRates(random: Random) {
  const monotonic = random.pick([0.955, 1.04]);
  return { monotonic, epoch: monotonic };
}

test("what threads see is linearizable, whatever goes wrong", async () => {
  await checkEach(8, {
    nemeses: [
      ...["suspend node", "freeze node", "cut node", "kill node", "move", "leave"] as const,
      ...["suspend thread", "freeze thread", "hold wires", "cut wire"] as const,
    ],
  });
});

test("changes wait for copies that are not returned, and no copy is used for longer", async () => {
  const nemeses = [
    ...["suspend thread", "freeze thread", "hold wires", "hold wires", "cut wire"] as const,
  ];
  await checkEach(8, { nemeses, ratesOf: extremeRates });
});

test("slots that move, and owners that leave, have no copies any more", async () => {
  const nemeses = ["move", "move", "leave", "hold wires", "suspend thread"] as const;
  await checkEach(8, { nemeses });
  const partsOf = () => ({ copies: LONG_COPIES });
  await checkEach(8, { nemeses: ["hold reader, move"], partsOf });
  await checkEach(8, { nemeses: ["hold reader, leave"], partsOf });
});

test("threads that stood still, and their clocks, use no copy that is over", async () => {
  await checkEach(8, { nemeses: ["freeze thread"] });
});

test("copies of owners that are cut off or killed end before their leases", async () => {
  const nemeses = ["cut node", "kill node", "kill node"] as const;
  const partsOf = () => ({ copies: LONG_COPIES });
  await checkEach(8, { nemeses, partsOf }, 1);
});

test("what expires is gone for all, though time is set and clocks differ", async () => {
  const nemeses = ["set clock", "set clock", "set clock", "hold wires"] as const;
  await checkEach(8, { nemeses, expires: true, partsOf: () => ({ copies: LONG_COPIES }) });
});

test("what is found late is not lent", async () => {
  const index = { cacheBytes: 400, pageBytes: 120, checkpointMs: 300, tailBytes: 300 };
  const nemeses = ["hold wires", "suspend thread"] as const;
  await checkEach(6, { nemeses, changesOneIn: 3, partsOf: () => ({ index }) }, 1);
});

test("the checker finds threads whose clocks are slower than the margin allows", async () => {
  const nemeses = ["hold wires", "suspend thread", "cut wire"] as const;
  let isFound = false;
  for (let seed = 1; seed <= 30 && !isFound; seed++) {
    const ratesOf = (random: Random) => {
      const monotonic = random.pick([0.4, 1]);
      return { monotonic, epoch: monotonic };
    };
    isFound = (await simulateLending({ seed, nemeses, ratesOf })).violation !== undefined;
  }
  assert.ok(isFound);
});

/** As slow as the margin allows. */
const LENDING: LendingBounds = {
  ...{ reads: 1, changes: 1, ticks: 3, cuts: 0, next: "none", rate: 0.91 },
};
const EXPLORED: readonly LendingBounds[] = [
  LENDING,
  { ...LENDING, ticks: 2, next: "given" },
  { ...LENDING, ticks: 4, next: "taken" },
];
/** What is too much to be tried in each run. */
const WIDE: readonly LendingBounds[] = [
  { ...LENDING, reads: 2, ticks: 2, cuts: 1 },
  { ...LENDING, changes: 2, next: "given" },
];

test("whoever may answer from a copy has what the key holds, in every interleaving", async () => {
  const cases = [...runtimeShare(EXPLORED), ...(CAMPAIGN_FACTOR > 1 ? WIDE : [])];
  for (const bounds of cases) {
    const { isWhole, ends, states } = await explore(() => new ExploredLending(bounds));
    assert.ok(isWhole && ends > 1 && states > 1000, `${states} states, ${ends} ends`);
  }
});

test("a thread whose clock is slower than the margin allows is found", async () => {
  let found = "";
  await explore(() => new ExploredLending({ ...LENDING, rate: 0.5 }))
    .catch(({ message }: Error) => found = message);
  assert.match(found, /^I4: thread . may answer 1, and the key holds 2/);
});

const TIMES = { leaseMs: 1000, marginMs: 100 };
const VALUE = new Uint8Array([1]);

function recordOf({ key }: ClusterRequest, parts: Partial<LogRecord> = {}): LogRecord {
  return { key, version: 1, value: VALUE, expiresAtMs: Infinity, origin: NO_ORIGIN, ...parts };
}

/** What a node has lent, and what it depends on. */
function lending() {
  const clock = new ToldClock();
  const state = { leaseLeftMs: 900, isChanging: false, endedCount: 0 };
  const lent = new LentKeys({
    clock,
    times: TIMES,
    settings: { lentMs: 100, readsMin: 0, shareMin: 0, readsPerCopy: 0 },
    leaseLeftMs: () => state.leaseLeftMs,
    isChanging: () => state.isChanging,
    ended: () => state.endedCount += 1,
  });
  const borrow = () => {
    const asked: (() => void)[] = [];
    const borrower = {
      isReturning: false,
      recall: (_: number, done: () => void) => asked.push(done),
    };
    return { borrower: borrower as Borrower & { isReturning: boolean }, asked };
  };
  const lend = (borrower: Borrower, parts: Partial<LogRecord> = {}) => {
    const request = { ...getOf("key"), borrower };
    lent.count(request);
    return lent.lend(request, recordOf(request, parts));
  };
  return { clock, state, lent, borrow, lend, hash: getOf("key").hash };
}

test("a copy is for less than what is waited for, and never for longer than the lease and the key", () => {
  const { clock, state, lend, borrow } = lending();
  const { borrower } = borrow();
  assert.is(lend(borrower), 90);
  state.leaseLeftMs = 50;
  assert.is(lend(borrower), 45);
  state.leaseLeftMs = 0;
  assert.is(lend(borrower), 0);
  state.leaseLeftMs = 900;
  assert.is(lend(borrower, { expiresAtMs: clock.epochMs() + 20 }), 18);
  assert.is(lend(borrower, { expiresAtMs: clock.epochMs() + 1 }), 0);
});

test("nothing is lent that may be changed, is large, or of which not everybody has returned others", () => {
  const { state, lent, lend, borrow, hash } = lending();
  const { borrower, asked } = borrow();
  state.isChanging = true;
  assert.is(lend(borrower), 0);
  state.isChanging = false;
  assert.is(lend(borrower, { value: new Uint8Array(COPY_BYTES_MAX + 1) }), 0);
  borrower.isReturning = true;
  assert.is(lend(borrower), 0);
  borrower.isReturning = false;
  assert.ok(lend(borrower) > 0);
  assert.is(lent.recall(hash), true);
  assert.is(lend(borrow().borrower), 0, "it has been asked back");
  asked[0]!();
  assert.ok(lend(borrow().borrower) > 0);
  const has = { ...hasOf("key"), borrower };
  assert.is(lent.lend(has, recordOf(has)), 0, "it has not read the value");
});

test("copies are asked back once, and are over when all are returned, or in time", () => {
  const { clock, state, lent, lend, borrow, hash } = lending();
  const [a, b] = [borrow(), borrow()];
  assert.is(lent.recall(hash), false);
  lend(a.borrower);
  clock.pass(50);
  lend(b.borrower);
  assert.is(lent.recall(hash), true);
  assert.is(lent.recall(hash), true);
  assert.equal([a.asked.length, b.asked.length], [1, 1]);
  a.asked[0]!();
  assert.equal([lent.isLent(hash), state.endedCount], [true, 0]);
  b.asked[0]!();
  assert.equal([lent.isLent(hash), state.endedCount], [false, 1]);
  lend(a.borrower);
  assert.is(lent.recall(hash), true);
  clock.pass(99);
  assert.is(lent.isLent(hash), true);
  clock.pass(1);
  assert.is(lent.isLent(hash), false);
});

test("copies of some slots, or of all, are asked back, and there is room for others then", () => {
  const { clock, lent, borrow } = lending();
  const { borrower, asked } = borrow();
  const requests = Array.from({ length: 80 }, (_, i) => ({ ...getOf(`key ${i}`), borrower }));
  const lendAll = () =>
    requests.filter((request) => {
      lent.count(request);
      return lent.lend(request, recordOf(request)) > 0;
    }).length;
  assert.is(lendAll(), 64, "the bound");
  const slot = requests[0]!.hash >>> 20;
  assert.is(lent.recallAll(new Map([[slot, 1]])), true);
  assert.ok(asked.length >= 1 && asked.length < 64);
  assert.is(lent.recallAll(), true);
  assert.is(asked.length, 64);
  clock.pass(100);
  assert.is(lent.recallAll(), false);
  assert.is(lendAll(), 64);
});

test("a key that is lent has not expired, whatever the time of day is set to", () => {
  const { clock, lent, lend, borrow, hash } = lending();
  const record = recordOf(putOf("key", VALUE), { expiresAtMs: clock.epochMs() + 60 });
  const isThere = () => lent.isThere(record, hash, clock.epochMs() + 1e6);
  assert.is(isThere(), false);
  assert.is(lend(borrow().borrower, record), 54);
  assert.is(isThere(), true);
  clock.pass(60);
  assert.is(isThere(), false);
});

test("a key is worth copies while it is read far more often than it is changed, and than others", () => {
  const meter = new KeyMeter(COPIES, 0);
  const isWorth = (copies: number) => meter.isWorth(1, copies);
  const read = (count: number, nowMs: number) => meter.count(1, count, 0, nowMs);
  read(COPIES.readsMin - 1, 0);
  assert.is(isWorth(1), false, "too few reads");
  read(1, 0);
  assert.equal([isWorth(1), isWorth(6), isWorth(7)], [true, true, false]);
  meter.count(1, 0, 5, 0);
  assert.is(isWorth(1), true, "16 reads for each change");
  meter.count(1, 0, 1, 0);
  assert.is(isWorth(1), false, "written too often");
  read(1000, 0);
  assert.is(isWorth(1), true);
  for (let other = 2; other < 1000; other++) meter.count(other, 40, 0, 0);
  assert.is(isWorth(1), false, "a small share of all");
  read(1, 10_000);
  assert.is(isWorth(1), false, "that was long ago");
  read(COPIES.readsMin, 10_000);
  assert.is(isWorth(1), true, "there is room for it");
});

test("who reads copies without an end gives the event loop its turns, and who reads few waits for none", async () => {
  let nowMs = 0;
  let readMs = 0.1;
  let told = 0;
  let isReading = true;
  const turns = new AnswerTurns({ monotonicMs: () => nowMs }, () => {
    told += 1;
    nowMs += readMs;
    // The program reads again when it is told, in the same turn.
    if (isReading && told < 10_000) turns.answered();
  });
  for (let turn = 0; turn < 4; turn++) {
    const before = told;
    turns.answered();
    await nextTurn();
    assert.ok(told - before > 1 && told - before < 200, `${told - before} reads in a turn`);
  }
  isReading = false;
  await nextTurn();
  await nextTurn();
  readMs = 1000;
  for (let read = 0; read < 100; read++) {
    const before = told;
    turns.answered();
    await Promise.resolve().then(() => {});
    assert.is(told, before + 1, "in the same turn");
    await nextTurn();
  }
});

test.run();
