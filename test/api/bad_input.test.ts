/**
 * Everything that is refused: with the right class and code, a message that names the argument, the
 * rule and what was received, and a store that is as it was before.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EXPIRY_MS_MAX } from "../../lib/core/limits.ts";
import {
  InvalidArgumentError,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  type Key,
  open,
  type OpenOptions,
  type Store,
  ValueTooLargeError,
} from "../../mod.ts";
import { assertRefusal, errorOf, type Refusal } from "../support/errors.ts";
import { contentsOf } from "../support/store_suite.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;

/** The store as code without types sees it. */
type Untyped = Record<string, (...args: unknown[]) => unknown>;

/** A call, what it has to be refused with, and the message. */
type Row = readonly [string, (store: Untyped) => unknown, Omit<Refusal, "says">, RegExp];

const KEY = { type: InvalidKeyError, code: "DINOMO_INVALID_KEY" } as const;
const VALUE = { type: InvalidValueError, code: "DINOMO_INVALID_VALUE" } as const;
const LARGE = { type: ValueTooLargeError, code: "DINOMO_VALUE_TOO_LARGE" } as const;
const ARGUMENT = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

/** Keys that are none, and what the message says about each. */
const BAD_KEYS: readonly [unknown, RegExp][] = [
  ["", /^key must have 1 to 2048 bytes, got 0 bytes/],
  ["x".repeat(2049), /^key must have 1 to 2048 bytes, got 2049 bytes/],
  ["é".repeat(1025), /^key must have 1 to 2048 bytes, got 2050 bytes/],
  [new Uint8Array(0), /^key must have 1 to 2048 bytes, got 0 bytes/],
  [new Uint8Array(2049), /^key must have 1 to 2048 bytes, got 2049 bytes/],
  ["a\ud800", /^key must be a well-formed string.*lone surrogate/],
  [5, /^key must be a string or a Uint8Array, got the number 5/],
  [null, /^key must be a string or a Uint8Array, got null/],
  [undefined, /^key must be a string or a Uint8Array, got undefined/],
  [["a"], /^key must be a string or a Uint8Array, got an array of 1/],
  [{}, /^key must be a string or a Uint8Array, got an object/],
  [new ArrayBuffer(4), /^key must be a string or a Uint8Array, got an instance of ArrayBuffer/],
];

/** Calls with a key in every place where a key can be. */
const KEY_CALLS: readonly [string, (store: Untyped, key: unknown) => unknown][] = [
  ["get", (store, key) => store["get"]!(key)],
  ["getSync", (store, key) => store["getSync"]!(key)],
  ["getMany", (store, key) => store["getMany"]!(["a", key])],
  ["getEntry", (store, key) => store["getEntry"]!(key)],
  ["getEntrySync", (store, key) => store["getEntrySync"]!(key)],
  ["has", (store, key) => store["has"]!(key)],
  ["hasSync", (store, key) => store["hasSync"]!(key)],
  ["put", (store, key) => store["put"]!(key, 1)],
  ["putSync", (store, key) => store["putSync"]!(key, 1)],
  ["putMany", (store, key) => store["putMany"]!([[key, 1], ["b", 1]])],
  ["delete", (store, key) => store["delete"]!(key)],
  ["deleteSync", (store, key) => store["deleteSync"]!(key)],
  ["deleteMany", (store, key) => store["deleteMany"]!([key, "a"])],
  ["compareAndSet", (store, key) => store["compareAndSet"]!(key, null, 1)],
  ["compareAndSetSync", (store, key) => store["compareAndSetSync"]!(key, null, 1)],
  ["compareAndDelete", (store, key) => store["compareAndDelete"]!(key, 1)],
  ["compareAndDeleteSync", (store, key) => store["compareAndDeleteSync"]!(key, 1)],
  ["update", (store, key) => store["update"]!(key, () => 1)],
  ["increment", (store, key) => store["increment"]!(key)],
  ["getAndDelete", (store, key) => store["getAndDelete"]!(key)],
];

const BAD_VALUES: readonly [unknown, Omit<Refusal, "says">, RegExp][] = [
  [undefined, VALUE, /^value must not be undefined.*use delete\(key\)/],
  [() => 1, VALUE, /^value must be data .*, but value is a function$/],
  [{ f() {} }, VALUE, /^value must be data .*, but value\.f is a function$/],
  [Symbol("s"), VALUE, /^value must be data .*, but value is a symbol$/],
  [
    "x".repeat(20_000),
    LARGE,
    /^value must fit a segment of 16384 bytes .* got a value of \d+ bytes/,
  ],
];

