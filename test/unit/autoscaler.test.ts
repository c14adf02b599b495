/**
 * The M-node's driver with a clock and windows of the test's own: what it does, when, and what it
 * says about it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ReplicatedKey } from "../../lib/mnode/autoscale_policy.ts";
import {
  type AutoscaleDecision,
  Autoscaler,
  decisionLine,
  type KeyActuator,
} from "../../lib/mnode/autoscaler.ts";
import type { ScaleReport } from "../../lib/mnode/node_manager.ts";
import { SETTINGS, WINDOW_MS, windowOf, type WindowParts } from "../support/statistics_windows.ts";

const BUSY: WindowParts = { meanMicros: 250, occupancies: [0.9] };
const HOT_KEY = {
  meanMicros: 250,
  keys: [1000, ...new Array<number>(20).fill(20)],
} as const;

/** A store of which there is nothing but the number of KNs. */
class Bench {
  readonly autoscaler: Autoscaler;
  readonly decisions: AutoscaleDecision[] = [];
  readonly calls: string[] = [];
  /** Called before something is done. */
  before: () => Promise<void> | void = () => {};
  nodes = 1;
  nowMs = 0;
  #number = 0;

  constructor(
    settings: Partial<typeof SETTINGS> = {},
    parts: { isDryRun?: boolean; keys?: KeyActuator } = {},
  ) {
    this.autoscaler = new Autoscaler({
      settings: { ...SETTINGS, ...settings },
      isDryRun: parts.isDryRun ?? false,
      now: () => this.nowMs,
      nodes: {
        addNode: (from) => this.#resize(`add to ${from}`, from, 1),
        removeNode: (from, node) => this.#resize(`remove ${node} of ${from}`, from, -1),
      },
      keys: parts.keys,
      onDecision: (decision) => this.decisions.push(decision),
    });
  }

