/**
 * The race: slots move between KNs that come and go, while a client keeps puts and increments on
 * the same keys in flight, many per key and none of them awaited.
 *
 * The invariant: ownership changes only when the old owner has none of the slot's work in flight
 * (I1); the operations of a client on a key apply in the order in which they were issued, also
 * across a move (I4), each exactly once (I5); no data moves (I7); versions grow across owners (I9).
 *
 * Allowed outcomes: every promise resolves; a read sees the last put that was issued before it, or
 * a later one; after all is done each key holds the last value that was issued, each counter the
 * number of its increments, and each version has grown by at least one with each newer value that
 * was seen. Everything else fails.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../../mod.ts";
import { watched } from "../support/outcome_race.ts";
import { mixBelow } from "../support/outcome_random.ts";

const KEYS = 24;
const COUNTERS = 4;
const PUTS_PER_BURST = 480;
const PUTS_PER_KEY_MIN = 6000;
const SCALES = [1, 2, 3, 1, 3, 2, 1, 3, 1, 2, 3, 2, 1, 3, 2] as const;
/** How long the KN that stays may take to refuse a request whose slot has moved. */
const RACE_MS_MAX = 30_000;

test("pipelined puts keep their order while their slots move", () =>
  watched("moves", async () => {
    await using store = await open<number>({
      nodes: 2,
      capacity: "4MiB",
      segmentBytes: "16KiB",
      ringBytes: "64KiB",
      inFlight: 512,
      // The client does not wait for answers at the end of a tick: so moves meet requests in
      // flight.
      spin: 0,
    });
    const issued = new Array<number>(KEYS).fill(0);
    const seen = new Array<number>(KEYS).fill(0);
    const versions = new Array<number>(KEYS).fill(0);
    let resolved = 0;
    let failure: unknown;
    let isScaling = true;

    function putAll(): void {
      for (let i = 0; i < PUTS_PER_BURST; i++) {
        const key = i % KEYS;
        store.put(`key ${key}`, ++issued[key]).then(
          () => resolved += 1,
          (error) => failure = error,
        );
      }
    }

    async function checkEntry(key: number): Promise<void> {
      const issuedBefore = issued[key];
      const entry = await store.getEntry(`key ${key}`);
      assert.ok(entry !== undefined, `key ${key} exists`);
      const { value, version } = entry;
      assert.ok(value >= issuedBefore && value <= issued[key], `key ${key}: ${value} is old`);
      assert.ok(value >= seen[key], `key ${key}: ${value} after ${seen[key]}`);
      const growth = value - seen[key];
      assert.ok(version >= versions[key] + growth, `key ${key}: version ${version}`);
      seen[key] = value;
      versions[key] = version;
    }

    async function put(): Promise<void> {
      for (let burst = 0; isScaling || issued[0] < PUTS_PER_KEY_MIN; burst++) {
        putAll();
        await setImmediate();
        if (burst % 8 === 0) await checkEntry(mixBelow(burst, 1, KEYS));
        if (failure !== undefined) throw failure;
      }
    }

    async function increment(counter: number): Promise<number> {
      let count = 0;
      while (isScaling) {
        const results = await Promise.all(
          [1, 2, 3].map((by) => store.increment(`counter ${counter}`, by)),
        );
        count += 6;
        assert.is(Math.max(...results), count, `counter ${counter}: the last sum is the largest`);
        assert.is(new Set(results).size, 3, `counter ${counter}: no sum twice`);
      }
      return count;
    }

    async function scale(): Promise<void> {
      try {
        // On a machine that does other work a round may meet no request in flight.
        const deadlineMs = performance.now() + RACE_MS_MAX;
        do {
          for (const nodes of SCALES) {
            const report = await store.scale(nodes);
            assert.is(report.bytesMoved, 0);
            assert.is(store.nodes, nodes);
          }
        } while (store.stats().nodes[0].moved === 0 && performance.now() < deadlineMs);
      } finally {
        isScaling = false;
      }
    }

    const counters = Array.from({ length: COUNTERS }, (_, counter) => increment(counter));
    const [sums] = await Promise.all([Promise.all(counters), put(), scale()]);
    await store.flush();
    const { moved } = store.stats().nodes[0];
    assert.ok(moved > 0, "the first KN, which stays, refused requests whose slot had moved");
    await setImmediate();
    assert.is(failure, undefined);
    assert.is(resolved, issued.reduce((sum, count) => sum + count, 0), "every put is acknowledged");
    for (let key = 0; key < KEYS; key++) {
      assert.is(store.getSync(`key ${key}`), issued[key], `key ${key}`);
      await checkEntry(key);
    }
    sums.forEach((sum, counter) => assert.is(store.getSync(`counter ${counter}`), sum));
    assert.is(store.count, KEYS + COUNTERS);
  }));

test.run();
