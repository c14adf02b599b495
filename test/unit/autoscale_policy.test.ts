/**
 * The policy's table, row by row; its boundaries; what holds a decision back; and what must be so
 * whatever was measured.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  decide,
  judge,
  type PolicyDecision,
  type PolicyWindow,
} from "../../lib/mnode/autoscale_policy.ts";
import { type Random, seeded } from "../support/random.ts";
import { SETTINGS, WINDOW_MS, windowOf, type WindowParts } from "../support/statistics_windows.ts";

const SLOW = { meanMicros: 250, p99Micros: 500 };
/** One of 21 keys takes most of the requests: mean 66.7, sd 209, so the bound for hot is 693. */
const ONE_HOT = [{ count: 1000, meanMicros: 150 }, ...new Array<number>(20).fill(20)];
const EVEN = new Array<number>(21).fill(50);

/** What it is about, the window, the row that applies, and what it does. */
const TABLE: readonly [string, WindowParts, string, unknown?][] = [
  // Row 1: violated, all above the upper bound.
  ["mean too long, one KN busy", { ...SLOW, occupancies: [0.9] }, "add-node"],
  ["mean too long, all KNs busy", { ...SLOW, occupancies: [0.21, 0.9, 0.3] }, "add-node"],
  ["p99 too long, all KNs busy", { p99Micros: 1001, occupancies: [0.3] }, "add-node"],
  ["a hot key, but all KNs busy", { ...SLOW, occupancies: [0.3, 0.3], keys: ONE_HOT }, "add-node"],
  // Row 2: violated, some KN not above the upper bound, a key above mean + 3 sd.
  [
    "one KN is busy with a hot key",
    { ...SLOW, occupancies: [0.9, 0.05], keys: ONE_HOT },
    "replicate-key",
    { hash: 0, owners: 2 },
  ],
  [
    "the factor is the ratio of the key's latency to the SLO",
    {
      ...SLOW,
      occupancies: [0.9, 0.1, 0.1, 0.1],
      keys: [{ count: 1000, meanMicros: 290 }, ...ONE_HOT.slice(1)],
    },
    "replicate-key",
    { hash: 0, owners: 3 },
  ],
  [
    "the factor counts from the owners that there are",
    {
      ...SLOW,
      occupancies: [0.9, 0.1, 0.1, 0.1],
      keys: ONE_HOT,
      replicated: [[0, 2]],
    },
    "replicate-key",
    { hash: 0, owners: 3 },
  ],
  [
    "no more owners than KNs",
    {
      ...SLOW,
      occupancies: [0.9, 0.1],
      keys: [{ count: 1000, meanMicros: 9000 }, ...ONE_HOT.slice(1)],
    },
    "replicate-key",
    { hash: 0, owners: 2 },
  ],
  [
    "a key that was not timed is as slow as all",
    { ...SLOW, occupancies: [0.9, 0.1, 0.1, 0.1], keys: [1000, ...ONE_HOT.slice(1)] },
    "replicate-key",
    { hash: 0, owners: 3 },
  ],
  ["a hot key with all KNs as owners", {
    ...SLOW,
    occupancies: [0.9, 0.1],
    keys: ONE_HOT,
    replicated: [[0, 2]],
  }, "none"],
  ["no key is hot", { ...SLOW, occupancies: [0.9, 0.05], keys: EVEN }, "none"],
  ["a count that may be other keys'", {
    ...SLOW,
    occupancies: [0.9, 0.05],
    keys: [{ count: 1000, error: 500 }, ...ONE_HOT.slice(1)],
  }, "none"],
  ["a single KN has nobody to share with", {
    ...SLOW,
    occupancies: [0.1],
    keys: ONE_HOT,
  }, "none"],
  // Row 3: met, some KN below the lower bound.
  [
    "fast, and the second KN has least to do",
    { occupancies: [0.4, 0.05, 0.1] },
    "remove-node",
    { node: 1 },
  ],
  ["fast, and all KNs have enough to do", { occupancies: [0.4, 0.16] }, "none"],
  // Row 2, of which writes are left out: they follow each other, however many own the key.
  ["a hot key that is written half of the time", {
    ...SLOW,
    occupancies: [0.9, 0.05],
    keys: [{ count: 1000, writeCount: 500, meanMicros: 150 }, ...ONE_HOT.slice(1)],
  }, "none"],
  [
    "a hot key that is written now and then",
    {
      ...SLOW,
      occupancies: [0.9, 0.05],
      keys: [{ count: 1000, writeCount: 250, meanMicros: 150 }, ...ONE_HOT.slice(1)],
    },
    "replicate-key",
    { hash: 0, owners: 2 },
  ],
  ["writes are a share of what is certainly the key's", {
    ...SLOW,
    occupancies: [0.9, 0.05],
    keys: [{ count: 1000, error: 400, writeCount: 200, meanMicros: 150 }, ...ONE_HOT.slice(1)],
  }, "none"],
  [
    "a shared key that is written half of the time by now",
    {
      ...SLOW,
      occupancies: [0.9, 0.05],
      keys: [{ count: 1000, writeCount: 500, meanMicros: 150 }, ...ONE_HOT.slice(1)],
      replicated: [[0, 2]],
    },
    "dereplicate-key",
    { hash: 0 },
  ],
  ["a shared key that is written somewhat more than those that come to be shared", {
    ...SLOW,
    occupancies: [0.9, 0.05],
    keys: [{ count: 1000, writeCount: 300, meanMicros: 150 }, ...ONE_HOT.slice(1)],
    replicated: [[0, 2]],
  }, "none"],
  // Row 4: a shared key below mean - 1 sd, whatever else is.
  [
    "a shared key that nobody uses",
    { occupancies: [0.18, 0.18], keys: EVEN, replicated: [[99, 2]] },
    "dereplicate-key",
    { hash: 99 },
  ],
  [
    "a shared key that is used little",
    { occupancies: [0.18, 0.18], keys: [1, ...EVEN], replicated: [[0, 2]] },
    "dereplicate-key",
    { hash: 0 },
  ],
  ["the same, and the SLO violated", {
    ...SLOW,
    occupancies: [0.9, 0.05],
    keys: [1, ...EVEN],
    replicated: [[0, 2]],
  }, "dereplicate-key"],
  ["a shared key like the others", {
    occupancies: [0.18, 0.18],
    keys: EVEN,
    replicated: [[3, 2]],
  }, "none"],
  ["the rows above come first", {
    occupancies: [0.4, 0.05],
    keys: EVEN,
    replicated: [[99, 2]],
  }, "remove-node"],
  // Boundaries: a bound itself is not beyond it.
  ["exactly the SLO", { meanMicros: 100, p99Micros: 1000, occupancies: [0.9] }, "none"],
  ["exactly the upper bound", { ...SLOW, occupancies: [0.2] }, "none"],
  ["just above it", { ...SLOW, occupancies: [0.2001] }, "add-node"],
  ["exactly the lower bound", { occupancies: [0.15, 0.9] }, "none"],
  ["just below it", { occupancies: [0.1499, 0.9] }, "remove-node", { node: 0 }],
  ["exactly as many samples as needed", {
    ...SLOW,
    sampledCount: 32,
    occupancies: [0.9],
  }, "add-node"],
  ["exactly mean + 3 sd", { ...SLOW, occupancies: [0.1, 0.9], keys: [50, 50, 50] }, "none"],
  ["exactly mean - 1 sd", {
    occupancies: [0.18, 0.18],
    keys: [40, 60],
    replicated: [[0, 2]],
  }, "none"],
  // Nothing, and too little.
  [
    "no requests at all",
    {
      meanMicros: undefined,
      p99Micros: undefined,
      sampledCount: 0,
      occupancies: [0, 0],
    },
    "remove-node",
    { node: 0 },
  ],
  ["no requests, one KN", {
    meanMicros: undefined,
    p99Micros: undefined,
    sampledCount: 0,
    occupancies: [0],
  }, "none"],
  ["no requests, and a shared key", {
    meanMicros: undefined,
    p99Micros: undefined,
    sampledCount: 0,
    occupancies: [0],
    replicated: [[1, 2]],
  }, "none"],
  ["too few samples to add for", { ...SLOW, sampledCount: 31, occupancies: [0.9] }, "none"],
  [
    "too few samples keep no KN",
    {
      ...SLOW,
      sampledCount: 31,
      occupancies: [0.01, 0.02],
    },
    "remove-node",
    { node: 0 },
  ],
  ["no KNs known", { occupancies: [] }, "none"],
  // The ends of the range.
  ["a hopeless SLO: all the KNs there may be", {
    ...SLOW,
    occupancies: [1, 1, 1, 1],
  }, "none"],
  ["one KN is the fewest", { occupancies: [0] }, "none"],
  // A KN that was started within the window says nothing yet.
  ["a new KN, and slow", { ...SLOW, occupancies: [0.9, undefined] }, "none"],
  ["a new KN, and idle", { occupancies: [0, undefined] }, "none"],
];

