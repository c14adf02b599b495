/**
 * The options of `open`: each one's good and bad values, and those that contradict each other.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidOptionError } from "../../lib/core/errors.ts";
import type { OpenOptions } from "../../lib/store/options/options.ts";
import { nodeCountMax, sizesOf } from "../../lib/store/arguments/pool_sizes.ts";
import { OWN_WORKERS } from "../../lib/platform/worker_loader.ts";
import { type ResolvedOptions, resolveOptions } from "../../lib/store/options/resolved_options.ts";
import { assertThrows } from "../support/errors.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const identityCodec = {
  encode: (bytes: Uint8Array) => bytes,
  decode: (bytes: Uint8Array) => bytes,
};

/** Option, value, field of the result, its value there. */
const ACCEPTED: readonly [keyof OpenOptions, unknown, keyof ResolvedOptions<unknown>, unknown][] = [
  ["path", "./data", "path", "./data"],
  ["path", " ", "path", " "],
  ["path", "file:///tmp/a%20b", "path", "/tmp/a b"],
  ["path", new URL("file:///tmp/a"), "path", "/tmp/a"],
  ["nodes", 1, "nodes", 1],
  ["nodes", 64, "nodes", 64],
  ["capacity", "64KiB", "capacityBytes", 64 * KIB],
  ["capacity", 100_000, "capacityBytes", 100_000],
  ["capacity", "32GiB", "capacityBytes", 32 * GIB],
  ["segmentBytes", "4KiB", "segmentBytes", 4 * KIB],
  ["segmentBytes", 2 ** 30, "segmentBytes", GIB],
  ["whenFull", "refuse", "evictedEntriesMax", undefined],
  ["whenFull", "evict", "evictedEntriesMax", 0],
  ["codec", "msgpack", "codec", "msgpack"],
  ["codec", "json", "codec", "json"],
  ["codec", "binary", "codec", "binary"],
  ["codec", identityCodec, "codec", identityCodec],
  ["spin", "auto", "spinMicros", 100],
  ["spin", true, "spinMicros", 100],
  ["spin", false, "spinMicros", 0],
  ["spin", 0, "spinMicros", 0],
  ["spin", 12.5, "spinMicros", 12.5],
  ["spin", 1_000_000, "spinMicros", 1_000_000],
  ["ringBytes", "8KiB", "ringBytes", 8 * KIB],
  ["ringBytes", "64MiB", "ringBytes", 64 * MIB],
  ["inFlight", 8, "inFlight", 8],
  ["inFlight", 65_536, "inFlight", 65_536],
  ["dpmThreads", 1, "dpmThreads", 1],
  ["dpmThreads", 8, "dpmThreads", 8],
  ["prefault", "auto", "prefault", "auto"],
  ["prefault", true, "prefault", true],
  ["prefault", false, "prefault", false],
  ["cache", 4 * KIB, "cacheBytes", 4 * KIB],
  ["cache", "64MiB", "cacheBytes", 64 * MIB],
  ["inspect", false, "inspect", undefined],
  ["standby", false, "standby", undefined],
  ["processes", false, "processes", false],
  ["keepAlive", true, "keepAlive", true],
  ["keepAlive", false, "keepAlive", false],
  ["statistics", true, "statistics", true],
  ["statistics", false, "statistics", false],
];

