/**
 * Several processes use one store: single keys, codecs, options, and what happens when the one that
 * has the pool ends.
 *
 * @module
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  HostOnlyError,
  InvalidOptionError,
  open,
  PoolLockedError,
  type Store,
  UnavailableError,
} from "../../mod.ts";
import { SharedStore } from "../support/shared_store.ts";
import { temporaryPath } from "../support/temporary.ts";

const CAPACITY = "16MiB" as const;

/** Opens a store in this thread that asks another store of this thread, which has the pool. */
async function openBoth(options: object = {}): Promise<{
  host: Store<unknown>;
  remote: Store<unknown>;
  path: string;
}> {
  const path = temporaryPath();
  const given = { path, processes: true, capacity: CAPACITY, ...options };
  const host = await open<unknown>(given);
  return { host, remote: await open<unknown>(given), path };
}

async function failureOf(action: () => unknown): Promise<Error & { code: string }> {
  try {
    await action();
  } catch (error) {
    return error as Error & { code: string };
  }
  throw new Error("it has not failed");
}

test("single keys are read and changed from another process", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY };
  const store = await open<unknown>(options);
  await store.put("ours", { name: "Ada", born: new Date(0) });
  const other = await SharedStore.open(options);
  assert.equal(await other.call("get", "ours"), { name: "Ada", born: new Date(0) });
  assert.is(await other.call("get", "nothing"), undefined);
  assert.is(await other.call("has", "ours"), true);
  const version = await other.call("put", "theirs", new Map([["a", [1, 2]]]));
  assert.equal(await store.get("theirs"), new Map([["a", [1, 2]]]));
  assert.equal((await store.getEntry("theirs"))!.version, version);
  assert.equal(await other.call("getEntry", "theirs"), await store.getEntry("theirs"));
  assert.is(await other.call("compareAndSet", "theirs", 1e6, 1), undefined);
  assert.type(await other.call("compareAndSet", "theirs", version, 1), "number");
  assert.is(await other.call("delete", "theirs"), true);
  assert.is(await other.call("increment", "count", 5), 5);
  assert.equal(await other.call("incrementEntry", "count"), await store.getEntry("count"));
  await other.call("put", "brief", 1, { ttl: 60_000 });
  assert.ok((await store.getEntry("brief"))!.expiresAt! > Date.now());
  await other.call("touch", "brief", { ttl: 3_600_000 });
  assert.ok((await store.getEntry("brief"))!.expiresAt! > Date.now() + 1_000_000);
  assert.is(await other.call("getAndDelete", "brief"), 1);
  await Promise.all([
    other.call("addByUpdates", "sum", 20),
    (async () => {
      for (let i = 0; i < 20; i++) await store.update("sum", (old) => ((old as number) ?? 0) + 1);
    })(),
  ]);
  assert.is(await store.get("sum"), 40);
  await other.call("putMany", [["x", 1], ["y", 2], ["z", 3, { ttl: 60_000 }]]);
  assert.equal(await other.call("getMany", ["z", "q", "x"]), [3, undefined, 1]);
  assert.equal(await other.call("hasMany", ["x", "q"]), [true, false]);
  assert.equal(await other.call("deleteMany", ["x", "q"]), [true, false]);
  assert.is(await other.call("inNamespace", "user:", "1", "Ada"), "Ada");
  assert.is(await store.get("user:1"), "Ada");
  assert.equal(await other.call("pickIt", "ours", "name"), { name: "Ada" });
  assert.is((await other.end()).exitCode, 0);
  await store.close();
});

test("objects of new shapes go both ways, with structures and without", async () => {
  const { host, remote } = await openBoth();
  for (let i = 0; i < 60; i++) {
    const value = { [`a${i}`]: i, [`b${i}`]: { [`c${i}`]: [i] } };
    const [from, to] = i % 2 === 0 ? [host, remote] : [remote, host];
    await from.put("key", value);
    assert.equal(await to.get("key"), value);
    await from.put("key", value);
    assert.equal((await to.getMany(["key"]))[0], value);
    assert.equal(await to.update("key", (old) => old), value);
  }
  await remote.close();
  await host.close();
});