for (const [name, parts, row, does] of TABLE) {
  test(`the table: ${name}: ${row}`, () => {
    const { action, row: found, reason } = judge(windowOf(parts), SETTINGS);
    assert.is(found, row, reason);
    assert.is(action?.kind ?? "none", row);
    assert.ok(reason.length > 10, "it says why");
    if (does === undefined) return;
    const hash = action !== undefined && "key" in action ? action.key.hash : undefined;
    assert.equal({ hash, ...action, kind: undefined, key: undefined }, {
      hash: undefined,
      kind: undefined,
      key: undefined,
      ...does,
    });
  });
}

test("an SLO of one kind only looks at that kind", () => {
  const settings = { ...SETTINGS, meanMicrosMax: Infinity };
  assert.is(judge(windowOf({ meanMicros: 1e6, occupancies: [0.9] }), settings).slo, "met");
  const verdict = judge(windowOf({ p99Micros: 1e6, occupancies: [0.9] }), settings);
  assert.is(verdict.row, "add-node");
  assert.match(verdict.reason, /p99 1000000\.0 us of 1000 us/);
  assert.not.match(verdict.reason, /mean/);
});

const BUSY: WindowParts = { ...SLOW, occupancies: [0.9] };

function decideFrom(
  parts: readonly WindowParts[],
  changedMs?: number,
  settings = SETTINGS,
): PolicyDecision {
  return decide(parts.map((part, number) => windowOf({ number, ...part })), changedMs, settings);
}

