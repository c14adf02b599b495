/**
 * Operations that depend on what is there: compareAndSet, update, increment.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import * as assert from "uvu/assert";
import { DELETE, KEEP, NotANumberError } from "../../mod.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { storeSuite } from "../support/store_suite.ts";
import { applied } from "../support/versions.ts";

const test = storeSuite("conditional operations");

test("compareAndSet with null stores only if the key does not exist", async (store) => {
  assert.is(await applied(store.compareAndSet("a", null, 1)), true);
  assert.is(await applied(store.compareAndSet("a", null, 2)), false);
  assert.is(await store.get("a"), 1);
  await store.delete("a");
  assert.is(await applied(store.compareAndSet("a", null, 3)), true);
  assert.is(await store.get("a"), 3);
});

test("compareAndSet with a version stores only if nothing has changed since", async (store) => {
  await store.put("a", 1);
  const { version } = (await store.getEntry("a"))!;
  assert.is(await applied(store.compareAndSet("a", version + 1, "wrong")), false);
  assert.is(await applied(store.compareAndSet("a", version, 2)), true);
  assert.is(await applied(store.compareAndSet("a", version, 3)), false);
  assert.is(await store.get("a"), 2);
});

test("a version is outdated by an equal value, by a delete, and by both", async (store) => {
  await store.put("a", 1);
  const { version } = (await store.getEntry("a"))!;
  await store.put("a", 1);
  assert.is(await applied(store.compareAndSet("a", version, 2)), false);
  await store.delete("a");
  assert.is(await applied(store.compareAndSet("a", version, 2)), false);
  assert.is(await applied(store.compareAndSet("b", version, 2)), false, "a key that never existed");
  await store.put("a", 1);
  assert.is(await applied(store.compareAndSet("a", version, 2)), false);
  assert.is(await store.get("a"), 1);
  assert.is(await store.has("b"), false);
});

test("of many that compare with the same version one wins", async (store) => {
  for (let round = 0; round < 20; round++) {
    const version = (await store.getEntry("a"))?.version ?? null;
    const outcomes = await Promise.all(
      Array.from(
        { length: 30 },
        (_, i) => applied(store.compareAndSet("a", version, `${round}:${i}`)),
      ),
    );
    assert.is(outcomes.filter((won) => won).length, 1);
    assert.is(await store.get("a"), `${round}:${outcomes.indexOf(true)}`);
  }
});

test("compareAndDelete deletes only what has not changed since", async (store) => {
  await store.put("a", 1);
  const { version } = (await store.getEntry("a"))!;
  assert.is(await store.compareAndDelete("a", version + 1), false);
  assert.is(await store.compareAndDelete("a", version), true);
  assert.is(await store.has("a"), false);
  assert.is(await store.compareAndDelete("a", version), false);
  await store.put("a", 1);
  assert.is(await store.compareAndDelete("a", version), false, "an equal value, put again");
  assert.is(await store.get("a"), 1);
});

test("the synchronous operations compare, too", async (store) => {
  const version = store.compareAndSetSync("a", null, 1)!;
  assert.is(version, store.getEntrySync("a")!.version);
  assert.is(store.compareAndSetSync("a", null, 2), undefined);
  const next = store.compareAndSetSync("a", version, 3)!;
  assert.ok(next > version);
  assert.is(store.compareAndDeleteSync("a", version), false);
  assert.is(store.getSync("a"), 3);
  assert.is(store.compareAndDeleteSync("a", store.getEntrySync("a")!.version), true);
  assert.is(await store.has("a"), false);
});

test("a change answers with the version that its key has by it", async (store) => {
  const large = new Uint8Array(3000);
  let before = 0;
  for (const value of [1, large, "x", large, { a: 1 }]) {
    for (
      const change of [
        () => store.put("a", value),
        () => Promise.resolve(store.putSync("a", value)),
        async () => await store.compareAndSet("a", (await store.getEntry("a"))!.version, value),
      ]
    ) {
      const version = (await change())!;
      assert.is((await store.getEntry("a"))!.version, version);
      assert.ok(version > before);
      before = version;
    }
  }
  const burst = await Promise.all(Array.from({ length: 50 }, (_, i) => store.put("a", i)));
  assert.equal(burst, [...burst].sort((one, other) => one - other));
  assert.is((await store.getEntry("a"))!.version, burst.at(-1));
});

test("an update may delete its key, or keep it as it is", async (store) => {
  await store.put("a", 1, { ttl: 3_600_000 });
  const { version } = (await store.getEntry("a"))!;
  assert.is(await store.update("a", () => KEEP), 1);
  assert.is((await store.getEntry("a"))!.version, version, "nothing was stored");
  assert.is(await store.update("a", (old) => old === 1 ? DELETE : KEEP), undefined);
  assert.is(await store.has("a"), false);
  assert.is(await store.update("a", () => DELETE), undefined, "of a key that does not exist");
  assert.is(await store.update("a", () => KEEP), undefined);
  assert.is(await store.has("a"), false);
  await store.put("a", 2);
  assert.is(await store.update("a", () => setTimeout(5, DELETE)), undefined, "by a promise");
  assert.is(await store.has("a"), false);
  const late = store.update("a", () => setTimeout(5, KEEP));
  await store.put("a", 3);
  await late;
  assert.is(await store.get("a"), 3);
});

test("of many that take a value one gets it", async (store) => {
  for (let round = 0; round < 20; round++) {
    await store.put("job", { round });
    const taken = await Promise.all(Array.from({ length: 20 }, () => store.getAndDelete("job")));
    assert.equal(taken.filter((value) => value !== undefined), [{ round }]);
    assert.is(await store.has("job"), false);
  }
});

test("of many that delete one version one does", async (store) => {
  for (let round = 0; round < 20; round++) {
    await store.put("a", round);
    const { version } = (await store.getEntry("a"))!;
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, () => store.compareAndDelete("a", version)),
    );
    assert.is(outcomes.filter((isDeleted) => isDeleted).length, 1);
    assert.is(await store.has("a"), false);
  }
});

test("update creates, changes, and returns what it stored", async (store) => {
  const seen: unknown[] = [];
  const stored = await store.update("a", (old) => {
    seen.push(old);
    return { n: 1 };
  });
  assert.equal(stored, { n: 1 });
  const next = await store.update("a", (old) => {
    seen.push(old);
    return { n: (old as { n: number }).n + 1 };
  });
  assert.equal(next, { n: 2 });
  assert.equal(seen, [undefined, { n: 1 }]);
  assert.equal(await store.get("a"), { n: 2 });
});

test("update starts over when the key has changed meanwhile", async (store) => {
  await store.put("a", 1);
  let runs = 0;
  const stored = await store.update("a", (old) => {
    runs += 1;
    if (runs <= 3) store.putSync("a", runs * 10);
    return (old as number) + 1;
  });
  assert.is(runs, 4);
  assert.is(stored, 31);
  assert.is(await store.get("a"), 31);
});

test("update may be asynchronous, and still loses nothing", async (store) => {
  await store.put("a", 0);
  const change = async (old: unknown) => {
    await setTimeout(1);
    return (old as number) + 1;
  };
  await Promise.all([1, 2, 3, 4].map(() => store.update("a", change)));
  assert.is(await store.get("a"), 4);
});

test("an update that fails changes nothing", async (store) => {
  await store.put("a", 1);
  const failure = new Error("no");
  const error = await errorOf(() =>
    store.update("a", () => {
      throw failure;
    })
  );
  assert.is(error, failure);
  assert.is(await store.get("a"), 1);
});

test("concurrent updates of one key lose nothing", async (store) => {
  const add = (i: number) => store.update("set", (old) => [...(old as number[] ?? []), i]);
  await Promise.all(Array.from({ length: 60 }, (_, i) => add(i)));
  const numbers = (await store.get("set")) as number[];
  assert.equal(numbers.toSorted((a, b) => a - b), Array.from({ length: 60 }, (_, i) => i));
});

test("increment starts at 0, adds 1 or anything finite, and returns the sum", async (store) => {
  assert.is(await store.increment("n"), 1);
  assert.is(await store.increment("n"), 2);
  assert.is(await store.increment("n", 10), 12);
  assert.is(await store.increment("n", -20), -8);
  assert.is(await store.increment("n", 0.5), -7.5);
  assert.is(await store.increment("n", 0), -7.5);
  assert.is(await store.get("n"), -7.5);
  assert.is(await store.increment("other", 5), 5);
});

test("concurrent increments are all counted", async (store) => {
  const keys = ["x", "y", "z"];
  const sums = await Promise.all(
    Array.from({ length: 300 }, (_, i) => store.increment(keys[i % 3]!, 1 + (i % 2))),
  );
  assert.equal(await store.getMany(keys), [150, 150, 150]);
  for (const key of [0, 1, 2]) {
    const own = sums.filter((_, i) => i % 3 === key);
    assert.is(new Set(own).size, 100, "every sum is returned once");
  }
});

test("increments and plain puts of one key mix", async (store) => {
  await store.put("n", 0);
  await Promise.all([
    ...Array.from({ length: 50 }, () => store.increment("n")),
    store.put("n", 1000),
    ...Array.from({ length: 50 }, () => store.increment("n")),
  ]);
  const sum = await store.get("n") as number;
  assert.ok(sum >= 1000 && sum <= 1100, `${sum}`);
});

test("increment refuses what is not a number, and leaves it as it is", async (store) => {
  const values = ["5", null, { n: 1 }, [1], true, 5n, new Date(5)];
  for (const value of values) {
    await store.put("a", value);
    await assertRejects(() => store.increment("a"), {
      type: NotANumberError,
      code: "DINOMO_NOT_A_NUMBER",
      says: /^increment must add to a number and stay finite, got .* at the string "a"/,
    }, String(value));
    assert.equal(await store.get("a"), value);
  }
});

test("increment refuses sums that are not finite", async (store) => {
  for (const [value, by] of [[Number.MAX_VALUE, Number.MAX_VALUE], [Infinity, 1], [NaN, 1]]) {
    await store.put("a", value);
    await assertRejects(() => store.increment("a", by), {
      type: NotANumberError,
      code: "DINOMO_NOT_A_NUMBER",
      says: /stay finite/,
    }, `${value} + ${by}`);
    assert.equal(await store.get("a"), value);
  }
});

test.run();