const VALUE_CALLS: readonly [string, (store: Untyped, value: unknown) => unknown][] = [
  ["put", (store, value) => store["put"]!("a", value)],
  ["putSync", (store, value) => store["putSync"]!("a", value)],
  ["putMany", (store, value) => store["putMany"]!([["a", value], ["b", 1]])],
  ["compareAndSet", (store, value) => store["compareAndSet"]!("new", null, value)],
  ["update", (store, value) => store["update"]!("a", () => value)],
];

const OPTION_CALLS: readonly [string, (store: Untyped, options: unknown) => unknown][] = [
  ["put", (store, options) => store["put"]!("a", 2, options)],
  ["putSync", (store, options) => store["putSync"]!("a", 2, options)],
  ["putMany", (store, options) => store["putMany"]!([["a", 2]], options)],
  ["compareAndSet", (store, options) => store["compareAndSet"]!("new", null, 2, options)],
  ["compareAndSetSync", (store, options) => store["compareAndSetSync"]!("new", null, 2, options)],
  ["update", (store, options) => store["update"]!("a", () => 2, options)],
  ["increment", (store, options) => store["increment"]!("n", 1, options)],
];

const BAD_OPTIONS: readonly [unknown, RegExp][] = [
  [null, /^options must be an object, got null/],
  [5000, /^options must be an object, got the number 5000/],
  ["ttl", /^options must be an object, got the string "ttl"/],
  ...[0, -1, NaN, "5", null, {}, 5n].map((ttl): [unknown, RegExp] => [
    { ttl },
    /^ttl must be a positive number of milliseconds, got /,
  ]),
  [
    { ttl: 2 ** 48 },
    /^ttl must be a positive number of milliseconds that ends before the year 10889, or Infinity /,
  ],
  ...[0, -1, NaN, "5", null, {}, 5n, new Date(), 2 ** 48].map((expiresAt): [unknown, RegExp] => [
    { expiresAt },
    /^expiresAt must be milliseconds since the epoch, before the year 10889, or Infinity .*, got /,
  ]),
  [{ ttl: 5, expiresAt: 5 }, /^expiresAt must be left out where ttl is given, got both/],
  [{ expires: 5 }, /^options must be among ttl, .*, got the string "expires"/],
];

const OTHER_ROWS: readonly Row[] = [
  ...[1.5, -1, NaN, Infinity, 2 ** 47, undefined, "1", {}, true, 1n].map((version): Row => [
    `compareAndSet with the version ${String(version)}`,
    (store) => store["compareAndSet"]!("a", version, 2),
    ARGUMENT,
    /^version must be one that getEntry returned, or null, got /,
  ]),
  ...[1.5, -1, NaN, null, undefined, "1", {}].flatMap((version) =>
    ["compareAndDelete", "compareAndDeleteSync"].map((name): Row => [
      `${name} with the version ${String(version)}`,
      (store) => store[name]!("a", version),
      ARGUMENT,
      /^version must be one that getEntry returned,.* got /,
    ])
  ),
  ...["delete", "deleteSync"].map((name): Row => [
    `${name} with a version`,
    (store) => store[name]!("a", { version: 1 }),
    ARGUMENT,
    /^delete must be called with a key alone, got more: compareAndDelete\(key, version\) deletes/,
  ]),
  ...[{ ttl: 5 }, { expiresAt: 5 }].map((options): Row => [
    `increment with ttlIfNew and ${JSON.stringify(options)}`,
    (store) => store["increment"]!("n", 1, { ttlIfNew: 5, ...options }),
    ARGUMENT,
    /^ttlIfNew must be left out where ttl or expiresAt is given, got both/,
  ]),
  [
    "increment with a bad ttlIfNew",
    (store) => store["increment"]!("n", 1, { ttlIfNew: 0 }),
    ARGUMENT,
    /^ttlIfNew must be a positive number of milliseconds, got the number 0/,
  ],
  ...["nodeAdded", "", null, "toString"].map((type): Row => [
    `a listener of ${String(type)}`,
    (store) => store["addEventListener"]!(type, () => {}),
    ARGUMENT,
    /^type must be among nodeadded, .*, got /,
  ]),
  ...[NaN, Infinity, -Infinity, "1", null, {}, 1n].map((by): Row => [
    `increment by ${String(by)}`,
    (store) => store["increment"]!("n", by),
    ARGUMENT,
    /^by must be a finite number, got /,
  ]),
  ...[undefined, null, 5, "x", {}].map((change): Row => [
    `update with ${String(change)}`,
    (store) => store["update"]!("a", change),
    ARGUMENT,
    /^change must be a function, got /,
  ]),
  ...[0, -1, 65, 1.5, NaN, "2", null, undefined, 1n].map((nodes): Row => [
    `scale to ${String(nodes)}`,
    (store) => store["scale"]!(nodes),
    ARGUMENT,
    /^nodes must be a whole number from 1 to \d+ for a pool of 64 segments, got /,
  ]),
  ...[5, null, undefined, "ab", {}, true].flatMap((keys): Row[] => [
    [
      `getMany of ${String(keys)}`,
      (s) => s["getMany"]!(keys),
      ARGUMENT,
      /^keys must be an iterable/,
    ],
    [`deleteMany of ${keys}`, (s) => s["deleteMany"]!(keys), ARGUMENT, /^keys must be an iterable/],
    [`putMany of ${keys}`, (s) => s["putMany"]!(keys), ARGUMENT, /^entries must be an iterable/],
  ]),
  ...["ab", 5, null, undefined, { 0: "a", 1: 1 }].map((entry): Row => [
    `putMany with the entry ${String(entry)}`,
    (store) => store["putMany"]!([entry]),
    ARGUMENT,
    /^entries must hold \[key, value\] pairs, got /,
  ]),
  ...["entries", "keys", "values"].flatMap((name): Row[] => [
    ...[5, null, {}, ["a"], true].map((prefix): Row => [
      `${name} with the prefix ${String(prefix)}`,
      (store) => drain(store[name]!({ prefix })),
      ARGUMENT,
      /^prefix must be a string or a Uint8Array, got /,
    ]),
    ...[null, 5, "user:"].map((options): Row => [
      `${name} with the options ${options}`,
      (store) => drain(store[name]!(options)),
      ARGUMENT,
      /^options must be an object, got /,
    ]),
  ]),
  [
    "snapshot without a path",
    (s) => s["snapshot"]!(),
    ARGUMENT,
    /^snapshot must have somewhere to go/,
  ],
];