test("hysteresis: the same has to be called for in as many windows as there are confirmations", () => {
  for (const confirmations of [1, 2, 3]) {
    const settings = { ...SETTINGS, confirmations };
    for (let count = 1; count <= 4; count++) {
      const decision = decideFrom(new Array<WindowParts>(count).fill(BUSY), undefined, settings);
      const expected = count < confirmations ? "confirmation" : undefined;
      assert.is(decision.heldBy, expected, `${count} of ${confirmations}`);
      assert.is(decision.row, "add-node");
    }
  }
});

test("hysteresis: a window that calls for nothing, or for something else, begins it again", () => {
  assert.is(decideFrom([BUSY, {}, BUSY]).heldBy, "confirmation");
  assert.is(decideFrom([BUSY, { occupancies: [0.01, 0.9] }, BUSY]).heldBy, "confirmation");
  assert.is(decideFrom([BUSY, {}, BUSY, BUSY]).heldBy, undefined);
});

test("hysteresis: the least occupied KN may be another one, a hot key may not", () => {
  const idle = decideFrom([{ occupancies: [0.01, 0.02] }, { occupancies: [0.02, 0.01] }]);
  assert.is(idle.heldBy, undefined);
  assert.equal(idle.action, { kind: "remove-node", node: 1 }, "by the newest window");
  const hot = { ...SLOW, occupancies: [0.9, 0.01] };
  const keys = [...ONE_HOT].reverse();
  assert.is(decideFrom([{ ...hot, keys: ONE_HOT }, { ...hot, keys }]).heldBy, "confirmation");
  assert.is(decideFrom([{ ...hot, keys }, { ...hot, keys }]).heldBy, undefined);
});

