/**
 * `dump` and `restore`: what goes through both is the same, and a restore that fails leaves
 * nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseDumpLine } from "../../lib/cli/dump_line.ts";
import { toTaggedJson } from "../../lib/codec/tagged_json.ts";
import { open, type OpenOptions } from "../../mod.ts";
import { closedPool, SMALL } from "../support/cli_pools.ts";
import { contentsOfDump, dinomo, dinomoHere, stateOf } from "../support/command.ts";
import { checkDataset, writeDataset } from "../support/dataset.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = ["--capacity", SMALL.capacity, "--segment-bytes", SMALL.segmentBytes];

/** Restores a dump into a new pool; its path. */
async function restored(dump: string, ...options: string[]): Promise<string> {
  const path = temporaryPath();
  const input = temporaryPath("dump.jsonl");
  writeFileSync(input, dump);
  const end = await dinomoHere(["restore", path, "--input", input, ...SIZES, ...options]);
  assert.is(end.exitCode, 0, end.stderr);
  return path;
}

async function dumpOf(path: string): Promise<string> {
  const end = await dinomoHere(["dump", path]);
  assert.is(end.exitCode, 0, end.stderr);
  return end.stdout;
}

test("values of many kinds come back exactly, and what is made has no damage", async () => {
  const path = await closedPool<unknown>({}, (store) => writeDataset(store, 150));
  const dump = await dumpOf(path);
  for (const durability of ["os", "disk"]) {
    const copy = await restored(dump, "--durability", durability);
    assert.equal(contentsOfDump(await dumpOf(copy)), contentsOfDump(dump), durability);
    assert.not(existsSync(`${copy}.restoring`));
    if (durability !== "disk") continue;
    const store = await open<unknown>({ keys: "mixed", path: copy });
    await checkDataset(store, 150);
    await store.close();
    assert.is((await dinomoHere(["verify", copy])).exitCode, 0);
  }
});

test("one process dumps into another, which restores", async () => {
  const path = await closedPool<unknown>({}, (store) => writeDataset(store, 50));
  const copy = temporaryPath();
  const { stdout } = await dinomo(["dump", path]);
  const end = await dinomo(["restore", copy, ...SIZES, "--durability", "os"], stdout);
  assert.equal(end, { exitCode: 0, stdout: `${copy}: 50 keys restored\n`, stderr: "" });
  assert.equal(contentsOfDump(await dumpOf(copy)), contentsOfDump(stdout));
});

test("what msgpack keeps, a dump keeps", async () => {
  const values: Record<string, unknown> = {
    regexp: /a\/b/gi,
    error: new RangeError("far", { cause: { at: 1n } }),
    typed: [Float64Array.of(NaN, -0), Int16Array.of(-2), new Uint8ClampedArray([7])],
    buffers: [Uint8Array.of(1, 2, 3).buffer, new DataView(Uint8Array.of(1).buffer)],
    dates: [new Date(0), new Date(-5), new Date(2 ** 40), new Date(1.5e12 + 0.999)],
    numbers: [NaN, Infinity, -Infinity, -0, 2 ** 53, 2 ** 31, -(2 ** 31), 1e-320, 0.1],
    bigints: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n, 3n ** 200n],
    nested: new Map<unknown, unknown>([[new Map([[1, 2]]), new Set([new Set()])], [null, [[]]]]),
    undefineds: { a: undefined, b: [undefined, , null] },
    tags: [{ $date: 1 }, { $object: { $x: 1 } }, { $a: 1, $b: 2 }, { $: null }],
    strings: ["\0", "\u2028", "\ufeffx", "\u{1f996}", "", "x".repeat(40_000)],
    "empty key": { "": { "": 1 } },
  };
  const path = await closedPool<unknown>({}, async (store) => {
    for (const [key, value] of Object.entries(values)) await store.put(key, value);
  });
  const copy = await restored(await dumpOf(path));
  const [from, to] = [
    await open<unknown>({ keys: "mixed", path }),
    await open<unknown>({ path: copy }),
  ];
  for (const key of Object.keys(values)) {
    const [before, after] = [await from.get(key), await to.get(key)];
    assert.is(toTaggedJson(after), toTaggedJson(before), key);
    // uvu does not take NaN in a typed array for equal to itself.
    if (key !== "typed") assert.equal(after, before, key);
  }
  assert.ok((await to.get("error")) instanceof RangeError);
  await Promise.all([from.close(), to.close()]);
  assert.equal(contentsOfDump(await dumpOf(copy)), contentsOfDump(await dumpOf(path)));
});