async function drain(iterator: unknown): Promise<void> {
  for await (const _ of iterator as AsyncIterable<unknown>);
}

/** Checks rows on one store, which must not change. */
async function check(rows: readonly Row[]): Promise<void> {
  await using store = await open<unknown>({ ...SIZES, keys: "mixed" });
  await store.put("a", 1);
  await store.put("n", 5);
  const before = await stateOf(store);
  for (const [name, call, expected, says] of rows) {
    const error = await errorOf(async () => await call(store as unknown as Untyped));
    assertRefusal(error, { ...expected, says }, name);
    assert.equal(await stateOf(store), before, `${name}: nothing has changed`);
  }
}

async function stateOf(store: Store<unknown, Key>): Promise<unknown> {
  const { count, liveBytes, pending, nodes } = store.stats();
  const versions = ["a", "n"].map((key) => store.getEntrySync(key)?.version);
  return {
    entries: await contentsOf(store),
    count,
    liveBytes,
    pending,
    versions,
    nodes: nodes.length,
  };
}

test("bad keys", () =>
  check(
    KEY_CALLS.flatMap(([name, call]) =>
      BAD_KEYS.map((
        [key, says],
      ): Row => [`${name}: ${says}`, (store) => call(store, key), KEY, says])
    ),
  ));

test("bad values", () =>
  check(VALUE_CALLS.flatMap(([name, call]) =>
    BAD_VALUES.map(([value, expected, says]): Row => [
      `${name}: ${says}`,
      (store) => call(store, value),
      expected,
      says,
    ])
  )));

test("bad options of writes", () =>
  check(OPTION_CALLS.flatMap(([name, call]) =>
    BAD_OPTIONS.map(([options, says]): Row => [
      `${name}: ${says}`,
      (store) => call(store, options),
      ARGUMENT,
      says,
    ])
  )));

test("other arguments", () => check(OTHER_ROWS));

test("an unknown option of a write is refused, not ignored", () =>
  check(OPTION_CALLS.map(([name, call]): Row => [
    name,
    (store) => call(store, { tll: 5000 }),
    ARGUMENT,
    /^options must be among ttl, .*, got the string "tll"/,
  ])));