test("values of every codec, keys of every type, large values", async () => {
  const kinds = [["json", "string"], ["binary", "bytes"], ["msgpack", "mixed"]] as const;
  for (const [codec, keys] of kinds) {
    const { host, remote } = await openBoth({ codec, keys, segmentBytes: "2MiB" });
    const key = (keys === "bytes" ? Uint8Array.of(1, 0, 255) : "é") as string;
    const value = codec === "binary" ? Uint8Array.of(1, 2) : "v";
    await remote.put(key, value);
    assert.equal(await host.get(key), value);
    assert.equal(await remote.get(key), value);
    const large = codec === "binary" ? new Uint8Array(1_500_000).fill(7) : "x".repeat(1_500_000);
    await remote.put(key, large);
    assert.equal(await host.get(key), large);
    assert.equal(await remote.get(key), large);
    const wrong = (keys === "string" ? Uint8Array.of(1) : 5) as unknown as string;
    assert.is((await failureOf(() => remote.put(wrong, value))).code, "DINOMO_INVALID_KEY");
    await remote.close();
    await host.close();
  }
});

test("errors of the store are those of its other processes", async () => {
  const { host, remote } = await openBoth({ capacity: "1MiB", segmentBytes: "64KiB" });
  const tooLarge = await failureOf(() => remote.put("a", "x".repeat(100_000)));
  assert.is(tooLarge.code, "DINOMO_VALUE_TOO_LARGE");
  await remote.put("text", "a");
  assert.is((await failureOf(() => remote.increment("text"))).code, "DINOMO_NOT_A_NUMBER");
  const full = await failureOf(async () => {
    for (let i = 0; i < 100; i++) await remote.put(`${i}`, "x".repeat(30_000));
  });
  assert.is(full.code, "DINOMO_POOL_FULL");
  assert.instance(await failureOf(() => remote.share()), HostOnlyError);
  await remote.close();
  await host.close();
});

test("the socket is the user's alone, and gone when the store is closed", async () => {
  const { host, remote, path } = await openBoth();
  assert.is(statSync(join(path, "gateway")).mode & 0o777, 0o600);
  await remote.close();
  await host.close();
  assert.is(statSync(join(path, "gateway"), { throwIfNoEntry: false }), undefined);
});

test("a path that is too long for a socket is no hindrance", async () => {
  const path = join(temporaryPath(), "x".repeat(150));
  const options = { path, processes: true, capacity: CAPACITY };
  const host = await open<number>(options);
  const remote = await open<number>(options);
  await remote.put("a", 1);
  assert.is(await host.get("a"), 1);
  await remote.close();
  await host.close();
});

test("options that cannot be are refused, and those that differ", async () => {
  const path = temporaryPath();
  const refused: [object, RegExp][] = [
    [{}, /^processes must be false without a path/],
    [{ path, durability: "memory" }, /^processes must be false at the durability "memory"/],
    [{ path, readOnly: true }, /^processes must be false with readOnly/],
    [{ path, placement: "far" }, /^processes must be false in the far placement/],
  ];
  for (const [options, message] of refused) {
    const failure = await failureOf(() => open({ processes: true, ...options }));
    assert.instance(failure, InvalidOptionError);
    assert.match(failure.message, message);
  }
  const options = { path, processes: true, capacity: CAPACITY };
  const host = await open<unknown>(options);
  const differing: [object, RegExp][] = [
    [{ codec: "json" }, /^codec must be what the process/],
    [{ keys: "mixed" }, /^keys must be what the process/],
    [{ ordered: true }, /^ordered must be what the process/],
    [{ durability: "disk" }, /^durability must be what the process/],
    [{ cache: "1MiB" }, /^cache must be left out with processes/],
  ];
  for (const [given, message] of differing) {
    const failure = await failureOf(() => open({ ...options, ...given }));
    assert.instance(failure, InvalidOptionError);
    assert.match(failure.message, message);
  }
  await host.close();
});

test("an opener without the option is told of it, and so is one that meets a store without it", async () => {
  const path = temporaryPath();
  const alone = await open<unknown>({ path, capacity: CAPACITY });
  for (const processes of [true, false]) {
    const failure = await failureOf(() => open({ path, processes }));
    assert.instance(failure, PoolLockedError);
    assert.match(failure.message, /processes/);
  }
  await alone.close();
});

test("a store of another process outlives the one that has the pool", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY };
  const host = await SharedStore.open(options);
  const store = await open<unknown>(options);
  await store.put("before", 1);
  await host.end();
  await store.put("between", { a: 1 });
  assert.equal(await store.getMany(["before", "between"]), [1, { a: 1 }]);
  const later = await SharedStore.open(options);
  assert.equal(await later.call("get", "between"), { a: 1 });
  await later.end();
  await store.close();
  const again = await open<unknown>({ path });
  assert.equal(await again.getMany(["before", "between"]), [1, { a: 1 }]);
  await again.close();
});