  /** A window passes; returns what has come of the decision. */
  async pass(parts: WindowParts): Promise<string> {
    const occupancies = parts.occupancies ?? new Array<number>(this.nodes).fill(0.18);
    const window = windowOf({ ...parts, occupancies, number: this.#number++ });
    this.nowMs = window.endMs;
    await this.autoscaler.step(window);
    return this.decisions.at(-1)!.outcome;
  }

  async #resize(call: string, from: number, by: number): Promise<ScaleReport | undefined> {
    await this.before();
    if (from !== this.nodes) return undefined;
    this.calls.push(call);
    this.nodes += by;
    const to = this.nodes;
    return { from, to, slotsMoved: 1, bytesMoved: 0, startMs: 0, durationMs: 0, longestPauseMs: 0 };
  }
}

function all(share: number, nodes: number): WindowParts {
  return { meanMicros: 250, occupancies: new Array<number>(nodes).fill(share) };
}

test("load comes: KNs are added one by one, each after a grace period, up to the most; it goes: down to the fewest", async () => {
  const bench = new Bench({ min: 1, max: 3, graceMs: 3 * WINDOW_MS });
  const outcomes: string[] = [];
  for (let i = 0; i < 10; i++) outcomes.push(await bench.pass(all(0.9, bench.nodes)));
  assert.equal(outcomes.join(" "), "held done held held done none none none none none");
  assert.equal(bench.calls, ["add to 1", "add to 2"]);
  outcomes.length = bench.calls.length = 0;
  for (let i = 0; i < 8; i++) {
    const occupancies = [0.1, 0.05, 0.1].slice(0, bench.nodes);
    outcomes.push(await bench.pass({ meanMicros: undefined, sampledCount: 0, occupancies }));
  }
  assert.equal(outcomes.join(" "), "held done held held done none none none");
  assert.equal(bench.calls, ["remove 1 of 3", "remove 1 of 2"]);
  assert.is(bench.nodes, 1);
});

test("a dry run changes nothing, and says what it would have done, with its grace periods", async () => {
  const bench = new Bench({ graceMs: 3 * WINDOW_MS }, { isDryRun: true });
  const outcomes: string[] = [];
  for (let i = 0; i < 6; i++) outcomes.push(await bench.pass(BUSY));
  assert.equal(outcomes.join(" "), "held dry-run held held dry-run held");
  assert.equal(bench.decisions[1]!.action, { kind: "add-node" });
  assert.equal([bench.calls, bench.nodes], [[], 1]);
});

test("a dry run does not touch keys, either", async () => {
  const { keys, calls } = keyActuator([[77, 2]]);
  const bench = new Bench({ graceMs: 0, confirmations: 1 }, { isDryRun: true, keys });
  bench.nodes = 2;
  assert.is(await bench.pass({ ...HOT_KEY, occupancies: [0.9, 0.1] }), "dry-run");
  assert.is(await bench.pass({ keys: [9, 9], occupancies: [0.18, 0.18] }), "dry-run");
  assert.equal(calls, []);
});

test("somebody else changes the KNs: the grace period begins, and older windows do not count", async () => {
  const bench = new Bench({ graceMs: 2 * WINDOW_MS });
  await bench.pass(BUSY);
  bench.autoscaler.noteChange();
  assert.is(await bench.pass(BUSY), "held");
  assert.is(bench.decisions.at(-1)!.heldBy, "grace");
  assert.is(await bench.pass(BUSY), "done");
});

test("the number of KNs has become another one before its turn: superseded", async () => {
  const bench = new Bench({ confirmations: 1, graceMs: 0 });
  bench.before = () => void (bench.nodes = 2);
  assert.is(await bench.pass(BUSY), "superseded");
  assert.equal([bench.calls, bench.decisions[0]!.report], [[], undefined]);
});

test("an action that fails is reported, and tried again after the grace period", async () => {
  const bench = new Bench({ confirmations: 1, graceMs: 2 * WINDOW_MS });
  const error = new Error("planted failure");
  bench.before = () => {
    throw error;
  };
  assert.is(await bench.pass(BUSY), "failed");
  assert.is(bench.decisions[0]!.error, error);
  bench.before = () => {};
  assert.is(await bench.pass(BUSY), "held");
  assert.is(await bench.pass(BUSY), "done");
});

test("while something is being done nothing is decided", async () => {
  const bench = new Bench({ confirmations: 1, graceMs: 0 });
  let end!: () => void;
  bench.before = () => new Promise((resolve) => end = resolve);
  const passing = bench.pass(BUSY);
  assert.is(bench.autoscaler.isReady, false);
  end();
  assert.is(await passing, "done");
  assert.is(bench.autoscaler.isReady, true);
  bench.autoscaler.stop();
  assert.is(bench.autoscaler.isReady, false);
});

function keyActuator(replicated: readonly (readonly [number, number])[] = []) {
  const calls: string[] = [];
  const keys: KeyActuator = {
    replicatedKeys: replicated.map(([hash, owners]): ReplicatedKey => ({
      key: `key ${hash}`,
      hash,
      owners,
    })),
    replicate: (key, owners) => {
      calls.push(`${key.key} to ${owners}`);
      return Promise.resolve();
    },
    dereplicate: ({ key }) => {
      calls.push(`${key} to one`);
      return Promise.resolve();
    },
  };
  return { keys, calls };
}

test("keys cannot be shared yet: that is said, and holds nothing else up", async () => {
  const bench = new Bench();
  bench.nodes = 2;
  const uneven = { ...HOT_KEY, occupancies: [0.9, 0.1] };
  await bench.pass(uneven);
  assert.is(await bench.pass(uneven), "unsupported");
  const { action, row } = bench.decisions[1]!;
  assert.is(row, "replicate-key");
  assert.ok(action?.kind === "replicate-key" && action.key.key === "key 0" && action.owners === 2);
  await bench.pass(all(0.9, 2));
  assert.is(await bench.pass(all(0.9, 2)), "done", "no grace period has begun");
});

test("when they can, they are", async () => {
  const { keys, calls } = keyActuator([[77, 2]]);
  const bench = new Bench({ confirmations: 1, graceMs: 0 }, { keys });
  bench.nodes = 2;
  assert.is(await bench.pass({ ...HOT_KEY, occupancies: [0.9, 0.1] }), "done");
  assert.is(await bench.pass({ keys: [9, 9], occupancies: [0.18, 0.18] }), "done");
  assert.equal(calls, ["key 0 to 2", "key 77 to one"]);
});

test("a decision is one line of text, with the figures that it is from", async () => {
  const bench = new Bench();
  await bench.pass(BUSY);
  await bench.pass(BUSY);
  await bench.pass({ occupancies: [0.18] });
  assert.equal(bench.decisions.map(decisionLine), [
    "window 0 (1000 ms): add-node held by confirmation: SLO violated (mean 250.0 us of 100 us, p99 500.0 us of 1000 us); " +
    "every KN is above 0.2 (0.900): add a KN to 1",
    "window 1 (1000 ms): add-node done: SLO violated (mean 250.0 us of 100 us, p99 500.0 us of 1000 us); " +
    "every KN is above 0.2 (0.900): add a KN to 1",
    "window 2 (1000 ms): no action: SLO met (mean 50.0 us of 100 us, p99 500.0 us of 1000 us); no KN is below 0.15 (0.180)",
  ]);
  assert.is(bench.decisions[1]!.window.number, 1);
  assert.is(bench.decisions[1]!.report!.to, 2);
});

test.run();
