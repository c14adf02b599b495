/**
 * Stores that are filled from the files of another pool.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type CustomCodec, open } from "../../mod.ts";
import { errorThatSays } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";
import { ToldShares } from "../support/told_shares.ts";

const CAPACITY = { capacity: "4MiB" } as const;
const TEXT: CustomCodec<string> = {
  encode: (value) => new TextEncoder().encode(`own ${value}`),
  decode: (bytes) => new TextDecoder().decode(bytes.subarray(4)),
};

/** A backup of a store with some keys; two of them have lives that end. */
async function makeBackup(later: number): Promise<string> {
  const path = temporaryPath("backup");
  await using store = await open<unknown>({ ...CAPACITY, keys: "mixed" });
  await store.putMany([
    ["user", { name: "Ada", age: 36 }],
    ["other", { name: "Bob", age: 40 }],
    [Uint8Array.of(1), 1],
    ["for long", 2, { expiresAt: later }],
    ["gone", 3, { ttl: 1 }],
    ...Array.from({ length: 1500 }, (_, i) => [`key ${i}`, "x".repeat(i % 700)] as const),
  ]);
  await store.backup(path);
  return path;
}

test("a restore puts what a store does not have, with values and expiry times", async () => {
  const later = Date.now() + 3_600_000;
  const path = await makeBackup(later);
  await using store = await open<unknown>({ ...CAPACITY, keys: "mixed" });
  await store.put("user", "its own");
  const version = (await store.getEntry("user"))!.version;
  const refused = await errorThatSays(
    () => store.restore(path),
    'one with the key the string "user"',
  );
  assert.is(refused.code, "DINOMO_INVALID_ARGUMENT");
  const shares = new ToldShares();
  const { onProgress } = shares;
  const report = await store.restore(path, { merge: true, onProgress });
  assert.equal([report.restored, report.kept], [1503, 1]);
  assert.ok(report.durationMs > 0 && shares.told.length >= 3);
  shares.assertDone();
  assert.equal(await store.getEntry("user"), { value: "its own", version });
  assert.equal(await store.get("other"), { name: "Bob", age: 40 });
  assert.is(await store.get(Uint8Array.of(1)), 1);
  assert.is((await store.getEntry("for long"))!.expiresAt, later);
  assert.is(await store.get("gone"), undefined);
  assert.is(await store.get("key 699"), "x".repeat(699));
  await store.delete("other");
  const again = await store.restore(path, { merge: true });
  assert.equal([again.restored, again.kept], [1, 1503]);
  // The pool is as it was.
  await using copy = await open<unknown>({ path, keys: "mixed" });
  assert.equal(copy.getSync("user"), { name: "Ada", age: 36 });
});

test("what cannot be restored is refused, and says why", async () => {
  const path = await makeBackup(Date.now() + 3_600_000);
  await using store = await open<unknown>({ ...CAPACITY });
  const of = (directory: string, said: string, options?: object) =>
    errorThatSays(() => store.restore(directory, options), said);
  await of(temporaryPath("nothing"), "does not exist");
  await of(path, "merge must be a boolean", { merge: 1 });
  await of(path, "options must be among", { into: 1 });
  await of(path, "given up", { signal: AbortSignal.abort(new Error("given up")) });
  assert.is(store.count, 0);
  // Its keys are strings.
  const error = await of(path, "a pool that this store can hold", { merge: true });
  assert.is(error.code, "DINOMO_INVALID_VALUE");
  {
    await using _ = await open({ path, keys: "mixed" });
    const locked = await of(path, "path", { merge: true });
    assert.is(locked.code, "DINOMO_LOCKED");
  }
  const checkpoint = join(path, "checkpoint");
  const bytes = readFileSync(checkpoint);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(checkpoint, bytes);
  const damaged = await of(path, "checkpoint", { merge: true });
  assert.is(damaged.code, "DINOMO_CORRUPTION");
});

test("values are encoded anew, and those of an own codec by the store's", async () => {
  const path = temporaryPath("own");
  {
    await using source = await open<string>({ path, ...CAPACITY, codec: TEXT });
    await source.put("a", "value");
  }
  await using same = await open<string>({ ...CAPACITY, codec: TEXT });
  await same.restore(path);
  assert.is(await same.get("a"), "value");
  await using plain = await open<unknown>({ ...CAPACITY });
  await errorThatSays(() => plain.restore(path), "whose values this store can decode");
  const json = temporaryPath("json");
  {
    await using source = await open<unknown>({ path: json, ...CAPACITY, codec: "json" });
    await source.put("a", { b: [1] });
  }
  await plain.restore(json);
  assert.equal(await plain.get("a"), { b: [1] });
  await using reading = await open({ path: json, codec: "json", readOnly: true });
  await errorThatSays(() => reading.restore(json, { merge: true }), "restore must be called");
});

test.run();