/** Option, values that are refused. */
const REFUSED: readonly [keyof OpenOptions, readonly unknown[]][] = [
  ["path", ["", "a\0b", 1, null, "~/a", "file:a", new URL("https://a.test/tmp"), ["."]]],
  ["nodes", [0, -1, 65, 1.5, NaN, Infinity, "2", null, 1n]],
  ["capacity", [0, "64KB", 64 * KIB - 1, "32.1GiB", "much", null, NaN, {}]],
  ["segmentBytes", ["4KB", "2KiB", "2GiB", 4097, "12KiB", 0, "big", null]],
  ["whenFull", ["", "Evict", true, 1, null]],
  ["codec", ["xml", "", 1, null, {}, { encode() {} }, { encode: 1, decode: 2 }, () => 1]],
  ["durability", ["os", "disk", "", null, true]],
  ["spin", ["never", -1, 1_000_001, NaN, null, "100"]],
  ["ringBytes", ["4KiB", "128MiB", "12KiB", "8KB", 0, null]],
  ["inFlight", [0, 4, 9, 100, 131_072, "8", NaN, null]],
  ["dpmThreads", [0, 9, 1.5, "1", null]],
  ["prefault", ["yes", 1, null]],
  ["cache", [0, 4095, "1KiB", "17GiB", "much", true, null]],
  ["inspect", ["true", 1, null, [], { read: true }, { write: 1 }, true]],
  ["processes", ["true", 0, null, true]],
  ["keepAlive", ["true", 0, null]],
  ["statistics", ["true", 0, null, {}]],
  ["readOnly", [true, "true", 0, null]],
  ["standby", [true, "true", 0, null, {}, []]],
  ["reuse", [true, "true", 0, null]],
  ["autoscale", [null, true, 4, {}, { max: 4 }, { slo: { meanMicros: 1 } }]],
  ["workers", [null, "file:///x.js", 5, { kn: "file:///x.js" }, { node: "./x.js" }, { dpm: 1 }]],
];

function resolveOne(name: string, value: unknown): ResolvedOptions<unknown> {
  return resolveOptions({ [name]: value } as OpenOptions);
}

test("each option takes its values", () => {
  for (const [name, value, field, expected] of ACCEPTED) {
    assert.is(resolveOne(name, value)[field], expected, `${name}: ${String(value)}`);
  }
});

test("each option refuses other values, by its name", () => {
  for (const [name, values] of REFUSED) {
    for (const value of values) {
      // null stands for "not given" only where an option says so, and none does.
      assertThrows(() => resolveOne(name, value), {
        type: InvalidOptionError,
        code: "DINOMO_INVALID_OPTION",
        says: new RegExp(`^${name}[ .].*(must|may) .*, got `),
      }, `${name}: ${String(value)}`);
    }
  }
});

test("undefined is the default", () => {
  const names = [...ACCEPTED.map(([name]) => name), "durability", "workers"];
  const explicit = Object.fromEntries(names.map((name) => [name, undefined]));
  assert.equal(resolveOptions(explicit), resolveOptions({}));
  assert.equal(resolveOptions(undefined), resolveOptions({}));
});

test("the defaults are what the documentation of the options says", () => {
  const { processorCount, workers, ...defaults } = resolveOptions({});
  assert.equal(defaults, {
    far: undefined,
    path: undefined,
    nodes: 1,
    autoscale: undefined,
    statistics: false,
    clients: 64,
    capacityBytes: undefined,
    segmentBytes: undefined,
    evictedEntriesMax: undefined,
    codec: "msgpack",
    ordered: false,
    durability: "memory",
    checkpointBytes: undefined,
    capacityBytesMax: undefined,
    repair: false,
    readOnly: false,
    standby: undefined,
    reuse: false,
    onProgress: undefined,
    spinMicros: 100,
    help: true,
    startsLazily: true,
    ringBytes: 512 * KIB,
    inFlight: 4096,
    dpmThreads: 1,
    prefault: "auto",
    cacheBytes: undefined,
    inspect: undefined,
    processes: false,
    cluster: undefined,
    keepAlive: false,
    keys: "string",
  });
  assert.ok(processorCount >= 1);
  assert.is(workers.node, OWN_WORKERS.node);
  assert.is(workers.dpm, OWN_WORKERS.dpm);
  assert.is(workers.gateway, OWN_WORKERS.gateway);
  assert.is(workers.cluster, OWN_WORKERS.cluster);
});

test("bytes cannot be frozen, so the codec for them goes without a cache", () => {
  assertThrows(() => resolveOptions({ codec: "binary", cache: "1MiB" }), {
    type: InvalidOptionError,
    code: "DINOMO_INVALID_OPTION",
    says: /^cache must be left out with the codec "binary"/,
  });
});

test("only a cache has a number of keys", () => {
  const refused = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION" } as const;
  const cache = (maxEntries: number) => resolveOptions({ whenFull: "evict", maxEntries });
  assert.is(cache(1).evictedEntriesMax, 1);
  assert.is(cache(2 ** 31 - 1).evictedEntriesMax, 2 ** 31 - 1);
  for (const bad of [0, -1, 1.5, 2 ** 31, NaN]) {
    assertThrows(() => cache(bad), { ...refused, says: /^maxEntries must be/ }, String(bad));
  }
  assertThrows(() => resolveOptions({ maxEntries: 5 }), {
    ...refused,
    says: /^maxEntries must be left out unless whenFull is "evict", got the number 5/,
  });
});