test("options of a transaction are refused before its function is called", () =>
  check([
    [null, /^options must be an object, got null/],
    [{ ttl: 5 }, /^options must be among durability, got the string "ttl"/],
    [{ durability: "disk" }, /^durability must be the store's \("memory"\), got the string "disk"/],
  ].map(([options, says]): Row => {
    const run = () => assert.unreachable();
    const call = (store: Untyped) => store["transaction"]!(run, options);
    return ["transaction", call, ARGUMENT, says as RegExp];
  })));

test("a ttl that is too long with the time behind it is refused before anything is loaded", () =>
  check([[
    "getOrPut",
    (store) => {
      const ttl = EXPIRY_MS_MAX - Date.now() - 3_600_000;
      const options = { ttl, staleWhileRevalidateMs: 7_200_000 };
      return store["getOrPut"]!("new", () => assert.unreachable(), options);
    },
    ARGUMENT,
    /^ttl must be a positive number of milliseconds that ends before the year 10889/,
  ]]));

test("what a getter of the options throws rejects the promise of a method that returns one", async () => {
  await using store = await open<unknown>({ ...SIZES, ordered: true });
  const thrown = new RangeError("thrown by a getter");
  const options = {
    get signal(): AbortSignal {
      throw thrown;
    },
  };
  const calls: readonly (() => Promise<unknown>)[] = [
    () => store.getMany(["a"], options),
    () => store.getEntries(["a"], options),
    () => store.hasMany(["a"], options),
    () => store.putMany([["a", 1]], options),
    () => store.deleteMany(["a"], options),
    () => store.getOrPut("a", () => 1, options),
    () => store.clear(options),
    () => store.countKeys(options),
    () => store.first(options),
    () => store.scale(2, options),
    () => store.restore("nowhere", options),
  ];
  for (const call of calls) {
    const promise = call();
    assert.is(await errorOf(() => promise), thrown, String(call));
  }
  assert.equal([store.count, store.nodes], [0, 1]);
});

test("options that an object inherits count in every method", async () => {
  await using store = await open<number>({ ...SIZES, ordered: true });
  const ttl: { ttl: number } = Object.create({ ttl: 3_600_000 });
  await store.put("put", 1, ttl);
  store.putSync("putSync", 1, ttl);
  await store.putMany([["putMany", 1]], ttl);
  store.putManySync([["putManySync", 1]], ttl);
  await store.compareAndSet("compareAndSet", null, 1, ttl);
  await store.update("update", () => 1, ttl);
  await store.getOrPut("getOrPut", () => 1, ttl);
  await store.increment("increment", 1, ttl);
  await store.atomic().put("atomic", 1, ttl).commit();
  for (const key of store.keysSync()) assert.ok(store.getEntrySync(key)?.expiresAt, key);
  const prefix: { prefix: string } = Object.create({ prefix: "putS" });
  assert.equal(await store.first(prefix), ["putSync", 1]);
  assert.equal(store.lastSync(prefix), ["putSync", 1]);
  assert.equal([...store.keysSync(prefix)], ["putSync"]);
  assert.is(await store.countKeys(prefix), 1);
});

test("bad options of open", async () => {
  const rows: readonly [unknown, RegExp][] = [
    [null, /^options must be an object, got null/],
    [{ caching: "64MiB" }, /^options must be among path, .*, got the string "caching"/],
    [{ placement: "away" }, /^placement must be "near" or "far", got/],
    [{ placement: "far", help: true }, /^help must be false in the far placement/],
    [{ placement: "far", roundTripMicros: -1 }, /^roundTripMicros must be 0 to 1000000/],
    [{ placement: "far", cachePolicy: "lru" }, /^cachePolicy must be among marginal, dac/],
    [{ placement: "far", backlog: 5 }, /^backlog must be from 4 KiB to 1 GiB, got the number 5/],
    [{ nodes: 0 }, /^nodes must be a whole number from 1 to 64, got the number 0/],
    [
      { capacity: "lots" },
      /^capacity must be a positive whole number of bytes.*got the string "lots"/,
    ],
    [{ capacity: "1MiB", segmentBytes: "1MiB" }, /^capacity must be 8 to 65534 times segmentBytes/],
    [
      { capacity: "64KiB", segmentBytes: "8KiB", nodes: 5 },
      /^nodes must be at most 4 for a pool of 8/,
    ],
    [{ durability: "disk" }, /^durability must be "memory" without a path, got the string "disk"/],
    [
      { path: "pool", durability: "tape" },
      /^durability must be "memory", "os" or "disk", got the string "tape"/,
    ],
    [{ checkpointBytes: "1KiB" }, /^checkpointBytes must be from .* to .*, got the string "1KiB"/],
    [{ repair: 1 }, /^repair must be a boolean, got/],
    [{ onProgress: 5 }, /^onProgress must be a function, got/],
    [{ path: "" }, /^path must be a non-empty string without NUL, got the string ""/],
    [{ codec: "xml" }, /^codec must be "msgpack", "json", "binary" or/],
  ];
  for (const [options, says] of rows) {
    assertRefusal(await errorOf(() => open(options as OpenOptions)), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says,
    }, `${says}`);
  }
});

test("a batch that is refused in the middle stores what came before, and nothing after", async () => {
  await using store = await open<unknown>(SIZES);
  const put = store.putMany([["a", 1], ["b", undefined], ["c", 3]]);
  assertRefusal(await errorOf(() => put), { ...VALUE, says: /undefined/ }, "putMany");
  assert.equal(await contentsOf(store), [["a", 1]]);
  const deleted = store.deleteMany(["a", "", "a"]);
  assertRefusal(await errorOf(() => deleted), { ...KEY, says: /0 bytes/ }, "deleteMany");
  assert.equal(await contentsOf(store), []);
});

test.run();