test("grace: nothing is done until it has passed, to the millisecond", () => {
  const settings = { ...SETTINGS, graceMs: 3000 };
  const windows = new Array<WindowParts>(5).fill(BUSY);
  // The newest window ends at 5000.
  assert.is(decideFrom(windows, 2001, settings).heldBy, "grace");
  assert.is(decideFrom(windows, 2000, settings).heldBy, undefined);
  assert.is(decideFrom(windows, undefined, settings).heldBy, undefined);
});

test("grace: what was measured before the change does not count, however short it is", () => {
  const settings = { ...SETTINGS, graceMs: 0 };
  const windows = new Array<WindowParts>(5).fill(BUSY);
  // The two newest windows begin at 3000 and 4000.
  assert.is(decideFrom(windows, 3001, settings).heldBy, "confirmation");
  assert.is(decideFrom(windows, 3000, settings).heldBy, undefined);
});

test("without a window there is nothing to decide", () => {
  const { row, action, heldBy } = decide([], undefined, SETTINGS);
  assert.equal([row, action, heldBy], ["none", undefined, undefined]);
});

function randomWindow(random: Random, number: number, nodes: number): PolicyWindow {
  const share = () => random.below(20) === 0 ? undefined : random.next() ** 2;
  const hasRequests = random.below(5) > 0;
  return windowOf({
    number,
    occupancies: Array.from({ length: nodes }, share),
    meanMicros: hasRequests ? random.next() * 200 : undefined,
    p99Micros: hasRequests ? random.next() * 2000 : undefined,
    sampledCount: hasRequests ? random.below(200) : 0,
    keys: Array.from({ length: random.below(64) }, () => random.below(1000) ** 2),
    replicated: Array.from({ length: random.below(3) }, () => [random.below(80), 2] as const),
  });
}

test(
  "whatever is measured: KNs stay within the range, one change per grace period, the same windows the same decision",
  seeded((random) => {
    for (let run = 0; run < 60; run++) {
      const min = random.between(1, 4);
      const settings = {
        ...SETTINGS,
        min,
        max: random.between(min, 8),
        graceMs: random.below(4) * 1500,
        confirmations: random.between(1, 3),
      };
      let nodes = random.between(settings.min, settings.max);
      let changedMs: number | undefined;
      const windows: PolicyWindow[] = [];
      for (let number = 0; number < 100; number++) {
        windows.push(randomWindow(random, number, nodes));
        if (windows.length > 4) windows.shift();
        const before = JSON.stringify(windows);
        const decision = decide(windows, changedMs, settings);
        const again = decide(windows, changedMs, settings);
        assert.is(JSON.stringify(again), JSON.stringify(decision), "pure");
        assert.is(JSON.stringify(windows), before, "it changes nothing");
        assert.is(decision.row === "none", decision.action === undefined);
        if (decision.action === undefined || decision.heldBy !== undefined) continue;
        const nowMs = (number + 1) * WINDOW_MS;
        assert.ok(changedMs === undefined || nowMs >= changedMs + settings.graceMs, "grace");
        if (decision.action.kind === "add-node") nodes += 1;
        if (decision.action.kind === "remove-node") nodes -= 1;
        assert.ok(nodes >= settings.min && nodes <= settings.max, `${nodes} KNs`);
        changedMs = nowMs;
      }
    }
  }),
);

test.run();
