/**
 * What other processes are answered: pages, reads of one moment, watches; and what becomes of them
 * when the host changes.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { WATCHED_PREFIXES_MAX } from "../../lib/core/limits.ts";
import { nextTurn, sleep, startTimer } from "../../lib/platform/runtime.ts";
import { encodeTagged } from "../../lib/codec/tagged_bytes.ts";
import { encodeRequest } from "../../lib/remote/calls/call_requests.ts";
import { decodeEntries, EntryListWriter } from "../../lib/wire/entry_list.ts";
import { decodePage } from "../../lib/remote/calls/key_page.ts";
import { readAtOneMoment } from "../../lib/remote/calls/remote_moment.ts";
import { scanRemotely } from "../../lib/remote/calls/remote_scan.ts";
import { partOf } from "../../lib/pool/watch_layout.ts";
import { NearMoment } from "../../lib/store/reads/consistent_reads.ts";
import { PrefixWatch } from "../../lib/store/watches/prefix_watch.ts";
import { open, type Store, UnavailableError, ValueTooLargeError } from "../../mod.ts";
import { attachClient } from "../support/attached_client.ts";
import { CalledStore } from "../support/called_store.ts";
import { errorOf } from "../support/errors.ts";
import { Random, SEED, seeded } from "../support/random.ts";

const RANDOM = new Random(SEED);
const BYTES = (n: number) => Uint8Array.of(n & 255, n >>> 8);

type ByteStore = Store<Uint8Array, string>;

function openStore(ordered = false): Promise<ByteStore> {
  return open({ codec: "binary", nodes: 1, capacity: "64MiB", ordered });
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Keys of which many share a slot, and many a beginning. */
function keyNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${"abc"[i % 3]}:${"x".repeat(i % 40)}${i}`);
}

for (const ordered of [false, true]) {
  const kind = ordered ? "an ordered" : "an unordered";

  test(
    `an iteration of ${kind} store sees what is there all the time once, whatever else happens`,
    seeded(async () => {
      await using store = await openStore(ordered);
      const stays = keyNames(3000);
      const value = (i: number) => RANDOM.bytes(i % 100 === 0 ? 20_000 : i % 60);
      await store.putMany(stays.map((key, i) => [key, value(i)]));
      const remote = await CalledStore.connect(store.share(), RANDOM, ordered);
      let isOver = false;
      const disturbAll = async () => {
        for (let i = 0; !isOver; i++) {
          const key = `${"abc"[i % 3]}:comes and goes ${RANDOM.below(400)}`;
          if (RANDOM.below(2) === 0) await store.put(key, BYTES(i));
          else await store.delete(key);
          await store.put(RANDOM.pick(stays), value(i));
          if (RANDOM.below(60) === 0) remote.reconnect();
          if (RANDOM.below(4) === 0) await nextTurn();
        }
      };
      const disturb = disturbAll().catch(() => {});
      for (const prefix of ["", "b:"]) {
        const seen: string[] = [];
        for await (const [key] of remote.entries({ prefix })) {
          seen.push(key as string);
          if (RANDOM.below(200) === 0) await sleep(1);
        }
        assert.is(new Set(seen).size, seen.length, "a key was seen twice");
        const missing = stays.filter((key) => key.startsWith(prefix) && !seen.includes(key));
        assert.equal(missing, []);
        if (ordered) assert.equal(seen, [...seen].sort());
      }
      isOver = true;
      await disturb;
      await remote.close();
    }),
  );

  test(`all ways to ask for a range of ${kind} store are answered as the store does`, async () => {
    await using store = await openStore(ordered);
    await store.putMany(keyNames(500).map((key, i) => [key, BYTES(i)]));
    await store.put("a:gone", BYTES(1), { ttl: 1 });
    await sleep(5);
    const remote = await CalledStore.connect(store.share(), RANDOM, ordered);
    const ranges = [
      {},
      { limit: 0 },
      { limit: 7 },
      { prefix: "a:" },
      { prefix: "nothing" },
      { prefix: "b:", limit: 3 },
      ...(ordered
        ? [
          { reverse: true },
          { gt: "a:x", lte: "b:xx" },
          { gte: "b:", lt: "c:", reverse: true, limit: 200 },
          { gt: "c", lt: "b" },
        ]
        : []),
    ];
    for (const range of ranges) {
      const expected = await collect(store.entries(range));
      const found = await collect(remote.entries(range));
      if (ordered) assert.equal(found, expected);
      else if (range.limit === undefined) assert.equal(new Map(found as []), new Map(expected));
      else assert.is(found.length, expected.length);
    }
    await remote.close();
  });
}

test("what an iteration's own thread has changed since is read again", async () => {
  await using store = await openStore(true);
  await store.putMany(keyNames(400).map((key) => [key, BYTES(1)]));
  const remote = await CalledStore.connect(store.share(), RANDOM, true);
  const client = { pendingCount: 0, changeCount: 0, whenIssuedEnded: () => Promise.resolve() };
  const items = scanRemotely(() => remote.scanParts({ client: client as never }), {}, {
    withValues: true,
    make: (key, entry): [string, number] => [key as string, entry.value![0]!],
    read: async (key): Promise<[string, number] | undefined> => {
      const value = await store.get(key as string);
      return value === undefined ? undefined : [key as string, value[0]!];
    },
  });
  const seen = new Map<string, number>();
  for await (const [key, value] of items) {
    seen.set(key, value);
    if (seen.size === 10) {
      await store.putMany(
        keyNames(400).filter((name) => !seen.has(name)).map((n) => [n, BYTES(2)]),
      );
      await store.delete([...keyNames(400)].sort()[20]!);
      client.changeCount += 1;
    }
  }
  assert.is(seen.size, 399);
  assert.equal([...seen.values()].filter((value) => value === 1).length, 10);
  await remote.close();
});

test("a page is bounded in bytes, and one value more", async () => {
  await using store = await openStore(true);
  await store.putMany(Array.from({ length: 50 }, (_, i) => [`k${i}`, new Uint8Array(30_000)]));
  const remote = await CalledStore.connect(store.share(), RANDOM, true);
  const none = new Uint8Array(0);
  const request = {
    op: "page",
    prefix: none,
    from: none,
    to: undefined,
    isReverse: false,
    position: undefined,
    keysMax: Infinity,
    withValues: true,
  } as const;
  const [item] = await remote.calls.read(request);
  assert.ok(item!.length < 48 * 1024 + 30_100, `${item!.length} bytes`);
  assert.is(decodePage(item!).entries.length, 2);
  for (const keysMax of [0, -1, 1.5, NaN]) {
    const error = await errorOf(() => remote.calls.read({ ...request, keysMax }));
    assert.match(String(error), "InvalidArgumentError");
  }
  await remote.close();
});

test("a read of one moment never sees half of a commit", async () => {
  await using store = await openStore();
  const remote = await CalledStore.connect(store.share(), RANDOM);
  const names = ["x", "y", "z"];
  let isOver = false;
  const write = async () => {
    for (let i = 0; !isOver; i++) {
      const commit = store.atomic();
      for (const key of names) i % 5 === 0 ? commit.delete(key) : commit.put(key, BYTES(i));
      await commit.commit();
      if (i % 8 === 0) await nextTurn();
    }
  };
  const writing = write().catch(() => {});
  const encoder = new KeyEncoder(...remote.host.pool.hashKey);
  const wanted = names.map((key, i) => ({ key, withValue: i !== 2 }));
  for (let i = 0; i < 100; i++) {
    const found = await readAtOneMoment(remote.calls, wanted, encoder);
    const [x, y, z] = found;
    assert.equal(x?.bytes, y?.bytes);
    assert.is(x === undefined, z === undefined);
    if (z !== undefined) assert.is(z.bytes.length, 0);
    if (i % 20 === 0) remote.reconnect();
  }
  isOver = true;
  await writing;
  await remote.close();
});

test("a read of one moment has no more bytes than it may", async () => {
  await using store = await openStore();
  await store.putMany([["x", new Uint8Array(600)], ["y", new Uint8Array(600)]]);
  const { pool, reader, close } = await attachClient(store.share() as never);
  const encoder = new KeyEncoder(...pool.hashKey);
  const look = (bytesMax: number) =>
    new NearMoment(pool, reader, encoder, bytesMax).look(["x", "y"], 0);
  assert.is(look(1200)!.length, 2);
  assert.throws(() => look(1199), (error: unknown) => error instanceof ValueTooLargeError);
  await close();
});

test("what is asked of the host's thread is asked once, and what only reads again", async () => {
  await using store = await openStore();
  let asked = 0;
  let isOver = false;
  const askHost = async function* (): AsyncGenerator<Uint8Array> {
    asked += 1;
    while (!isOver) await nextTurn();
    yield encodeTagged(asked);
  };
  const remote = await CalledStore.connect(store.share() as never, RANDOM, false, askHost);
  const scaled = errorOf(() => remote.calls.askOnce({ op: "scale", nodes: 2 }));
  const read = remote.calls.readOnce({ op: "stats" });
  while (asked < 2) await nextTurn();
  remote.reconnect();
  const error = await scaled;
  assert.ok(error instanceof UnavailableError);
  assert.match(String(error), "may or may not have been done");
  while (asked < 3) await nextTurn();
  isOver = true;
  assert.is(await read, 3);
  remote.calls.failAll(new UnavailableError("over"));
  assert.match(String(await errorOf(() => remote.calls.readOnce({ op: "stats" }))), "over");
  await remote.close();
});

test("watched parts are told of, again after a connection has ended", async () => {
  await using store = await openStore();
  const remote = await CalledStore.connect(store.share(), RANDOM);
  const part = partOf(new KeyEncoder(...remote.host.pool.hashKey).encode("watched"));
  const told: number[] = [];
  let resume = () => {};
  const watch = {
    parts: [part],
    isWaiting: true,
    note: (number: number) => {
      told.push(number);
      resume();
    },
    noteChange: () => {},
    noteLost: () => {},
    fail: (error: unknown) => assert.unreachable(String(error)),
  };
  const next = () => new Promise<void>((resolve) => resume = resolve);
  remote.watches.add(watch);
  await sleep(5);
  assert.equal(told, []);
  // What was changed before the host has heard of the watch is not told.
  for (let i = 0; told.length === 0; i++) {
    assert.ok(i < 1000, "a change is told");
    await store.put("watched", BYTES(1));
    await sleep(5);
  }
  assert.ok(told.every((one) => one === part));
  remote.disconnect();
  told.length = 0;
  await store.put("watched", BYTES(2));
  const changed = next();
  remote.reconnect();
  await changed;
  assert.ok(told.includes(part));
  remote.watches.remove(watch);
  await sleep(5);
  told.length = 0;
  await store.put("watched", BYTES(3));
  await sleep(5);
  assert.equal(told, []);
  await remote.close();
});

test("changes of prefixes are told, more of them than a thread can watch, also by one connection", async () => {
  await using store = await openStore();
  const remote = await CalledStore.connect(store.share(), RANDOM);
  const encoder = new KeyEncoder(...remote.host.pool.hashKey);
  const text = new TextEncoder();
  const count = WATCHED_PREFIXES_MAX + 6;
  const watches = Array.from(
    { length: count },
    (_, i) => new PrefixWatch(remote.watches, encoder, text.encode(`p${i}:`), 1, {}),
  );
  // From then on nothing is missing.
  for (const watch of watches) assert.equal((await watch.next()).value, { kind: "resync" });
  for (let i = 0; i < count; i++) await store.put(`p${i}:key`, BYTES(i));
  await store.delete("p3:key");
  for (const [i, watch] of watches.entries()) {
    const { value } = await watch.next();
    assert.is(value!.kind, "put");
    assert.is((value as { key: unknown }).key, `p${i}:key`);
  }
  assert.is((await watches[3]!.next()).value!.kind, "delete");
  remote.reconnect();
  for (const watch of watches) assert.equal((await watch.next()).value, { kind: "resync" });
  for (const watch of watches) await watch.return();
  await remote.close();
});

test("what is asked for by rubbish is refused", async () => {
  await using store = await openStore();
  const remote = await CalledStore.connect(store.share(), RANDOM);
  const none = new Uint8Array(0);
  const requests = [
    { op: "nothing" },
    { op: "toString" },
    { op: 7 },
    { op: "parts", parts: [] },
    { op: "parts", parts: [1.5] },
    { op: "parts", parts: [2 ** 20] },
    { op: "changes", prefix: "text" },
    { op: "changes", prefix: new Uint8Array(3000) },
    { op: "page", prefix: none, from: none },
    { op: "page", prefix: 1, from: none, isReverse: false, keysMax: 1, withValues: true },
  ];
  for (const request of requests) {
    const error = await errorOf(() => remote.calls.read(request as never));
    assert.match(String(error), "InvalidArgumentError", JSON.stringify(request));
  }
  await remote.close();
});

test(
  "lists and pages that are damaged are refused, and nothing worse",
  seeded(() => {
    const list = new EntryListWriter();
    const encoder = new KeyEncoder(1, 2);
    for (let i = 0; i < 5; i++) {
      encoder.encode(`key ${i}`);
      list.add(encoder, RANDOM.bytes(i * 3), {
        version: i,
        expiresAtMs: i === 2 ? 1e12 : Infinity,
      });
    }
    const whole = list.bytes.slice();
    assert.is(decodeEntries(whole).length, 5);
    for (let round = 0; round < 3000; round++) {
      const bytes = whole.slice(0, RANDOM.below(4) === 0 ? RANDOM.below(whole.length) : undefined);
      for (let i = RANDOM.below(4); i >= 0; i--) {
        if (bytes.length > 0) bytes[RANDOM.below(bytes.length)] = RANDOM.below(256);
      }
      for (const decode of [decodeEntries, decodePage]) {
        try {
          decode(bytes);
        } catch (error) {
          assert.is((error as Error).name, "FrameError");
        }
      }
    }
    assert.ok(encodeRequest({ op: "moment" }, whole).length > whole.length);
  }),
);

// Nothing else keeps the process alive while a watch waits.
const alive = startTimer(() => {}, 1000, { isRepeated: true });
test.after(() => alive.stop());
test.run();
