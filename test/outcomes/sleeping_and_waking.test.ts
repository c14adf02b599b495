/**
 * The race: a KN that has run dry goes to sleep at the moment at which the client brings the next
 * request; and a client that waits for a completion goes to sleep at the moment at which the KN
 * publishes it. With `spin: 0` this happens with every operation.
 *
 * The invariant: both sides announce that they sleep before they look once more, and look for
 * sleepers after they have published, so one sees the other; no acknowledgement is late by more
 * than a wake-up (I3).
 *
 * Allowed outcomes: every put ends, and is visible when it has. The bounds of the waits, a second
 * for a KN and 5 ms for a client, are taken off for this test: a wake-up that is lost is a hang,
 * and the watchdog ends the test.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "../../mod.ts";
import { mixBelow } from "../support/outcome_random.ts";
import { watched } from "../support/outcome_race.ts";
import { unboundWaits } from "../support/outcome_unbounded_waits.ts";

const OPERATIONS = 3000;
/** Operations during which a KN has to sleep at least, or this would test nothing. */
const SLEEPS_MIN = OPERATIONS / 10;

/** Rounds of an idle loop: up to about 150 microseconds. */
const IDLE_ROUNDS_MAX = 15_000;
const idleWord = new Int32Array(new SharedArrayBuffer(4));

unboundWaits("client");

/** Does nothing for a while, without sleeping. */
function idle(rounds: number): void {
  for (let i = 0; i < rounds; i++) Atomics.load(idleWord, 0);
}

function openSleepy(nodes: number): Promise<Store<number>> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const node = new URL(`../support/outcome_sleepy_node.${extension}`, import.meta.url);
  return open<number>({ nodes, capacity: "1MiB", spin: 0, help: false, workers: { node } });
}

function sleepsOf(store: Store<number>): number {
  return store.stats().nodes.reduce((sum, node) => sum + node.sleeps, 0);
}

test("awaited puts wake the KN, one after the other", () =>
  watched("awaited puts", async () => {
    await using store = await openSleepy(1);
    for (let i = 0; i < OPERATIONS; i++) {
      await store.put(`key ${i % 50}`, i);
      if (store.getSync(`key ${i % 50}`) !== i) assert.unreachable(`put ${i} is not visible`);
    }
    assert.ok(sleepsOf(store) > SLEEPS_MIN, `the KN slept ${sleepsOf(store)} times`);
  }));

test("synchronous puts wake the KN, and the KN wakes the client", () =>
  watched("synchronous puts", async () => {
    await using store = await openSleepy(2);
    for (let i = 0; i < OPERATIONS; i++) {
      store.putSync(`key ${i % 50}`, i);
      if (store.getSync(`key ${i % 50}`) !== i) assert.unreachable(`put ${i} is not visible`);
    }
    assert.ok(sleepsOf(store) > SLEEPS_MIN, `the KNs slept ${sleepsOf(store)} times`);
  }));

test("a request comes at any moment of the KN's way to sleep", () =>
  watched("falling asleep", async () => {
    await using store = await openSleepy(1);
    for (let i = 0; i < 3 * OPERATIONS; i++) {
      void store.put("first", i);
      // The first put is sent at the end of the tick, and the KN takes some ten microseconds to
      // wake up for it.
      await Promise.resolve();
      idle(mixBelow(i, 1, IDLE_ROUNDS_MAX));
      store.putSync("second", i);
    }
    assert.is(store.getSync("first"), 3 * OPERATIONS - 1);
    assert.is(store.getSync("second"), 3 * OPERATIONS - 1);
    assert.ok(sleepsOf(store) > SLEEPS_MIN, `the KN slept ${sleepsOf(store)} times`);
  }));

test("bursts, synchronous and awaited puts in turn", () =>
  watched("bursts", async () => {
    await using store = await openSleepy(2);
    for (let i = 0; i < OPERATIONS / 6; i++) {
      for (let j = 0; j < 5; j++) void store.put(`key ${j}`, i);
      if (i % 3 === 0) await store.flush();
      store.putSync("key 0", i + 1);
      assert.is(store.getSync("key 0"), i + 1);
      assert.is(await store.get("key 4"), i);
    }
  }));

test.run();