test("expiry times come back to the millisecond, and what has expired stays away", async () => {
  const path = await closedPool<number>({}, async (store) => {
    for (let i = 0; i < 300; i++) await store.put(`key ${i}`, i, { ttl: 1e9 + i });
  });
  const dump = await dumpOf(path);
  const expired = '{"key":"old","value":1,"version":1,"expiresAt":1000}\n';
  const copy = temporaryPath();
  const end = await dinomo(["restore", copy, ...SIZES], dump + expired);
  assert.is(end.exitCode, 0);
  assert.is(end.stdout, `${copy}: 300 keys restored\n`);
  assert.is(end.stderr, "dinomo: 1 key had expired, and been left out\n");
  assert.equal(contentsOfDump(await dumpOf(copy)), contentsOfDump(dump));
});

const encoder = new TextEncoder();
const CODECS: readonly [string, OpenOptions<unknown, "mixed">, unknown][] = [
  ["json", { codec: "json" }, { a: [1, { $date: 2 }], "b\ud800": null }],
  ["binary", { codec: "binary" as "json" }, Uint8Array.of(0, 1, 255)],
  ["custom", {
    codec: {
      encode: (value) => encoder.encode(`<${JSON.stringify(value)}>`),
      decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes).slice(1, -1)),
    },
  }, { custom: true }],
];

for (const [name, options, value] of CODECS) {
  test(`a pool with the codec ${name} comes back with it`, async () => {
    const path = await closedPool<unknown>(options, (store) => store.put("a", value));
    const copy = await restored(await dumpOf(path), "--codec", name);
    const store = await open<unknown>({ path: copy, ...options, keys: "string" });
    assert.equal(await store.get("a"), value);
    await store.close();
  });
}

test("a large value, and a file without a last line's end", async () => {
  const value = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7);
  const big = { capacity: "64MiB", segmentBytes: "4MiB" } as const;
  const path = await closedPool({ codec: "binary", ...big }, (store) => store.put("big", value));
  const file = temporaryPath("dump.jsonl");
  const dumped = await dinomoHere(["dump", path, "--output", file, "--progress"]);
  assert.is(dumped.exitCode, 0, dumped.stderr);
  assert.is(dumped.stdout, "");
  assert.match(dumped.stderr, /dinomo: dump: 100 %\n$/);
  assert.not(existsSync(`${file}.new`));
  writeFileSync(file, `\n  \r\n${readFileSync(file, "utf8").trim()}`);
  const copy = temporaryPath();
  const args = ["restore", copy, "--input", file, "--codec", "binary"];
  const end = await dinomoHere([...args, "--capacity", "64MiB", "--segment-bytes", "4MiB"]);
  assert.is(end.exitCode, 0, end.stderr);
  const store = await open({ path: copy, codec: "binary" });
  assert.ok(Buffer.from(value).equals((await store.get("big"))!));
  await store.close();
});

test("many lines are stored, and of two with one key the later", async () => {
  const lines = Array.from({ length: 11_000 }, (_, i) => `{"key":"${i % 2000}","value":${i}}\n`);
  const path = temporaryPath();
  const end = await dinomo(["restore", path, "--capacity", "8MiB", "--progress"], lines.join(""));
  assert.is(end.exitCode, 0, end.stderr);
  assert.match(end.stderr, /^dinomo: restore: 10,000 lines(, [\d,]+ lines\/s)?\n$/);
  const store = await open<number>({ path });
  assert.is(store.count, 2000);
  assert.is(await store.get("999"), 10_999);
  assert.is(await store.get("1999"), 9999);
  await store.close();
});

test("no lines make a pool without keys", async () => {
  const path = await restored("");
  assert.is(await dumpOf(path), "");
});

const GOOD = '{"key":"a","value":1,"version":1}\n';

