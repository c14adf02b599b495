/**
 * The order of one thread's operations on one key: every pair of them, and random sequences, issued
 * without waiting for each other, also while the store is being scaled, flushed and closed.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attach, open, type OpenOptions, type Store, StoreClosedError } from "../../mod.ts";
import { runtimeShare } from "../support/campaign.ts";
import { errorOf } from "../support/errors.ts";
import { ORDERED_STEPS, OrderedSequence } from "../support/order_model.ts";
import { seeded } from "../support/random.ts";

const TINY: OpenOptions = {
  capacity: "1MiB",
  segmentBytes: "4KiB",
  ringBytes: "8KiB",
  inFlight: 64,
  nodes: 2,
};
const FAR: OpenOptions = { ...TINY, placement: "far", cache: "32KiB", backlog: "32KiB" };

interface Setup {
  readonly name: string;
  readonly options: OpenOptions;
  readonly isAttached: boolean;
}

const SETUPS: readonly Setup[] = [
  { name: "near", options: TINY, isAttached: false },
  { name: "near, attached", options: TINY, isAttached: true },
  { name: "far", options: FAR, isAttached: false },
  { name: "far, attached", options: FAR, isAttached: true },
];

/** Sequences for each setup, operations of each, and how many of them end with a close. */
const SEQUENCES = 4;
const LENGTH = 25;
const CLOSED_SEQUENCES = 2;
/** One in so many operations of a sequence is a slow one. */
const SLOW_EVERY = 60;

const QUICK = ORDERED_STEPS.filter(({ isSlow }) => !isSlow);
const SLOW = ORDERED_STEPS.filter(({ isSlow }) => isSlow);

