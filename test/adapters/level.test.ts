/**
 * `dinomo/level` where the tests of abstract-level do not look: threads, files, several databases
 * in a store, what is refused.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DinomoLevel } from "../../lib/adapters/level.ts";
import { InvalidArgumentError, open } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { assertThrows, errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;
const BYTES = { ordered: true, keys: "bytes", codec: "binary", capacity: "8MiB" } as const;
const bytes = (text: string) => new TextEncoder().encode(text);

test("a database in a directory is there again, under each of its encodings", async () => {
  const path = temporaryPath();
  const db = new DinomoLevel<string, unknown>({ path, capacity: "8MiB" }, {
    valueEncoding: "json",
  });
  assert.ok(db.supports.permanence);
  await db.put("a", { n: 1 });
  const sub = db.sublevel<string, Uint8Array>("s", { valueEncoding: "view" });
  await sub.open();
  await sub.batch().put("x", bytes("1")).put("y", bytes("2")).write();
  await db.close();
  await db.open();
  assert.equal(await db.get("a"), { n: 1 });
  assert.equal(db.getSync("a"), { n: 1 });
  await db.close();

  const other = new DinomoLevel({ path });
  assert.is(await other.get("a"), '{"n":1}');
  assert.equal(await other.sublevel("s").iterator({ reverse: true }).all(), [
    ["y", "2"],
    ["x", "1"],
  ]);
  await other.close();
});

test("databases in one store are apart, and closing one leaves the store open", async () => {
  await using store = await open(BYTES);
  const [a, b] = ["a!", "b!"].map((prefix) => new DinomoLevel(store, { prefix }));
  assert.not.ok(a!.supports.permanence);
  for (const db of [a!, b!]) {
    await db.batch([{ type: "put", key: "k", value: db === a ? "a" : "b" }]);
  }
  await a!.clear();
  assert.equal(await a!.keys().all(), []);
  assert.equal(await b!.values().all(), ["b"]);
  await b!.close();
  assert.equal(await store.get(bytes("b!k")), bytes("b"));
  await b!.open();
  assert.is(await b!.get("k"), "b");
});

test("another thread has what was put, and an iterator has what that puts before it", async () => {
  await using store = await open(BYTES);
  const db = new DinomoLevel(store);
  await db.batch([{ type: "put", key: "a", value: "1" }, { type: "put", key: "c", value: "3" }]);
  const thread = await AttachedThread.start(store.share() as never);
  assert.equal(await thread.call("get", bytes("level:a")), bytes("1"));
  const iterator = db.iterator();
  assert.equal(await iterator.next(), ["a", "1"]);
  await thread.call("put", bytes("level:b"), bytes("2"));
  iterator.seek("b");
  assert.equal(await iterator.next(), ["b", "2"]);
  iterator.seek("d");
  assert.is(await iterator.next(), undefined);
  await iterator.close();
  await thread.call("close");
  await thread.leave("exit", 0);
});

test("a batch is made as a whole: one that is too large changes nothing", async () => {
  const db = new DinomoLevel({ capacity: "16MiB", segmentBytes: "256KiB" });
  await db.put("0", "old");
  const batch = Array.from({ length: 1025 }, (_, i) => ({
    type: "put" as const,
    key: `${i}`,
    value: "new",
  }));
  const error = await errorOf(() => db.batch(batch)) as { code: string };
  assert.is(error.code, "DINOMO_COMMIT_TOO_LARGE");
  assert.equal(await db.iterator().all(), [["0", "old"]]);
  await db.batch(batch.slice(1));
  assert.is((await db.keys().all()).length, 1025);
  await db.batch([
    { type: "put", key: "0", value: "a" },
    { type: "del", key: "0" },
    { type: "put", key: "0", value: "b" },
  ]);
  assert.is(await db.get("0"), "b");
  await db.close();
});

test("there are no snapshots, and the manifest says so", async () => {
  const db = new DinomoLevel({ capacity: "8MiB" });
  const supports = db.supports as unknown as Record<string, unknown>;
  assert.is(supports.implicitSnapshots, false);
  assert.is(supports.explicitSnapshots, false);
  await db.close();
});

test("far, a database does what one near does, but for its batches", async () => {
  const db = new DinomoLevel({ capacity: "8MiB", placement: "far" });
  for (const key of ["b", "a"]) await db.put(key, key);
  assert.equal(await db.iterator().all(), [["a", "a"], ["b", "b"]]);
  const error = await errorOf(() => db.batch([{ type: "del", key: "a" }])) as { code: string };
  assert.is(error.code, "DINOMO_NEAR_ONLY");
  await db.close();
});

test("what is no store, or one without an order or without keys of bytes, is refused", async () => {
  const says = /DinomoLevel must be given a store or the options of open, got/;
  assertThrows(() => new DinomoLevel("./db" as never), { ...INVALID, says });
  for (const prefix of ["", 5, new Uint8Array()]) {
    assertThrows(() => new DinomoLevel({}, { prefix } as never), { ...INVALID, says: /prefix/ });
  }
  const rule = { ...INVALID, says: /ordered must be .*true or left out for DinomoLevel/ };
  assertThrows(() => new DinomoLevel({ ordered: false }), rule);
  for (const options of [{ ordered: true }, { keys: "bytes" }] as const) {
    await using store = await open({ ...options, capacity: "8MiB" } as object);
    const db = new DinomoLevel(store);
    const error = await errorOf(() => db.open()) as { code: string; cause: { code: string } };
    assert.is(error.code, "LEVEL_DATABASE_NOT_OPEN");
    assert.match(error.cause.code, /^DINOMO_INVALID_/);
  }
});

test.run();
