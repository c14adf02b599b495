/**
 * The client cache over a pool in this thread: that it says what an uncached read would say, while
 * segments are reused, addresses come back, records expire, and at every moment of a change.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ClientCache } from "../../lib/client/client_cache.ts";
import { deepFreeze } from "../../lib/client/deep_freeze.ts";
import { JsonCodec } from "../../lib/codec/plain_codecs.ts";
import { NO_ADDRESS } from "../../lib/core/brands.ts";
import { hashIn, PoolFixture } from "../support/pool_fixture.ts";
import { type Random, seeded } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";

interface Value {
  readonly tag: number;
  readonly filler: string;
}

class CachedPool {
  readonly f: PoolFixture;
  readonly cache: ClientCache<Value>;

  constructor(segmentCount = 8, budgetBytes = 4096) {
    this.f = new PoolFixture({ segmentCount });
    this.cache = new ClientCache(
      this.f.reader,
      new JsonCodec<Value>(),
      budgetBytes,
      () => this.f.nowMs,
    );
  }

  put(
    key: string,
    tag: number,
    fillerBytes = 0,
    hash: number | undefined = undefined,
    expiresAtMs = Infinity,
  ): void {
    const value = Buffer.from(JSON.stringify({ tag, filler: "x".repeat(fillerBytes) }));
    assert.ok(this.f.put(key, value, hash, expiresAtMs), "the log has room");
  }

  tag(key: string, hash?: number): number | undefined {
    return this.cache.read(this.f.encode(key, hash))?.value.tag;
  }
}

/** Hashes that collide: wholly, or in their bucket. */
function collidingHash(key: number): number {
  return hashIn(5, key % 3 === 0 ? 7 : key << 8);
}

function randomStep(random: Random, pool: CachedPool, model: Map<number, number>, tag: number) {
  const number = random.below(16);
  const key = `key ${number}`;
  const hash = collidingHash(number);
  switch (random.below(8)) {
    case 0:
      assert.is(pool.f.delete(key, hash), model.delete(number));
      break;
    case 1:
    case 2:
      pool.put(key, tag, random.below(200), hash);
      model.set(number, tag);
      break;
    default:
      assert.is(pool.tag(key, hash), model.get(number), key);
  }
}

test(
  "random changes and cached reads against a Map, with colliding hashes and segments that are reused",
  seeded((random) => {
    const pool = new CachedPool(8, random.pick([700, 2000, 8000]));
    const model = new Map<number, number>();
    for (let step = 0; step < 40_000; step++) randomStep(random, pool, model, step);
    const { hits, misses, bytes, bytesMax } = pool.cache.stats();
    assert.ok(hits > 1000, `${hits} hits`);
    assert.ok(misses > 1000, `${misses} misses`);
    assert.ok(bytes <= bytesMax);
  }),
);

/** Bytes of a value of which one fits a segment, with a small one beside it. */
const LARGE = 3000;

/**
 * A pool in which the key's cached record is out of date, but something else keeps its segment from
 * being reused.
 */
function withOutdatedEntry(): CachedPool {
  const pool = new CachedPool();
  pool.put("key", 1, LARGE);
  pool.put("keeper", 0, 500);
  assert.is(pool.tag("key"), 1);
  pool.put("key", 2, LARGE);
  return pool;
}

/**
 * Frees that segment, and puts the key's next record to the very place where the cached one was.
 */
function bringAddressBack(pool: CachedPool): void {
  pool.f.delete("keeper");
  pool.put("key", 3, LARGE);
}

test("an address that comes back in another generation is not the same record", () => {
  const pool = new CachedPool();
  pool.put("key", 1, LARGE);
  pool.put("keeper", 0, 500);
  assert.is(pool.tag("key"), 1);
  const address = pool.f.find("key");
  pool.put("key", 2, LARGE);
  assert.not(pool.f.find("key") === address);
  bringAddressBack(pool);
  assert.is(pool.f.find("key"), address, "it has come back");
  assert.is(pool.tag("key"), 3);
});

test("whatever happens at any access of a read, it returns no value from before the read", () => {
  let isOver = false;
  for (let at = 0; !isOver; at++) {
    const pool = withOutdatedEntry();
    let accesses = 0;
    const onAccess = () => {
      if (accesses++ === at) bringAddressBack(pool);
    };
    const tag = withAtomicHooks({ onAccess }, () => pool.tag("key"));
    isOver = accesses <= at;
    assert.ok(tag === 2 || tag === 3, `access ${at}: ${tag}`);
    assert.is(pool.tag("key"), isOver ? 2 : 3);
  }
});

