/**
 * Transactions: what they read is of one moment, what they change is changed then, and they are run
 * again when they are disturbed.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  attach,
  ConflictError,
  InvalidArgumentError,
  isDinomoError,
  open,
  type Store,
  type Transaction,
} from "../../mod.ts";
import { backOffMs } from "../../lib/store/commits/transaction.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { NEAR_SETUPS, storeSuite } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const suite = storeSuite("transactions", NEAR_SETUPS);
const REFUSAL = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

suite("a transaction reads, changes, and returns what its function returns", async (store) => {
  await store.putMany([["a", 1], ["b", 2], ["c", 3]]);
  const result = await store.transaction(async (tx) => {
    assert.is(await tx.get("a"), 1);
    assert.equal(await tx.getMany(["b", "none", "a"]), [2, undefined, 1]);
    assert.is(await tx.has("c"), true);
    tx.put("a", 10, { ttl: 3_600_000 });
    tx.delete("c");
    tx.increment("count", 2);
    tx.put("new", 5);
    return "done";
  });
  assert.is(result, "done");
  assert.equal(await store.getMany(["a", "b", "c", "count", "new"]), [10, 2, undefined, 2, 5]);
  assert.ok((await store.getEntry("a"))!.expiresAt! > Date.now());
});

suite("its reads see its own changes, and nobody else does before the end", async (store) => {
  await store.put("a", 1);
  await store.transaction(async (tx) => {
    tx.put("a", 2);
    tx.put("b", 3);
    tx.put("b", 4);
    assert.equal(await tx.getMany(["a", "b"]), [2, 4]);
    tx.delete("a");
    assert.is(await tx.get("a"), undefined);
    assert.is(await tx.has("a"), false);
    assert.is(await tx.has("b"), true);
    assert.equal(await store.getMany(["a", "b"]), [1, undefined]);
  });
  assert.equal(await store.getMany(["a", "b"]), [undefined, 4]);
});

suite("one that throws changes nothing, and is not run again", async (store) => {
  let runs = 0;
  const error = await errorOf(() =>
    store.transaction((tx) => {
      runs += 1;
      tx.put("a", 1);
      throw new RangeError("not enough");
    })
  );
  assert.instance(error, RangeError);
  assert.is(runs, 1);
  assert.is(await store.get("a"), undefined);
});

suite(
  "it is run again when what it has read has changed, also when that did not exist",
  async (store) => {
    await store.put("a", 1);
    for (const key of ["a", "absent"]) {
      let runs = 0;
      await store.transaction(async (tx) => {
        runs += 1;
        const value = (await tx.get(key) as number | undefined) ?? 0;
        if (runs === 1) await store.put(key, 100);
        tx.put(key, value + 1);
      });
      assert.is(runs, 2);
      assert.is(await store.get(key), 101);
    }
  },
);

suite(
  "what it reads is of one moment: a read after a change by others ends the run",
  async (store) => {
    await store.putMany([["a", 50], ["b", 50]]);
    const sums: number[] = [];
    let runs = 0;
    await store.transaction(async (tx) => {
      runs += 1;
      const a = await tx.get("a") as number;
      if (runs === 1) await store.atomic().increment("a", -10).increment("b", 10).commit();
      const b = await tx.get("b") as number;
      sums.push(a + b);
    });
    assert.equal([runs, sums], [2, [100]]);
  },
);

suite("calls that read one key at once have read the same", async (store) => {
  await store.put("a", 1);
  let runs = 0;
  const read = await store.transaction((tx) => {
    runs += 1;
    const one = tx.getMany(["a"]);
    if (runs === 1) store.putSync("a", 2);
    return Promise.all([one, tx.getMany(["a", "a"])]);
  });
  const [[first]] = read;
  assert.equal(read, [[first], [first, first]], `${runs} runs`);
});

suite("what is put is encoded when the function has ended", async (store) => {
  const list = [1];
  await store.transaction(async (tx) => {
    tx.put("list", list);
    list.push(2);
    await tx.get("other");
    list.push(3);
  });
  list.push(4);
  assert.equal(await store.get("list"), [1, 2, 3]);
});

suite("a function cannot hide that its run is over", async (store) => {
  await store.putMany([["a", 1], ["b", 1]]);
  let runs = 0;
  await store.transaction(async (tx) => {
    runs += 1;
    try {
      await tx.get("a");
      if (runs === 1) await store.put("a", 2);
      await tx.get("b");
    } catch (error) {
      assert.ok(isDinomoError(error) && error.code === "DINOMO_CONFLICT");
    }
    if (runs > 1) tx.put("b", await tx.get("a"));
  });
  assert.is(runs, 2);
  assert.is(await store.get("b"), 2);
});

suite("reads alone need no commit", async (store) => {
  await store.put("a", 1);
  const before = (await store.getEntry("a"))!.version;
  assert.is(await store.transaction((tx) => tx.get("a")), 1);
  assert.is((await store.getEntry("a"))!.version, before);
});

suite("it sees what its thread has issued before, awaited or not", async (store) => {
  void store.put("a", 1);
  void store.update("b", () => 2);
  await store.transaction(async (tx) => {
    assert.equal(await tx.getMany(["a", "b"]), [1, 2]);
    tx.put("a", 3);
  });
  assert.is(await store.get("a"), 3);
});

suite("misuse is refused", async (store) => {
  let kept: Transaction<unknown> | undefined;
  await store.transaction(async (tx) => {
    kept = tx as Transaction<unknown>;
    tx.increment("n");
    await assertRejects(() => tx.get("n"), {
      ...REFUSAL,
      says: /not be read after it was incremented/,
    });
    tx.put("m", 1);
    assert.throws(() => tx.increment("m"), /must not be changed before it is incremented/);
  });
  assert.is(await store.get("n"), 1);
  await assertRejects(() => kept!.get("a"), { ...REFUSAL, says: /used by its own function only/ });
  assert.throws(() => kept!.put("a", 1), /used by its own function only/);
  await assertRejects(() => store.transaction(5 as never), {
    ...REFUSAL,
    says: /run must be a function/,
  });
  await assertRejects(
    () => store.transaction((tx) => tx.put("a", 1), { durability: "never" as never }),
    { ...REFUSAL, says: /durability must be/ },
  );
});

suite.run();

test("transactions of several stores move ones between accounts, and none is lost", async () => {
  await using store = await open<number>({ capacity: "4MiB", segmentBytes: "16KiB", nodes: 2 });
  await using other = await attach<number>(store.share());
  const keys = ["a", "b", "c", "d"];
  await store.putMany(keys.map((key) => [key, 100]));
  let runs = 0;
  const move = async (own: Store<number>, start: number) => {
    for (let i = 0; i < 40; i++) {
      const [from, to] = [keys[(start + i) % 4]!, keys[(start + i * 3 + 1) % 4]!];
      if (from === to) continue;
      await own.transaction(async (tx) => {
        runs += 1;
        const value = (await tx.get(from))!;
        const rest = (await tx.get(to))!;
        tx.put(from, value - 1);
        tx.put(to, rest + 1);
      });
    }
  };
  await Promise.all([move(store, 0), move(other, 1), move(store, 2), move(other, 3)]);
  const sum = (await store.getMany(keys)).reduce((total, value) => total! + value!, 0);
  assert.is(sum, 400);
  assert.ok(runs > 80, `${runs} runs`);
});

test("the wait before another run grows, up to a bound", () => {
  const waits = Array.from({ length: 63 }, (_, i) => backOffMs(i + 1, 1));
  assert.equal(waits.slice(0, 7), [0.5, 1, 2, 4, 8, 16, 16]);
  assert.is(Math.max(...waits), 16);
  for (let i = 0; i < 100; i++) assert.ok(backOffMs(5) <= 8);
});

test("a transaction is as durable as it is told to be", async () => {
  await using store = await open<number>({ path: temporaryPath(), capacity: "1MiB" });
  await store.transaction((tx) => tx.put("a", 1));
  const before = store.stats().durability;
  assert.ok(before.unsyncedBytes > 0);
  const result = await store.transaction(async (tx) => {
    tx.put("a", (await tx.get("a"))! + 1);
    return "done";
  }, { durability: "disk" });
  assert.is(result, "done");
  const { syncs, unsyncedBytes } = store.stats().durability;
  assert.is(unsyncedBytes, 0);
  assert.ok(syncs.count > before.syncs.count);
});

test("one that is disturbed each time gives up after 64 runs", async () => {
  await using store = await open<number>({ capacity: "4MiB" });
  await store.put("a", 0);
  let runs = 0;
  await assertRejects(() =>
    store.transaction(async (tx) => {
      runs += 1;
      const value = (await tx.get("a"))!;
      await store.increment("a");
      tx.put("a", value);
    }), {
    type: ConflictError,
    code: "DINOMO_CONFLICT",
    says: /must find what it has read unchanged.*each of 64 runs/,
  });
  assert.is(runs, 64);
  assert.is(await store.get("a"), 64);
});

test("one whose sum is out of bounds is not run again, but says so", async () => {
  await using store = await open<number>({ capacity: "4MiB" });
  await store.putMany([["stock", 1], ["price", 5]]);
  let runs = 0;
  const buy = () =>
    store.transaction(async (tx) => {
      runs += 1;
      tx.put("paid", (await tx.get("price"))! + (await tx.get("paid") ?? 0));
      tx.increment("stock", -1, { min: 0 });
    });
  await buy();
  await assertRejects(buy, {
    type: ConflictError,
    code: "DINOMO_CONFLICT",
    says: /must be within the min and max of its increments/,
  });
  assert.is(runs, 2);
  assert.equal(await store.getMany(["stock", "paid"]), [0, 5]);
  // What others change meanwhile has it run again, also where there is a bound.
  await store.transaction(async (tx) => {
    runs += 1;
    const paid = (await tx.get("paid"))!;
    if (runs === 3) await store.putMany([["paid", 6], ["stock", 1]]);
    tx.put("paid", paid + 5);
    tx.increment("stock", -1, { min: 0 });
  });
  assert.is(runs, 4);
  assert.equal(await store.getMany(["stock", "paid"]), [0, 11]);
});

test.run();
