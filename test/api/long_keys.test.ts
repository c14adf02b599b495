/**
 * Keys of every length that there may be, in every operation, through a restart, and through a
 * dump.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DELETE, InvalidKeyError, open, type OpenOptions } from "../../mod.ts";
import { dinomoHere } from "../support/command.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { contentsOf, storeSuite } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";
import { applied, assertVersion } from "../support/versions.ts";

const LENGTHS = [1, 1024, 1025, 2047, 2048];
/** Strings of so many bytes. */
const KEYS = LENGTHS.map((length) =>
  length % 2 === 0 ? `é${"x".repeat(length - 2)}` : "y".repeat(length)
);
const TOO_LONG = {
  type: InvalidKeyError,
  code: "DINOMO_INVALID_KEY",
  says: /^key must have 1 to 2048 bytes, got 2049 bytes$/,
} as const;

const test = storeSuite("long keys");

test("every operation takes the longest keys", async (store) => {
  for (const key of KEYS) {
    assertVersion(await store.put(key, 1));
    assertVersion(store.putSync(key, 1));
    assert.equal([await store.get(key), store.getSync(key)], [1, 1]);
    assert.equal([await store.has(key), store.hasSync(key)], [true, true]);
    assert.equal(await store.getEntry(key), store.getEntrySync(key));
    assert.equal([await store.increment(key), store.incrementSync(key, 2)], [2, 4]);
    assert.is((await store.incrementEntry(key, 1, { ttlIfNew: 9e6, max: 9 }))?.value, 5);
    assert.is(await store.update(key, (old) => Number(old) + 1), 6);
    assert.is(store.updateSync(key, (old) => Number(old) + 1), 7);
    assertVersion(await store.touch(key, { ttl: 9e6 }));
    const { version } = store.getEntrySync(key)!;
    assert.is(await applied(store.compareAndSet(key, version, "x".repeat(600))), true);
    assert.is(await store.compareAndDelete(key, version), false);
    assert.is(await store.getAndDelete(key), "x".repeat(600));
    assert.is(await store.delete(key), false);
    assert.is(store.incrementSync(key, 5, { ttlIfNew: 9e6 }), 5);
    assert.is(store.getAndDeleteSync(key), 5);
  }
  const values = KEYS.map((key, i) => `${i} of ${key.length}`);
  await store.putMany(KEYS.map((key, i) => [key, values[i]!, { ttl: 9e6 }]));
  for (const consistent of [false, true]) {
    assert.equal(await store.getMany(KEYS, { consistent }), values);
  }
  assert.equal((await contentsOf(store)).map(([key]) => key), [...KEYS].sort());
  assert.equal((await contentsOf(store, KEYS[4])).map(([key]) => key), [KEYS[4]]);
  assert.is(store.count, KEYS.length);
  assert.equal(await store.deleteMany(KEYS), KEYS.map(() => true));
  await Promise.all(KEYS.map((key) => store.update(key, () => DELETE)));
  assert.is(store.count, 0);
});

test("keys that differ in their last byte only are different", async (store) => {
  for (const length of [2047, 2048]) {
    const [one, other] = ["1", "2"].map((end) => "k".repeat(length - 1) + end) as [string, string];
    await store.put(one, 1);
    store.putSync(other, 2);
    assert.equal(await store.getMany([one, other, one.slice(0, -1)]), [1, 2, undefined]);
    assert.equal(store.deleteManySync([one, other]), [true, true]);
  }
});

test("a longer key is refused by every operation", async (store) => {
  const key = "k".repeat(2049);
  for (
    const operation of [
      () => store.get(key),
      () => store.put(key, 1),
      () => store.delete(key),
      () => store.update(key, () => 1),
      () => store.increment(key),
      () => store.touch(key, { ttl: 1 }),
      () => store.getMany([key], { consistent: true }),
    ]
  ) await assertRejects(operation, TOO_LONG);
  assertThrows(() => store.putSync(key, 1), TOO_LONG);
  assertThrows(() => store.updateSync(key, () => 1), TOO_LONG);
});

test.run();

const durable = suite("long keys in files");

for (const placement of ["near", "far"] as const) {
  for (const durability of ["memory", "os"] as const) {
    durable(`${placement}, ${durability}: restart, dump and restore`, async () => {
      const path = temporaryPath();
      const options: OpenOptions = {
        path,
        placement,
        durability,
        capacity: "1MiB",
        segmentBytes: "4KiB",
        ringBytes: "8KiB",
      };
      const entries: [string, string][] = KEYS.map((key, i) => [key, `value ${i}`]);
      {
        await using store = await open<unknown>(options);
        // Several times: segments are cleaned by that.
        for (let round = 0; round < 40; round++) await store.putMany(entries);
        // What comes later is in the log only, when the process is killed; here it is replayed.
        if (durability === "os") await store.snapshot();
        await store.putMany(entries);
      }
      {
        await using store = await open<unknown>(options);
        assert.equal(await store.getMany(KEYS), entries.map(([, value]) => value));
      }
      const dumped = await dinomoHere(["dump", path]);
      assert.is(dumped.exitCode, 0, dumped.stderr);
      const file = temporaryPath();
      writeFileSync(file, dumped.stdout);
      const restored = temporaryPath();
      const { exitCode, stderr } = await dinomoHere(["restore", restored, "--input", file]);
      assert.is(exitCode, 0, stderr);
      await using store = await open<unknown>({ path: restored });
      assert.equal(await store.getMany(KEYS), entries.map(([, value]) => value));
      assert.is(store.count, KEYS.length);
    });
  }
}

durable.run();