test("a hit looks at no record, and costs no decoding", () => {
  const pool = new CachedPool();
  pool.put("key", 1);
  const first = pool.cache.read(pool.f.encode("key"));
  assert.is(pool.cache.read(pool.f.encode("key")), first);
  assert.is(pool.cache.stats().hits, 1);
  pool.put("key", 1);
  assert.is.not(pool.cache.read(pool.f.encode("key")), first, "the same value, but a new record");
  assert.is(pool.cache.stats().hits, 1);
});

test("a cached value expires when its record does, although the index still yields it", () => {
  const pool = new CachedPool();
  pool.put("key", 1, 0, undefined, 5000);
  assert.is(pool.tag("key"), 1);
  pool.f.nowMs = 4999;
  assert.is(pool.tag("key"), 1);
  assert.is(pool.cache.stats().hits, 1);
  pool.f.nowMs = 5000;
  assert.is.not(pool.f.find("key"), NO_ADDRESS);
  assert.is(pool.tag("key"), undefined);
  assert.is(pool.cache.stats().entries, 0);
});

test("a deleted key is gone, and version and expiry are the record's", () => {
  const pool = new CachedPool();
  pool.put("key", 1, 0, undefined, 9000);
  const uncached = pool.f.get("key")!;
  for (let i = 0; i < 2; i++) {
    const { version, expiresAtMs } = pool.cache.read(pool.f.encode("key"))!;
    assert.equal({ version, expiresAtMs }, {
      version: uncached.version,
      expiresAtMs: uncached.expiresAtMs,
    });
  }
  pool.f.delete("key");
  assert.is(pool.tag("key"), undefined);
  assert.is(pool.cache.stats().entries, 0);
});

test("entries are charged their encoded bytes and 160, and never more than the budget", () => {
  const pool = new CachedPool(64, 4096);
  for (let i = 0; i < 200; i++) {
    const key = `key ${i % 50}`;
    pool.put(key, i, i);
    pool.tag(key);
    assert.ok(pool.cache.stats().bytes <= 4096);
  }
  const fresh = new CachedPool();
  fresh.put("key", 1, 10);
  fresh.tag("key");
  const valueBytes = JSON.stringify({ tag: 1, filler: "x".repeat(10) }).length;
  assert.is(fresh.cache.stats().bytes, 160 + 3 + valueBytes);
  fresh.cache.clear();
  assert.is(fresh.cache.stats().bytes, 0);
  assert.is(fresh.tag("key"), 1);
});

test("what a cached read returns is frozen through and through, the first time as well", () => {
  const pool = new CachedPool();
  const value = Buffer.from(JSON.stringify({ tag: 1, list: [1, { deep: { er: [] } }] }));
  pool.f.put("key", value);
  for (let i = 0; i < 2; i++) {
    const read = pool.cache.read(pool.f.encode("key"))!.value as unknown as {
      list: [number, { deep: { er: unknown[] } }];
    };
    assert.throws(() => read.list.push(1 as never), TypeError);
    assert.throws(() => read.list[1].deep.er.push(1), TypeError);
    assert.throws(() => Object.assign(read, { tag: 2 }), TypeError);
  }
});

test("only what freezing makes unchangeable is frozen", () => {
  class Account {
    name = "Ada";
  }
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  let deep: unknown = 1;
  for (let i = 0; i < 200; i++) deep = [deep];
  for (
    const part of [new Uint8Array(1), new Map(), new Set(), new Date(), new Account(), /x/, deep]
  ) {
    const value = { first: {}, part };
    assert.is(deepFreeze(value, 1000), false);
    assert.not(Object.isFrozen(value) || Object.isFrozen(value.first), "left as it was");
  }
  assert.is(deepFreeze(cyclic, 1000), false);
  assert.is(deepFreeze({ [Symbol("hidden")]: {} }, 1000), false);
  assert.is(deepFreeze(() => {}, 1000), false);
  assert.is(deepFreeze([[], [], []], 3), false, "more parts than it may look at");
  for (const value of [1, "a", null, undefined, 5n, true, [], {}, Object.create(null), [[1], {}]]) {
    assert.is(deepFreeze(value, 4), true);
    assert.ok(Object.isFrozen(value));
  }
});

test.run();
