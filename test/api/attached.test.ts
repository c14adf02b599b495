/**
 * Threads that attach to a store: what they can do, how they come and go, and what becomes of them
 * when the store is closed.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  attach,
  HostOnlyError,
  InvalidArgumentError,
  InvalidOptionError,
  NodeFailedError,
  open,
  type OpenOptions,
  PoolLockedError,
  SnapshotError,
  type Store,
  StoreClosedError,
  type StoreHandle,
  TooManyClientsError,
} from "../../mod.ts";
import { AttachedThread, ThreadError } from "../support/attached_thread.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = { capacity: "4MiB", segmentBytes: "16KiB" } as const;

async function withStore(
  options: OpenOptions<unknown>,
  body: (store: Store<unknown>) => Promise<void>,
): Promise<void> {
  const store = await open<unknown>({ ...SIZES, ...options });
  try {
    await body(store);
  } finally {
    await store.close();
  }
}

async function assertCode(call: () => Promise<unknown>, code: string): Promise<void> {
  const error = await errorOf(call);
  assert.instance(error, ThreadError);
  assert.is((error as ThreadError).code, code, String(error));
}

test("what one thread writes every other reads, whichever way the handle has gone", () =>
  withStore({ nodes: 2 }, async (store) => {
    const first = await AttachedThread.start(store.share());
    const handle = await first.call("share") as StoreHandle;
    const second = await AttachedThread.start();
    await second.order({ kind: "attach", handle });
    await first.call("put", "a", { from: "first", at: new Date(5) });
    assert.equal(await second.call("get", "a"), { from: "first", at: new Date(5) });
    assert.equal(store.getSync("a"), { from: "first", at: new Date(5) });
    await second.call("putSync", "a", { from: "second" });
    assert.equal(await first.call("getSync", "a"), { from: "second" });
    store.putSync("b", 1);
    assert.is(await first.call("increment", "b", 2), 3);
    assert.is(await second.call("delete", "b"), true);
    assert.is(store.hasSync("b"), false);
    assert.is(store.stats().attached, 2);
    for (const thread of [first, second]) {
      await thread.call("close");
      await thread.terminate();
    }
    await until(() => store.stats().attached === 0);
  }));

test("three threads increment the same counters, and none is lost", () =>
  withStore({ nodes: 2 }, async (store) => {
    const threads = await Promise.all([1, 2].map(() => AttachedThread.start(store.share())));
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < 300; i++) {
      for (const thread of threads) ends.push(thread.call("increment", `counter ${i % 3}`));
      ends.push(store.increment(`counter ${i % 3}`));
    }
    await Promise.all(ends);
    const counts = await store.getMany(["counter 0", "counter 1", "counter 2"]);
    assert.equal(counts, [300, 300, 300]);
    await Promise.all(threads.map((thread) => thread.leave("exit", 0)));
  }));

test("an attached thread works on while the store is scaled", () =>
  withStore({ nodes: 1 }, async (store) => {
    const thread = await AttachedThread.start(store.share());
    let count = 0;
    let isDone = false;
    const writing = (async () => {
      while (!isDone) {
        const entries = Array.from({ length: 50 }, (_, i) => [`key ${i}`, count + i]);
        await thread.call("putMany", entries);
        count += 1;
      }
    })();
    for (const nodes of [3, 1, 4, 2]) {
      await store.scale(nodes);
      const before = count;
      await until(() => count > before);
    }
    isDone = true;
    await writing;
    for (let i = 0; i < 50; i++) assert.is(store.getSync(`key ${i}`), count - 1 + i);
    await thread.leave("exit", 0);
  }));

test("what is about the whole store is refused in an attached thread", () =>
  withStore({}, async (store) => {
    const attached = await attach(store.share());
    const refused = { type: HostOnlyError, code: "DINOMO_HOST_ONLY" } as const;
    await assertRejects(() => attached.scale(2), { ...refused, says: /^scale must be called in/ });
    await assertRejects(() => attached.snapshot(), { ...refused, says: /^snapshot must be/ });
    await assertRejects(() => attached.backup("/x"), { ...refused, says: /^backup must be/ });
    assert.is(attached.nodes, 1);
    assert.is(attached.recovery, undefined);
    assert.is(attached.stats().nodesFailed, undefined);
    assert.is(store.stats().nodesFailed, 0);
    await attached.close();
  }));

test("what is no handle is refused, and so is a codec that is not the store's", async () => {
  for (const value of [undefined, null, 1, "handle", {}, { dinomo: 1 }, { dinomo: 1, pool: {} }]) {
    await assertRejects(() => attach(value as unknown as StoreHandle), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^handle must be what share\(\) has returned, got /,
    });
  }
  const invalid = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION" } as const;
  await withStore({ codec: "json" }, async (store) => {
    const other = { ...store.share(), dinomo: 99 };
    await assertRejects(() => attach(other), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /version 2, got one of version 99/,
    });
    const says = /^codec must be the one that the store was opened with, json, got msgpack/;
    await assertRejects(() => attach(store.share(), { codec: "msgpack" }), { ...invalid, says });
    const options = { nodes: 2 } as object;
    await assertRejects(() => attach(store.share(), options), { ...invalid, says: /got nodes/ });
    assert.is(store.stats().attached, 0, "who is refused takes no place");
    const attached = await attach(store.share());
    await attached.put("a", [1]);
    assert.equal(store.getSync("a"), [1]);
    await attached.close();
  });
});

test("a codec of the application's own is given to both threads", async () => {
  const codec = {
    encode: (value: string) => new TextEncoder().encode(value.toUpperCase()),
    decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes.slice()),
  };
  const store = await open<string>({ ...SIZES, codec });
  await assertRejects(() => attach(store.share()), {
    type: InvalidOptionError,
    code: "DINOMO_INVALID_OPTION",
    says: /^codec must be given to attach, too/,
  });
  const attached = await attach<string>(store.share(), { codec });
  await attached.put("a", "shout");
  assert.is(store.getSync("a"), "SHOUT");
  await attached.close();
  await store.close();
});

test("there are as many places as the option says, and a place that was given back is free", () =>
  withStore({ clients: 3 }, async (store) => {
    const first = await attach(store.share());
    const second = await attach(store.share());
    await assertRejects(() => attach(store.share()), {
      type: TooManyClientsError,
      code: "DINOMO_TOO_MANY_CLIENTS",
      says: /^at most 3 threads may use the store/,
    });
    await first.put("a", 1);
    await first.close();
    const third = await attach(store.share());
    await third.put("a", 2);
    assert.is(second.getSync("a"), 2);
    assertThrows(() => first.getSync("a"), {
      type: StoreClosedError,
      code: "DINOMO_CLOSED",
      says: /has been closed/,
    });
    await third.close();
    await second.close();
  }));

test("sixty-three threads' stores are attached at one time, and all of them work", () =>
  withStore({ nodes: 2 }, async (store) => {
    const stores = await Promise.all(
      Array.from({ length: 63 }, () => attach<unknown>(store.share())),
    );
    await Promise.all(stores.map((attached, i) => attached.put(`key ${i}`, i)));
    for (let i = 0; i < 63; i++) assert.is(stores[(i + 7) % 63]!.getSync(`key ${i}`), i);
    await assertRejects(() => attach(store.share()), {
      type: TooManyClientsError,
      code: "DINOMO_TOO_MANY_CLIENTS",
      says: /64/,
    });
    await Promise.all(stores.map((attached) => attached.close()));
    assert.is(store.stats().attached, 0);
  }));

const LEAVINGS: readonly [string, (thread: AttachedThread) => Promise<void>][] = [
  ["ends itself", (thread) => thread.leave("exit", 200)],
  ["throws", (thread) => thread.leave("throw", 200)],
  ["is terminated", (thread) => thread.terminate()],
];

for (const [name, leave] of LEAVINGS) {
  test(`the place of a thread that ${name} is free again, and nobody else is disturbed`, () =>
    withStore({ nodes: 2, clients: 3 }, async (store) => {
      const lost: number[] = [];
      store.addEventListener("clientlost", ({ detail }) => lost.push(detail.client));
      const staying = await AttachedThread.start(store.share());
      for (let round = 0; round < 3; round++) {
        const leaving = await AttachedThread.start(store.share());
        await leaving.call("put", "big", new Uint8Array(12_000).fill(round));
        await leave(leaving);
        await staying.call("put", `key ${round}`, round);
        assert.is(store.getSync(`key ${round}`), round);
        await until(() => lost.length === round + 1);
      }
      assert.is(store.stats().attached, 1);
      await staying.leave("exit", 0);
      await until(() => lost.length === 4);
    }));
}

test("a thread that dies while it acts for a KN is a failure of that KN, and nothing is lost", () =>
  withStore({ nodes: 2 }, async (store) => {
    const failures: string[] = [];
    store.addEventListener("nodefailed", ({ detail }) => failures.push(detail.reason));
    for (const accesses of [3, 17, 29, 41, 66]) {
      const thread = await AttachedThread.start(store.share());
      for (let i = 0; i < 20; i++) await thread.call("put", `key ${i}`, `${accesses} ${i}`);
      const before = failures.length;
      await thread.order({ kind: "die-helping", accesses });
      const puts = thread.call("putMany", [["dying", accesses], ["key 3", `${accesses} 3`]]);
      await errorOf(() => puts);
      await thread.ended;
      for (let i = 0; i < 20; i++) {
        assert.is(store.getSync(`key ${i}`), `${accesses} ${i}`);
        // Also where the dead thread was in the middle of a change.
        await store.put(`key ${i}`, i);
      }
      await until(() => failures.length > before && store.stats().zombies === 0);
    }
    assert.ok(failures.every((reason) => /client/.test(reason)), failures.join());
  }));

test("a store that is closed while a zombie may still write keeps its directory until it has let go", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ ...SIZES, path, durability: "os" });
  const thread = await AttachedThread.start(store.share());
  await thread.call("put", "before", 1);
  await thread.order({ kind: "stall-helping", accesses: 40, durationMs: 7000 });
  const stalled = errorOf(() => thread.call("putMany", [["a", 1], ["b", 2], ["c", 3], ["d", 4]]));
  await until(() => store.stats().nodesFailed === 1);
  assert.is(store.stats().zombies, 1);
  // The others go on, apart from the slots that the zombie holds.
  await store.put("during", 2);
  const error = await errorOf(() => store.close());
  assert.ok(error instanceof SnapshotError || error instanceof NodeFailedError, String(error));
  await assertRejects(() => open({ path }), {
    type: PoolLockedError,
    code: "DINOMO_LOCKED",
    says: /which this thread/,
  });
  await stalled;
  await until(async () => await errorOf(async () => (await open({ path })).close()) === undefined);
  const again = await open<unknown>({ path });
  assert.equal(await again.getMany(["before", "during"]), [1, 2]);
  await again.close();
  await thread.terminate();
});

test("closing the store closes those that are attached, with an error that says so", async () => {
  const store = await open<unknown>({ ...SIZES });
  const thread = await AttachedThread.start(store.share());
  await thread.call("put", "a", 1);
  const handle = store.share();
  const local = await attach(handle);
  await store.close();
  const closed = {
    type: StoreClosedError,
    code: "DINOMO_CLOSED",
    says: /^the store must be open, and was closed by the thread that opened it/,
  } as const;
  assertThrows(() => local.getSync("a"), closed);
  await assertRejects(() => local.put("a", 2), closed);
  assertThrows(() => local.share(), closed);
  await assertRejects(() => attach(handle), closed);
  await assertCode(() => thread.call("put", "a", 2), "DINOMO_CLOSED");
  await assertCode(() => thread.call("getSync", "a"), "DINOMO_CLOSED");
  await local.close();
  await thread.call("close");
  await thread.terminate();
});

test("what an attached thread has under way when the store is closed ends", async () => {
  for (let round = 0; round < 3; round++) {
    const store = await open<unknown>({ ...SIZES, nodes: 2 });
    const local = await attach(store.share());
    const ends = Array.from({ length: 500 }, (_, i) => errorOf(() => local.put(`key ${i}`, i)));
    await setTimeout(round);
    await store.close();
    for (const error of await Promise.all(ends)) {
      assert.ok(error === undefined || error instanceof StoreClosedError, String(error));
    }
    await local.close();
  }
});

test("an attached thread's writes are logged, and its flush syncs them", async () => {
  const path = temporaryPath();
  await withStore({ path, durability: "os" }, async (store) => {
    const thread = await AttachedThread.start(store.share());
    await thread.call("putMany", Array.from({ length: 200 }, (_, i) => [`key ${i}`, i]));
    await thread.call("put", "synced", true, { durability: "disk" });
    await thread.call("flush");
    assert.is(store.stats().durability.unsyncedBytes, 0);
    await thread.call("close");
    await thread.terminate();
  });
  await withStore({ path }, (store) => {
    assert.is(store.count, 201);
    for (let i = 0; i < 200; i++) assert.is(store.getSync(`key ${i}`), i);
    return Promise.resolve();
  });
});

test("the host tells when the pool is nearly full, and when it is so again", () =>
  withStore({ capacity: "256KiB", segmentBytes: "4KiB" }, async (store) => {
    const seen: number[] = [];
    store.addEventListener("poolnearlyfull", ({ detail }) => {
      seen.push(detail.liveBytes / detail.liveBytesMax);
    });
    for (let round = 1; round <= 2; round++) {
      for (
        let i = 0;
        await errorOf(() => store.put(`key ${i}`, "x".repeat(500))) === undefined;
        i++
      );
      await until(() => seen.length === round);
      await store.clear();
      // It has to see that there is room again.
      await setTimeout(1200);
    }
    assert.ok(seen.every((share) => share >= 0.9));
  }));

test.run();