test("what is not a line of a dump is refused", () => {
  const refused: [string, RegExp][] = [
    ["nonsense", /it must be a JSON object, got nonsense/],
    ['{"key":"b","value":', /it must be a JSON object/],
    ["[1]", /it must be a JSON object/],
    ["null", /it must be a JSON object/],
    ['{"key":"b","value":1,"ttl":5}', /among key, value, version, expiresAt, got "ttl"/],
    ['{"value":1}', /its key must be a string or .*, got nothing/],
    ['{"key":5,"value":1}', /its key must be a string or .*, got 5/],
    ['{"key":{"$date":1},"value":1}', /its key must be a string or .*, got {"\$date":1}/],
    ['{"key":"b"}', /it must have a value/],
    ['{"key":"b","value":{"$undefined":true}}', /it must have a value/],
    ['{"key":"b","value":1,"version":-1}', /its version must be a whole number/],
    ['{"key":"b","value":1,"expiresAt":"soon"}', /its expiresAt must be a whole .* "soon"/],
    ['{"key":"b","value":1,"expiresAt":1e300}', /its expiresAt must be a whole number/],
    ['{"key":"b","value":[{"$data":1}]}', /must be a tag, got {"\$data":1}/],
    ['{"incomplete":"because"}', /the dump is not complete: because/],
  ];
  for (const [line, says] of refused) assert.throws(() => parseDumpLine(line), says, line);
});

const BAD_LINES: readonly [string, RegExp, string?][] = [
  ['{"key":"b","value":1', /it must be a JSON object/],
  ['{"key":"\\ud800","value":1}', /well-formed/],
  [`{"key":"b","value":"${"x".repeat(70_000)}"}`, /value|segment/],
  ['{"key":"b","value":[{"$date":1}]}', /with the codec "json", got "\$date"/, "json"],
  ['{"key":"b","value":1}', /its value must be { "\$bytes": base64 }/, "custom"],
];

test("a bad line ends a restore with its number, and nothing is left", async () => {
  for (const [line, says, codec = "msgpack"] of BAD_LINES) {
    const good = codec === "custom" ? '{"key":"a","value":{"$bytes":""}}\n' : GOOD;
    const input = temporaryPath("input");
    writeFileSync(input, `${good}${line}\n${good}`);
    const path = temporaryPath();
    const args = ["restore", path, "--input", input, "--codec", codec, ...SIZES];
    const end = await dinomoHere(args);
    assert.is(end.exitCode, 1, `${line.slice(0, 50)}: ${end.stderr}`);
    assert.is(end.stdout, "");
    assert.match(end.stderr, /^dinomo: line 2: [^\n]*\n$/);
    assert.match(end.stderr, says);
    assert.not(existsSync(path), line);
    assert.not(existsSync(`${path}.restoring`), line);
  }
});

test("a process that restores ends at a bad line, whatever is still to come", async () => {
  const path = temporaryPath();
  const end = await dinomo(["restore", path], `${GOOD}\n{}\n${GOOD.repeat(100_000)}`);
  assert.is(end.exitCode, 1);
  assert.match(end.stderr, /^dinomo: line 3: its key must be a string .*\n$/);
  assert.not(existsSync(path));
  const notText = temporaryPath("input");
  writeFileSync(notText, Buffer.concat([Buffer.from(GOOD), Uint8Array.of(0x22, 0xff, 0x22)]));
  const refused = await dinomoHere(["restore", path, "--input", notText, "--durability", "os"]);
  assert.match(refused.stderr, "line 2: it must be UTF-8");
  assert.is(refused.exitCode, 1);
  assert.not(existsSync(path) || existsSync(`${path}.restoring`));
});

test("a capacity that is too small is a matter of the command line", async () => {
  const lines = Array.from(
    { length: 100 },
    (_, i) => `{"key":"${i}","value":"${"x".repeat(2000)}"}`,
  );
  const path = temporaryPath();
  const end = await dinomo(["restore", path, "--capacity", "64KiB"], lines.join("\n"));
  assert.is(end.exitCode, 2, end.stderr);
  assert.match(end.stderr, /^dinomo: line \d+: the capacity must be larger: /);
  assert.not(existsSync(path) || existsSync(`${path}.restoring`));
});