test("only a near pool evicts", () => {
  assertThrows(() => resolveOptions({ whenFull: "evict", placement: "far" }), {
    type: InvalidOptionError,
    code: "DINOMO_INVALID_OPTION",
    says: /^whenFull must be "refuse" in the far placement, got the string "evict"/,
  });
});

test("workers are replaced one by one", () => {
  const node = new URL("file:///app/kn.js");
  assert.is(resolveOptions({ workers: { node } }).workers.node, node);
  assert.is(resolveOptions({ workers: { node } }).workers.dpm, OWN_WORKERS.dpm);
  const dpm = "data:text/javascript,";
  assert.is(resolveOptions({ workers: { dpm } }).workers.dpm, dpm);
});

test("an unknown option is refused, even if its value is undefined", () => {
  for (const name of ["Nodes", "cacheBytes", "ttl", "constructor", "capacityBytes"]) {
    assertThrows(() => resolveOne(name, undefined), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: new RegExp(`^options must be among path, nodes, .*got the string "${name}"`),
    }, name);
  }
});

test("options must be an object", () => {
  for (const options of [null, 5, "path", true, () => {}]) {
    assertThrows(() => resolveOptions(options as unknown as OpenOptions), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /^options must be an object, got /,
    }, String(options));
  }
});

test("capacity and segment size must fit each other", () => {
  const contradictions: readonly [number, number][] = [
    [64 * KIB, 16 * KIB],
    [8 * MIB - 1, MIB],
    [GIB, 4 * KIB],
    [32 * GIB, 64 * KIB],
  ];
  for (const [capacityBytes, segmentBytes] of contradictions) {
    assertThrows(() => sizesOf({ capacityBytes, segmentBytes }), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /^capacity must be 8 to 65534 times segmentBytes, got .* and /,
    }, `${capacityBytes} of ${segmentBytes}`);
  }
  assert.equal(sizesOf({ capacityBytes: 64 * KIB, segmentBytes: 8 * KIB }), {
    capacityBytes: 64 * KIB,
    segmentBytes: 8 * KIB,
  });
});

test("the default segment size suits every capacity", () => {
  assert.equal(sizesOf({ capacityBytes: undefined, segmentBytes: undefined }), {
    capacityBytes: GIB,
    segmentBytes: 8 * MIB,
  });
  for (let capacityBytes = 64 * KIB; capacityBytes <= 32 * GIB; capacityBytes *= 1.37) {
    const { segmentBytes } = sizesOf({ capacityBytes, segmentBytes: undefined });
    assert.is(Math.log2(segmentBytes) % 1, 0, `${capacityBytes}`);
    assert.ok(segmentBytes <= 8 * MIB, `${capacityBytes}`);
  }
});

test("a pool that evicts has 64 segments or more", () => {
  const evictedEntriesMax = 0;
  for (let capacityBytes = 256 * KIB; capacityBytes <= 32 * GIB; capacityBytes *= 1.37) {
    const { segmentBytes } = sizesOf({ capacityBytes, segmentBytes: undefined, evictedEntriesMax });
    assert.ok(capacityBytes / segmentBytes >= 64, `${capacityBytes}`);
  }
  const tooFew = [
    { capacityBytes: 128 * KIB, segmentBytes: undefined },
    { capacityBytes: 64 * MIB, segmentBytes: 2 * MIB },
  ];
  for (const sizes of tooFew) {
    assertThrows(() => sizesOf({ ...sizes, evictedEntriesMax }), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /^capacity must be 64 to 65534 times segmentBytes with whenFull "evict", got /,
    }, `${sizes.capacityBytes}`);
  }
});

test("a pool serves as many KNs as leave it segments to work with", () => {
  assert.is(nodeCountMax(8), 4);
  assert.is(nodeCountMax(16), 12);
  assert.is(nodeCountMax(68), 64);
  assert.is(nodeCountMax(60_000), 64);
});

test.run();
