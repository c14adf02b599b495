/**
 * Atomic commits: all of one is made or nothing, in the order of its thread's operations, within
 * its limits.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  attach,
  CommitTooLargeError,
  InvalidArgumentError,
  InvalidKeyError,
  NearOnlyError,
  NotANumberError,
  open,
  PoolFullError,
  StoreClosedError,
} from "../../mod.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { NEAR_SETUPS, storeSuite } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const suite = storeSuite("commits", NEAR_SETUPS);
const KEYS = Array.from({ length: 12 }, (_, i) => `key ${i}`);

suite("all changes of a commit are made, and their versions returned", async (store) => {
  await store.put("old", "a");
  await store.put("gone", "b");
  const commit = await store.atomic()
    .put("new", { n: 1 })
    .delete("gone")
    .increment("count", 5)
    .put("old", "c")
    .delete("never")
    .commit();
  const keys = ["new", "gone", "count", "old", "never"];
  const entries = await store.getEntries(keys);
  assert.equal(entries.map((entry) => entry?.value), [{ n: 1 }, undefined, 5, "c", undefined]);
  assert.equal(commit!.versions.length, 5);
  for (const i of [0, 2, 3]) assert.is(commit!.versions[i], entries[i]!.version);
  assert.type(commit!.versions[1], "number");
  assert.is(commit!.versions[4], undefined);
});

suite(
  "a commit whose checks hold is made, and one whose check fails changes nothing",
  async (store) => {
    const version = await store.put("a", 1);
    const make = () =>
      store.atomic().check("a", version).check("b", null).put("a", 2).put("c", 3).delete("d")
        .commit();
    await store.put("d", 4);
    assert.ok(await make());
    assert.equal(await store.getMany(["a", "b", "c", "d"]), [2, undefined, 3, undefined]);
    await store.put("d", 5);
    assert.is(await make(), null, "a has another version");
    assert.equal(await store.getMany(["a", "b", "c", "d"]), [2, undefined, 3, 5]);
    await store.put("b", 6);
    assert.is(await store.atomic().check("b", null).put("e", 1).commit(), null, "b exists");
    assert.is(await store.get("e"), undefined);
  },
);

suite("a commit may have nothing but checks, or nothing at all", async (store) => {
  const version = await store.put("a", 1);
  assert.equal(await store.atomic().check("a", version).check("b", null).commit(), {
    versions: [],
  });
  assert.is(await store.atomic().check("a", null).commit(), null);
  assert.equal(await store.atomic().commit(), { versions: [] });
  assert.equal(await store.atomic().delete("b").commit(), { versions: [undefined] });
});

suite(
  "what a commit puts expires, and an expired key does not exist for a check",
  async (store) => {
    const expiresAt = Date.now() + 3_600_000;
    await store.put("number", 1, { expiresAt });
    await store.put("soon", 1, { ttl: 1 });
    await setTimeout(5);
    const commit = await store.atomic()
      .check("soon", null)
      .put("a", 1, { expiresAt })
      .put("b", 1, { ttl: 20 })
      .put("soon", 2)
      .increment("number")
      .increment("fresh", 1, { ttlIfNew: 3_600_000 })
      .commit();
    assert.ok(commit);
    assert.is((await store.getEntry("a"))!.expiresAt, expiresAt);
    assert.is((await store.getEntry("number"))!.expiresAt, expiresAt, "an increment keeps it");
    assert.ok((await store.getEntry("fresh"))!.expiresAt! > Date.now());
    assert.equal(await store.getEntry("soon"), { value: 2, version: commit!.versions[2]! });
    await setTimeout(30);
    assert.is(await store.get("b"), undefined);
    assert.is(await store.atomic().check("a", commit!.versions[1]!).put("b", 3).commit(), null);
  },
);

suite(
  "an increment out of its bounds refuses the commit, and so does one of no number",
  async (store) => {
    await store.putMany([["stock", 1], ["text", "x"]]);
    const take = () => store.atomic().increment("stock", -1, { min: 0 }).put("sold", 1).commit();
    assert.ok(await take());
    await store.delete("sold");
    assert.is(await take(), null);
    assert.equal(await store.getMany(["stock", "sold"]), [0, undefined]);
    await assertRejects(() => store.atomic().put("sold", 1).increment("text").commit(), {
      type: NotANumberError,
      code: "DINOMO_NOT_A_NUMBER",
      says: /increment must add to a number.*"text"; nothing of the commit was made/,
    });
    assert.is(await store.get("sold"), undefined);
  },
);

suite("an increment in a commit has the options of one alone", async (store) => {
  const expiresAt = Date.now() + 3_600_000;
  await store.putMany([["a", 1], ["b", 9], ["c", 1]]);
  const commit = () =>
    store.atomic()
      .increment("a", 2, { expiresAt })
      .increment("b", 1, { max: 10 })
      .increment("c", 1, { ttl: 3_600_000 })
      .increment("a's other", 0.5, { min: 0, max: 1, ttlIfNew: 3_600_000 })
      .commit();
  assert.ok(await commit());
  const entries = await store.getEntries(["a", "b", "c", "a's other"]);
  assert.equal(entries.map((entry) => entry!.value), [3, 10, 2, 0.5]);
  assert.is(entries[0]!.expiresAt, expiresAt);
  assert.is(entries[1]!.expiresAt, undefined);
  for (const entry of [entries[2]!, entries[3]!]) assert.ok(entry.expiresAt! > Date.now());
  assert.is(await commit(), null, "b would be above its maximum");
  assert.equal(await store.getEntries(["a", "b", "c", "a's other"]), entries);
});

suite("operations of one thread apply in the order of their issue", async (store, random) => {
  for (let round = 0; round < 12; round++) {
    const pending: Promise<unknown>[] = [];
    const expected = new Map<string, number>();
    for (let number = 1; number <= 40; number++) {
      const [one, other, third] = [0, 1, 2].map((i) => KEYS[(random.below(4) + i * 4) % 12]!);
      const choice = random.below(4);
      if (choice === 0) {
        pending.push(store.put(one!, number));
        expected.set(one!, number);
      } else if (choice === 1) {
        pending.push(store.delete(other!));
        expected.delete(other!);
      } else if (choice === 2) {
        pending.push(store.update(one!, () => number));
        expected.set(one!, number);
      } else {
        pending.push(store.atomic().put(one!, number).put(other!, number).delete(third!).commit());
        expected.set(one!, number).set(other!, number).delete(third!);
      }
      if (random.below(8) === 0) {
        const key = random.pick([one!, other!, third!]);
        if (random.below(2) === 0) assert.is(store.getSync(key), expected.get(key));
        else {pending.push(
            store.get(key).then((value, want = expected.get(key)) => assert.is(value, want)),
          );}
        await Promise.all(pending.splice(0));
      }
    }
    const values = KEYS.map((key) => expected.get(key));
    assert.equal(await store.getMany(KEYS), values, `round ${round}`);
    await Promise.all(pending);
    assert.equal(KEYS.map((key) => store.getSync(key)), values);
    await store.flush();
    await store.clear();
  }
});

suite("flush waits for commits, also for those that wait for other operations", async (store) => {
  let count = 0;
  for (let i = 0; i < 20; i++) {
    void store.put(KEYS[i % 5]!, i);
    void store.atomic().put(KEYS[i % 7]!, i).put(KEYS[7 + i % 5]!, i).commit().then(() => count++);
    if (i % 4 === 0) void store.update(KEYS[i % 7]!, () => i);
  }
  await store.flush();
  assert.is(count, 20);
});

suite("a commit of many keys, of both types, and with values as large as fit", async (store) => {
  const keys = Array.from(
    { length: 50 },
    (_, i) => i % 2 === 0 ? `many ${i}` : new Uint8Array([0, 255, i]),
  );
  for (const number of [1, 2]) {
    const commit = store.atomic();
    for (const key of keys) commit.put(key, number);
    assert.ok(await commit.commit());
    assert.equal(await store.getMany(keys, { consistent: true }), keys.map(() => number));
  }
  // More than a ring of 8 KiB takes, and as much as a segment of 4 KiB does.
  const large = "x".repeat(1500);
  assert.ok(await store.atomic().put("large", large).put("also large", large).commit());
  assert.equal(await store.getMany(["large", "also large"]), [large, large]);
  const removal = store.atomic();
  for (const key of keys) removal.delete(key);
  assert.is(
    (await removal.commit())!.versions.filter((version) => version === undefined).length,
    0,
  );
  assert.equal(await store.getMany(keys), keys.map(() => undefined));
});

suite("a namespace commits its own keys", async (store) => {
  const users = store.namespace("user:");
  const version = await users.put("1", "Ada");
  assert.ok(await users.atomic().check("1", version).put("1", "Bea").put("2", "Cora").commit());
  assert.equal(await store.getMany(["user:1", "user:2", "1"]), ["Bea", "Cora", undefined]);
});

suite("what cannot be part of a commit is refused at once", async (store) => {
  const refusal = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;
  const commit = store.atomic().put("a", 1);
  assertThrows(() => commit.put("a", 2), {
    ...refusal,
    says: /key must be changed once.*"a" twice/,
  });
  assertThrows(() => commit.delete("a"), { ...refusal, says: /key must be changed once/ });
  commit.check("a", null);
  assertThrows(() => commit.check("a", 5), { ...refusal, says: /key must be checked once/ });
  assertThrows(() => commit.check("b", -1), {
    ...refusal,
    says: /version must be one that getEntry/,
  });
  assertThrows(() => commit.put("b", 1, { ttl: 0 }), {
    ...refusal,
    says: /ttl must be a positive/,
  });
  assertThrows(
    () => commit.put("b", 1, { durability: "disk" } as never),
    { ...refusal, says: /options must be among ttl, expiresAt, got the string "durability"/ },
  );
  assertThrows(() => commit.increment("b", NaN), {
    ...refusal,
    says: /by must be a finite number/,
  });
  assertThrows(() => commit.put("", 1), {
    type: InvalidKeyError,
    code: "DINOMO_INVALID_KEY",
    says: /key/,
  });
  await assertRejects(() => commit.commit({ durability: "disk" }), {
    ...refusal,
    says: /durability must be the store's/,
  });
  assert.ok(await commit.commit(), "what was refused is no part of it");
  assert.is(await store.get("b"), undefined);
  await assertRejects(() => commit.commit(), {
    ...refusal,
    says: /must be used before its commit/,
  });
  assertThrows(() => commit.put("c", 1), { ...refusal, says: /must be used before its commit/ });
});

suite("a commit has 1,024 keys at most", (store) => {
  const commit = store.atomic();
  for (let i = 0; i < 1024; i++) commit.check(`absent ${i}`, null);
  commit.put("absent 0", 1);
  assertThrows(() => commit.put("one more", 1), {
    type: CommitTooLargeError,
    code: "DINOMO_COMMIT_TOO_LARGE",
    says: /at most 1024 keys, got one more/,
  });
});

suite.run();

test("a commit has its keys as they were given, also where it waits for an update", async () => {
  await using whole = await open<number>({ keys: "mixed", capacity: "16MiB" });
  for (const store of [whole, whole.namespace("n\u00fcmber:"), whole.namespace("ascii:")]) {
    const given = Uint8Array.of(1, 2, 3, 4);
    const begun: Promise<unknown>[] = [];
    for (const updated of ["t\u00e9xt", given.slice()]) {
      begun.push(store.update(updated, () => 1));
      const commit = store.atomic().put(given, 2).put("t\u00e9xt", 2).increment("sum", 1);
      given.fill(9);
      begun.push(commit.commit(), store.update(updated, (value = 0) => value + 1));
      given.set([1, 2, 3, 4]);
    }
    await Promise.all(begun);
    assert.equal(await store.getMany([given, "t\u00e9xt", "sum"]), [3, 2, 2]);
    assert.is(await store.has(Uint8Array.of(9, 9, 9, 9)), false);
  }
});

test("a commit that is issued by a value of its own takes no more of that value", async () => {
  await using store = await open<unknown>({ capacity: "4MiB" });
  const commit = store.atomic().put("a", 1);
  let made: Promise<unknown> | undefined;
  const value = {
    get issued() {
      made ??= commit.commit();
      return true;
    },
  };
  assertThrows(() => commit.put("b", value), {
    type: InvalidArgumentError,
    code: "DINOMO_INVALID_ARGUMENT",
    says: /before its commit/,
  });
  assert.ok(await made);
  assert.ok(await store.atomic().put("c", 3).commit());
  assert.equal(await store.getMany(["a", "b", "c"]), [1, undefined, 3]);
});

test("1,024 keys can be committed together", async () => {
  await using store = await open<number>({ capacity: "64MiB", nodes: 3 });
  const keys = Array.from({ length: 1024 }, (_, i) => `key ${i}`);
  const commit = store.atomic();
  for (const key of keys) commit.increment(key);
  assert.is((await commit.commit())!.versions.length, 1024);
  assert.equal(await store.getMany(keys, { consistent: true }), keys.map(() => 1));
});

test("a commit that fits no segment is refused, and nothing of it is made", async () => {
  await using store = await open<string>({ capacity: "1MiB", segmentBytes: "4KiB" });
  const half = "x".repeat(2000);
  await assertRejects(() => store.atomic().put("a", half).put("b", half).commit(), {
    type: CommitTooLargeError,
    code: "DINOMO_COMMIT_TOO_LARGE",
    says: /must fit a segment of 4096 bytes.*got \d+ bytes; raise segmentBytes/,
  });
  assert.equal(await store.getMany(["a", "b"]), [undefined, undefined]);
});

test("a commit for which a full pool has no room changes nothing, and one that only deletes has", async () => {
  await using store = await open<string>({ capacity: "128KiB", segmentBytes: "4KiB" });
  const value = "x".repeat(700);
  let count = 0;
  let error: unknown;
  while (error === undefined) {
    const number = count;
    error = await errorOf(() =>
      store.atomic().put(`a ${number}`, value).put(`b ${number}`, value).commit()
    );
    if (error === undefined) count += 1;
  }
  assert.instance(error, PoolFullError);
  assert.ok(count > 10, `${count} commits`);
  assert.equal(await store.getMany([`a ${count}`, `b ${count}`]), [undefined, undefined]);
  assert.is(store.stats().count, 2 * count);
  for (let i = 0; i < count; i++) {
    assert.equal(await store.getMany([`a ${i}`, `b ${i}`]), [value, value]);
  }
  // Overwriting takes no more room.
  assert.ok(await store.atomic().put("a 0", value).put("b 1", value).commit());
  assert.ok(await store.atomic().delete("a 0").delete("b 0").delete("a 1").delete("b 1").commit());
  assert.ok(await store.atomic().put("c", value).put("d", value).commit());
});

test("a commit in a cache drops others, and is seen whole", async () => {
  await using store = await open<string>({
    capacity: "256KiB",
    segmentBytes: "4KiB",
    whenFull: "evict",
  });
  for (let i = 0; i < 400; i++) {
    assert.ok(await store.atomic().put(`a ${i}`, "x".repeat(500)).put(`b ${i}`, "y").commit());
    assert.is((await store.get(`a ${i}`))?.length, 500);
  }
  assert.ok(store.stats().count < 800);
});

test("an ordered store has the keys of commits in their order", async () => {
  await using store = await open<number>({
    capacity: "2MiB",
    segmentBytes: "8KiB",
    nodes: 2,
    ordered: true,
  });
  const expected = new Set<string>();
  for (let round = 0; round < 60; round++) {
    const commit = store.atomic();
    for (let i = 0; i < 8; i++) {
      const key = `key ${(round * 37 + i * 101) % 500}`;
      if (expected.has(key)) commit.delete(key);
      else commit.put(key, round);
      if (!expected.delete(key)) expected.add(key);
    }
    assert.ok(await commit.commit());
    const keys: string[] = [];
    for await (const key of store.keys({ prefix: "key 1" })) keys.push(key);
    assert.equal(keys, [...expected].filter((key) => key.startsWith("key 1")).sort());
  }
  const all = [...store.keysSync()];
  assert.equal(all, [...expected].sort());
});

test("watchers are told of the keys of commits", async () => {
  await using store = await open<number>({ capacity: "4MiB", nodes: 2 });
  await using other = await attach<number>(store.share());
  const seen: (number | undefined)[][] = [];
  for await (const entries of other.watch(["a", "b"])) {
    seen.push(entries.map((entry) => entry?.value));
    const round = seen.length;
    if (round > 3) break;
    const commit = store.atomic().put("a", round);
    if (round < 3) commit.put("b", round);
    else commit.delete("b");
    await commit.commit();
  }
  assert.equal(seen, [[undefined, undefined], [1, 1], [2, 2], [3, undefined]]);
});

test("a far store has no commits, and says so", async () => {
  await using store = await open({ capacity: "4MiB", placement: "far" });
  const refusal = {
    type: NearOnlyError,
    code: "DINOMO_NEAR_ONLY",
    says: /must be called on a store with placement "near", got a far one/,
  } as const;
  assertThrows(() => store.atomic(), refusal);
  await assertRejects(() => store.transaction(() => 1), refusal);
});

test("a store that is closed has no commits", async () => {
  const store = await open({ capacity: "4MiB" });
  const attached = await attach(store.share());
  const commit = store.atomic().put("a", 1);
  const other = attached.atomic().put("a", 1);
  await attached.close();
  await store.close();
  const refusal = { type: StoreClosedError, code: "DINOMO_CLOSED", says: /closed/ } as const;
  await assertRejects(() => commit.commit(), refusal);
  await assertRejects(() => other.commit(), refusal);
  assertThrows(() => store.atomic(), refusal);
});

test("commits go on while slots move", async () => {
  await using store = await open<number>({ capacity: "16MiB", nodes: 1 });
  let isOver = false;
  let count = 0;
  const commit = async () => {
    while (!isOver) {
      const made = await store.atomic().increment("a").increment("b").increment("c").commit();
      assert.ok(made);
      count += 1;
      const [a, b, c] = await store.getMany(["a", "b", "c"], { consistent: true });
      assert.ok(a === b && b === c, `${a}, ${b}, ${c}`);
    }
  };
  const committing = Promise.all([commit(), commit()]);
  for (const nodes of [3, 1, 4, 2]) await store.scale(nodes);
  isOver = true;
  await committing;
  assert.equal(await store.getMany(["a", "b", "c"]), [count, count, count]);
});

test("of the commits of one tick all but the first share writes", async () => {
  const options = { path: temporaryPath(), durability: "os", capacity: "4MiB", nodes: 1 } as const;
  await using store = await open<number>(options);
  const batches = () => store.stats().nodes.reduce((sum, node) => sum + node.batches, 0);
  const commit = (i: number) => store.atomic().put(`a${i}`, i).put(`b${i}`, i).commit();
  await commit(0);
  const before = batches();
  for (let tick = 0; tick < 8; tick++) {
    const commits = await Promise.all(Array.from({ length: 8 }, (_, i) => commit(i)));
    assert.ok(commits.every((made) => made !== null));
    // A turn that has lasted long has all of them become requests.
    await setTimeout(1);
  }
  assert.ok(batches() - before < 40, `${batches() - before} groups of 64 commits`);
});

for (const durability of ["memory", "os", "disk"] as const) {
  test(`commits are there when a pool is opened again: ${durability}`, async () => {
    const path = temporaryPath();
    const options = { path, durability, capacity: "4MiB", nodes: 2 } as const;
    {
      await using store = await open<number>(options);
      await store.putMany([["a", 1], ["gone", 1]]);
      for (let i = 0; i < 30; i++) {
        const commit = store.atomic().increment("a").put(`b ${i}`, i).delete("gone");
        assert.ok(
          await commit.commit(durability === "os" && i % 10 === 0 ? { durability: "disk" } : {}),
        );
      }
      if (durability === "memory") await store.snapshot();
    }
    await using store = await open<number>(options);
    assert.is(await store.get("a"), 31);
    assert.is(await store.get("gone"), undefined);
    for (let i = 0; i < 30; i++) assert.is(await store.get(`b ${i}`), i);
  });
}

test.run();