test("what exists is not restored over, nor is what a killed restore has left", async () => {
  const path = await closedPool({}, (store) => store.put("a", 1));
  const before = stateOf(path);
  const end = await dinomoHere(["restore", path]);
  assert.is(end.exitCode, 3);
  assert.is(end.stderr, `dinomo: path must not exist yet, got "${path}", which exists\n`);
  const inside = await dinomoHere(["restore", join(path, "copy")]);
  assert.is(inside.exitCode, 3);
  assert.match(inside.stderr, /path must not be inside of a pool/);
  assert.equal(stateOf(path), before);
  const other = temporaryPath();
  mkdirSync(`${other}.restoring`, { recursive: true });
  const refused = await dinomoHere(["restore", other]);
  assert.is(refused.exitCode, 3);
  assert.match(refused.stderr, /unfinished restore beside it, got .*\.restoring", which exists/);
  assert.ok(existsSync(`${other}.restoring`));
});

test("a dump that cannot be completed says so, in a line that no restore takes", async () => {
  const broken = { encode: () => Uint8Array.of(0xc1), decode: () => 0 };
  const path = await closedPool<unknown>({ codec: broken }, (store) => store.put("a", 1));
  // The same bytes, said to be msgpack.
  const checkpoint = join(path, "checkpoint");
  const { resealed } = await import("../support/snapshots.ts");
  const bytes = new Uint8Array(readFileSync(checkpoint));
  bytes[56] = 1;
  writeFileSync(checkpoint, resealed(bytes));
  const file = temporaryPath("dump.jsonl");
  const toFile = await dinomoHere(["dump", path, "--output", file]);
  assert.is(toFile.exitCode, 1);
  assert.match(toFile.stderr, /^dinomo: key "a": .*\n$/);
  assert.not(existsSync(file) || existsSync(`${file}.new`));
  const dumped = await dinomoHere(["dump", path]);
  assert.is(dumped.exitCode, 1);
  assert.match(dumped.stdout, /^{"incomplete":"key \\"a\\": .*"}\n$/);
  const end = await dinomo(["restore", temporaryPath()], dumped.stdout);
  assert.is(end.exitCode, 1);
  assert.match(end.stderr, /line 1: the dump is not complete: key "a"/);
});

test("the output of a dump is not put into the pool, nor in the place of a device", async () => {
  const path = await closedPool({}, (store) => store.put("a", 1));
  const before = stateOf(path);
  for (const name of ["x", "../" + path.split("/").at(-1) + "/x", "checkpoint"]) {
    const end = await dinomoHere(["dump", path, "--output", join(path, name)]);
    assert.is(end.exitCode, 2);
    assert.match(end.stderr, /--output must be outside of the pool/);
  }
  const missing = await dinomoHere(["dump", path, "--output", join(temporaryPath(), "x")]);
  assert.is(missing.exitCode, 3, missing.stderr);
  const folder = await dinomoHere(["dump", path, "--output", dirname(path)]);
  assert.is(folder.exitCode, 3, folder.stderr);
  const device = await dinomoHere(["dump", path, "--output", "/dev/null"]);
  assert.equal(device, { exitCode: 0, stdout: "", stderr: "" });
  assert.equal(stateOf(path), before);
});

test("the output of a dump follows no link, and is written through none", async () => {
  const path = await closedPool({}, (store) => store.put("a", 1));
  const mine = temporaryPath("mine");
  writeFileSync(mine, "mine");
  const output = temporaryPath("dump.jsonl");
  symlinkSync(mine, output);
  const refused = await dinomoHere(["dump", path, "--output", output]);
  assert.is(refused.exitCode, 3, refused.stderr);
  assert.match(refused.stderr, "--output must not be a symbolic link to a file");
  for (const plant of [symlinkSync, linkSync]) {
    const other = temporaryPath("dump.jsonl");
    plant(mine, `${other}.new`);
    const end = await dinomoHere(["dump", path, "--output", other]);
    assert.is(end.exitCode, 0, end.stderr);
    assert.match(readFileSync(other, "utf8"), /"key":"a"/);
  }
  assert.is(readFileSync(mine, "utf8"), "mine");
  const device = temporaryPath("null");
  symlinkSync("/dev/null", device);
  assert.is((await dinomoHere(["dump", path, "--output", device])).exitCode, 0, "a device");
});

test.run();