for (const { name, options, isAttached } of SETUPS) {
  const test = suite<{ host: Store<unknown>; store: Store<unknown>; other: Store<unknown> }>(name);
  test.before(async (context) => {
    context.host = await open(options);
    context.store = isAttached ? await attach(context.host.share()) : context.host;
    context.other = await attach(context.host.share());
  });
  test.after(async ({ host, store, other }) => {
    await other.close();
    await store.close();
    await host.close();
  });

  test(`${name}: every pair of operations applies in the order of issue`, async ({ store }) => {
    const sequences: OrderedSequence[] = [];
    for (const first of name === "near" ? QUICK : runtimeShare(QUICK)) {
      for (const second of QUICK) {
        for (const hasKey of [false, true]) {
          const sequence = await OrderedSequence.begin(store, sequences.length, hasKey);
          sequences.push(sequence);
          sequence.issue(first);
          sequence.issue(second);
        }
      }
    }
    for (const sequence of sequences) {
      await sequence.end();
      sequence.checkContents(store);
    }
  });

  test(`${name}: the same for operations on all keys`, async ({ store }) => {
    const others = QUICK.filter((step) => ["put", "increment"].includes(step.name));
    for (const slow of SLOW) {
      for (const other of others) {
        const sequence = await OrderedSequence.begin(store, 0, true);
        for (const step of [other, slow, other]) sequence.issue(step);
        await sequence.end();
        sequence.checkContents(store);
      }
    }
  });

  test(`${name}: random sequences, scaled and flushed in between`, ({ host, store, other }) =>
    seeded(async (random) => {
      for (let round = 0; round < SEQUENCES; round++) {
        const sequence = await OrderedSequence.begin(store, round, random.below(2) === 0);
        const work: Promise<unknown>[] = [];
        for (let i = 0; i < LENGTH; i++) {
          const outcome = sequence.issue(
            random.pick(random.below(SLOW_EVERY) === 0 ? SLOW : QUICK),
          );
          if (random.below(5) === 0) await outcome;
          if (random.below(20) === 0) work.push(host.scale(random.below(3) + 1));
          if (random.below(8) === 0) {
            const { position } = sequence;
            work.push(
              store.flush().then(() =>
                sequence.checkSeen(other.getSync(sequence.context.k), position)
              ),
            );
          }
        }
        await sequence.end();
        sequence.checkContents(store);
        sequence.checkContents(other);
        await Promise.all(work);
        await store.flush();
        assert.is(store.stats().pending, 0);
      }
    })());

  test(`${name}: flush waits for updates and increments`, async ({ store, other }) => {
    await store.deleteMany(["a", ...Array.from({ length: 50 }, (_, i) => `b ${i}`)]);
    for (let i = 0; i < 300; i++) {
      void store.increment("a");
      void store.update(`b ${i % 50}`, (old) => ((old as number) ?? 0) + 1);
    }
    await store.flush();
    assert.is(store.stats().pending, 0);
    assert.is(other.getSync("a"), 300);
    for (let i = 0; i < 50; i++) assert.is(other.getSync(`b ${i}`), 6);
  });

  test(`${name}: updates of one thread do not race each other`, async ({ store }) => {
    await store.delete("a");
    let calls = 0;
    const change = (old: unknown) => {
      calls += 1;
      return ((old as number) ?? 0) + 1;
    };
    const ends = Array.from({ length: 300 }, () => store.update("a", change));
    assert.equal(await Promise.all(ends), ends.map((_, i) => i + 1));
    assert.is(calls, 300);
  });

  test(`${name}: updates of two threads lose nothing`, async ({ store, other }) => {
    await store.delete("a");
    const ends = Array.from({ length: 200 }, (_, i) => (i % 2 ? store : other).increment("a"));
    assert.is(new Set(await Promise.all(ends)).size, 200);
    assert.is(store.getSync("a"), 200);
  });

  const LIMIT_TEST = "more operations than may wait for updates";
  // Where a read is a round trip to a KN, that would only take longer.
  if (options.placement !== "far") {
    test(`${name}: ${LIMIT_TEST}`, async ({ store }) => {
      await store.delete("a");
      const count = 17_000;
      let sum = 0;
      for (let i = 0; i < count; i++) void store.increment("a").then(() => sum += 1);
      assert.ok(store.stats().pending < count, `${store.stats().pending} pending`);
      assert.is(store.getSync("a"), count);
      await store.flush();
      assert.is(sum, count);
    });
  }

  test(`${name}: an async change keeps its place if it needs no turn`, async ({ store }) => {
    await store.put("a", 1);
    const updated = store.update("a", async (old) => {
      await Promise.resolve();
      return (old as number) + 1;
    });
    const put = store.put("a", 10);
    assert.is(await updated, 2);
    await put;
    assert.is(await store.get("a"), 10);
  });

  test(`${name}: an async change that takes longer gives its place up`, async ({ store }) => {
    await store.put("a", 1);
    let calls = 0;
    let goOn!: () => void;
    const mayGoOn = new Promise<void>((resolve) => goOn = resolve);
    const updated = store.update("a", async (old) => {
      calls += 1;
      await mayGoOn;
      return (old as number) + 1;
    });
    void store.put("a", 10);
    assert.is(await store.get("a"), 10);
    await store.flush();
    assert.is(store.getSync("a"), 10);
    goOn();
    assert.is(await updated, 11);
    assert.is(calls, 2);
    assert.is(await store.get("a"), 11);
  });

  test(`${name}: a synchronous call does not wait for an async change`, async ({ store }) => {
    await store.put("a", 1);
    let began = false;
    const updated = store.update("a", async (old) => {
      began = true;
      await setTimeout(1);
      return (old as number) + 1;
    });
    const put = store.put("a", 10);
    assert.is(store.getSync("a"), 10);
    assert.ok(began);
    assert.is(await updated, 11);
    await put;
  });

  test.run();
}

for (const { name, options, isAttached } of SETUPS) {
  const test = suite(`${name}, closing`);

  test(
    `${name}: close waits for everything that was issued before`,
    seeded(async (random) => {
      for (let round = 0; round < CLOSED_SEQUENCES; round++) {
        const host = await open<unknown>(options);
        const store = isAttached ? await attach<unknown>(host.share()) : host;
        const other = await attach<unknown>(host.share());
        const sequence = await OrderedSequence.begin(store, round, true);
        for (let i = 0; i < LENGTH; i++) sequence.issue(random.pick(QUICK));
        const increments = Array.from({ length: 50 }, () => store.increment("n"));
        const read = store.get("n");
        // In the host it ends the store, and with it the other thread's part; in an attached thread
        // not.
        const closed = store.close();
        await sequence.end();
        assert.equal(await Promise.all(increments), increments.map((_, i) => i + 1));
        assert.is(await read, 50);
        await closed;
        if (isAttached) assert.is(other.getSync("n"), 50);
        assert.instance(await errorOf(() => store.increment("n")), StoreClosedError);
        await other.close();
        await host.close();
      }
    }),
  );

  test(`${name}: close does not wait for an async change that takes longer`, async () => {
    const host = await open<unknown>(options);
    const store = isAttached ? await attach<unknown>(host.share()) : host;
    await store.put("a", 1);
    const updated = store.update("a", async () => {
      await store.close();
      return 2;
    });
    assert.instance(await errorOf(() => updated), StoreClosedError);
    await host.close();
  });

  test.run();
}