test("a pool that has grown stays as large when another process has it", async () => {
  const { host, remote } = await openBoth({ capacity: "1MiB", segmentBytes: "64KiB" });
  const grownBytes = 3 * 2 ** 20;
  assert.is(await remote.grow("3MiB"), grownBytes);
  const value = new Uint8Array(30_000);
  for (let i = 0; i < 60; i++) await remote.put(`key ${i}`, value);
  await host.close();
  await remote.put("after", 1);
  assert.is((await remote.readStats()).capacityBytes, grownBytes);
  assert.is(await remote.countKeys(), 61);
  await remote.close();
});

test("when the process that has the pool is killed, one of the others has it", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY };
  const first = await SharedStore.open(options);
  const others = await Promise.all([SharedStore.open(options), SharedStore.open(options)]);
  const store = await open<number>(options);
  await store.put("kept", 7);
  for (const victim of [first, others[0]!]) {
    await victim.kill();
    assert.is(await store.get("kept"), 7);
    await store.increment("kept");
    await store.increment("kept", -1);
    assert.is(await others[1]!.call("get", "kept"), 7);
  }
  assert.is((await others[1]!.end()).exitCode, 0);
  assert.is(await store.get("kept"), 7);
  await store.close();
});

test("what is on its way when the connection ends has an outcome that is not known", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY };
  const host = await SharedStore.open(options);
  const store = await open<number>(options);
  let unknown = 0;
  let acknowledged = 0;
  const writer = (async () => {
    for (let i = 1; i <= 3000; i++) {
      try {
        await store.put(`${i}`, i);
        acknowledged = i;
      } catch (error) {
        assert.instance(error, UnavailableError);
        unknown += 1;
      }
    }
  })();
  while (acknowledged < 100) await new Promise((resolve) => setTimeout(resolve, 1));
  await host.kill();
  await writer;
  assert.ok(unknown <= 1, `${unknown} outcomes`);
  const keys = Array.from({ length: 3000 }, (_, i) => `${i + 1}`);
  const missing = (await store.getMany(keys)).filter((value) => value === undefined).length;
  assert.ok(missing <= unknown, `${missing} are missing`);
  await store.close();
});

test("close waits for what was issued, and ends this thread's part alone", async () => {
  const { host, remote } = await openBoth();
  const puts = Array.from({ length: 6000 }, (_, i) => remote.put(`${i}`, i));
  const closed = remote.close();
  assert.is((await failureOf(() => remote.put("late", 1))).code, "DINOMO_CLOSED");
  await Promise.all([...puts, closed]);
  assert.is(host.count, 6000);
  assert.is(await host.get("5999"), 5999);
  await host.close();
});

test("a host that is closed under load answers what it has begun, and others go on", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY };
  const host = await open<number>(options);
  const remote = await open<number>(options);
  let unknown = 0;
  const puts = Array.from({ length: 3000 }, (_, i) =>
    remote.put(`${i}`, i).catch((error) => {
      assert.instance(error, UnavailableError);
      assert.match(error.message, "may or may not have been made");
      unknown += 1;
    }));
  await puts[0];
  await host.close();
  await Promise.all(puts);
  const read = await remote.getMany(Array.from({ length: 3000 }, (_, i) => `${i}`));
  assert.ok(read.filter((value) => value === undefined).length <= unknown);
  assert.is(await remote.put("after", 1) > 0, true);
  await remote.close();
});

test("getOrPut loads once in a thread, for all that wait there", async () => {
  const { host, remote } = await openBoth();
  let loads = 0;
  const load = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return ++loads;
  };
  const values = await Promise.all([remote.getOrPut("a", load), remote.getOrPut("a", load)]);
  assert.equal(values, [1, 1]);
  assert.is(await host.get("a"), 1);
  await remote.close();
  await host.close();
});

test("processes that open at the same moment share the pool", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY };
  const stores = await Promise.all(Array.from({ length: 6 }, () => open<number>(options)));
  await Promise.all(stores.map((store) => store.increment("count")));
  assert.is(await stores[0]!.get("count"), 6);
  await Promise.all(stores.map((store) => store.close()));
});

test("a process with nothing left to do ends, whichever it is", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY };
  const host = await SharedStore.open(options);
  const other = await SharedStore.open(options);
  await other.call("put", "a", 1);
  other.child.tellNoMore();
  const end = await other.child.ended();
  assert.is(end.exitCode, 0, end.output);
  assert.is(end.hung, false);
  assert.is(await host.call("get", "a"), 1);
  host.child.tellNoMore();
  assert.is((await host.child.ended()).hung, false);
});

test.run();
