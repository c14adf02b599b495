/**
 * What keeps a nested call from disturbing the one that it is nested in, and what keeps operations
 * behind updates: one by one, on a small store.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type CustomCodec, InvalidArgumentError, open, type Store } from "../../mod.ts";
import { KeyQueues } from "../../lib/client/key_queues.ts";
import { SyncCompletions } from "../../lib/client/completions.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { StoreEvents } from "../../lib/store/parts/events.ts";
import { errorOf } from "../support/errors.ts";

const SMALL = { capacity: "1MiB", segmentBytes: "16KiB", ringBytes: "8KiB" } as const;

test("a synchronous call within another one has a completion of its own", () => {
  const completions = new SyncCompletions();
  const outer = completions.take();
  const inner = completions.take();
  assert.is.not(outer, inner);
  inner.settle(0);
  assert.is(outer.isSettled, false);
  completions.give(inner);
  assert.is(completions.take(), inner);
  assert.is(inner.isSettled, false);
});

test("events are dispatched after what is being done, in their order", async () => {
  const events = new StoreEvents({});
  const seen: number[] = [];
  events.target.addEventListener("nodeadded", (event) => {
    seen.push((event as unknown as { detail: { node: number } }).detail.node);
  });
  events.emit("nodeadded", { node: 1 });
  events.emit("nodeadded", { node: 2 });
  assert.equal(seen, []);
  await Promise.resolve();
  assert.equal(seen, [1, 2]);
  for (let node = 0; node < 5000; node++) events.emit("nodeadded", { node });
  await Promise.resolve();
  assert.is(seen.at(-1), 4999);
  assert.is(seen.length, 2 + 1024);
});

test("an encoder takes over another one's key", () => {
  const [one, other] = [new KeyEncoder(1, 2), new KeyEncoder(1, 2)];
  for (const key of ["a", "abcd", "a much longer key", "schlüssel", new Uint8Array([1, 2, 3])]) {
    one.encode(key);
    assert.is(other.equals(one), false);
    other.copy(one);
    assert.ok(other.equals(one));
    assert.is(other.isBinary, one.isBinary);
  }
});

const addOne = (old: unknown) => (old as number ?? 0) + 1;

test("a put behind an update stores its own value", async () => {
  const store = await open<unknown>(SMALL);
  for (let i = 0; i < 20; i++) {
    void store.update("n", addOne);
    void store.put("n", i * 1000);
    void store.increment("n");
    assert.is(await store.get("n"), i * 1000 + 1);
    assert.is(await store.update("n", addOne), i * 1000 + 2);
  }
  await store.close();
});

test("a synchronous operation waits for updates of its key", async () => {
  const store = await open<unknown>(SMALL);
  const sum = store.update("n", addOne);
  assert.is(store.getSync("n"), 1);
  const next = store.update("n", addOne);
  store.putSync("n", 10);
  assert.is(store.getSync("n"), 10);
  assert.equal(await Promise.all([sum, next]), [1, 2]);
  void store.update("n", addOne);
  assert.is(store.deleteSync("n"), true);
  assert.is(store.hasSync("n"), false);
  await store.close();
});

test("updates call their functions once each, and flush waits for them", async () => {
  const store = await open<number>(SMALL);
  let calls = 0;
  for (let i = 0; i < 100; i++) void store.update("n", (old) => (calls += 1, (old ?? 0) + 1));
  await store.flush();
  assert.is(calls, 100);
  assert.is(store.stats().pending, 0);
  assert.is(store.getSync("n"), 100);
  await store.close();
});

test("keys whose hashes are equal have queues of their own", () => {
  const client = { begin: () => 1, end: () => {} };
  const queues = new KeyQueues(client as unknown as ConstructorParameters<typeof KeyQueues>[0]);
  const [one, other] = [new KeyEncoder(1, 2), new KeyEncoder(1, 2)];
  one.encode("a");
  other.encode("b");
  other.hash = one.hash;
  const turn = { bytes: 0, advance: () => false } as unknown as Parameters<KeyQueues["add"]>[1];
  queues.add(one, turn);
  assert.is(queues.find(other), undefined);
  assert.ok(queues.find(one)!.key.equals(one));
});

test("a value that was decoded in the middle of another read is cached under its key", async () => {
  const opened: { store?: Store<unknown> } = {};
  const codec: CustomCodec<unknown> = {
    encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
    decode: (bytes) => {
      const value = JSON.parse(new TextDecoder().decode(bytes));
      if (value.reads !== undefined) opened.store!.getSync(value.reads);
      return value;
    },
  };
  const store = opened.store = await open<unknown>({ ...SMALL, codec, cache: "16KiB" });
  await store.put("a", { reads: "b" });
  await store.put("b", { name: "b" });
  assert.equal(store.getSync("a"), { reads: "b" });
  const hits = () => store.stats().cache!.hits;
  const before = hits();
  assert.equal(store.getSync("a"), { reads: "b" });
  assert.equal(store.getSync("b"), { name: "b" });
  assert.is(hits() - before, 2);
  await store.close();
});

test("a prefix with a lone surrogate is refused", async () => {
  const store = await open<number>(SMALL);
  await store.put("\ufffd", 1);
  for (const prefix of ["\ud800", "a\udc00", "\ud83e"]) {
    for (const iterate of [store.keys({ prefix }), store.entries({ prefix })]) {
      const error = await errorOf(() => iterate.next());
      assert.instance(error, InvalidArgumentError);
      assert.match((error as Error).message, "lone surrogate");
    }
  }
  const keys: unknown[] = [];
  for await (const key of store.keys({ prefix: "\ufffd" })) keys.push(key);
  assert.equal(keys, ["\ufffd"]);
  await store.close();
});

for (const placement of ["near", "far"] as const) {
  test(`getMany of many keys lets timers fire, ${placement}`, async () => {
    const store = await open<number>({ capacity: "4MiB", placement });
    await store.put("a", 1);
    let fired = 0;
    const tick = () => {
      fired += 1;
      timer = setTimeout(tick, 1);
    };
    let timer = setTimeout(tick, 1);
    const keys = Array.from({ length: placement === "far" ? 30_000 : 300_000 }, () => "a");
    const values = await store.getMany(keys);
    clearTimeout(timer);
    assert.is(values.length, keys.length);
    assert.ok(values.every((value) => value === 1));
    assert.ok(fired > 1, `${fired}`);
    await store.close();
  });
}

test.run();
