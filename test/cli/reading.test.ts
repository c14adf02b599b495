/**
 * `info`, `verify` and `dump` on healthy pools: they say what is there, on every runtime's pools,
 * and change nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHECKPOINT_VERSION_PLAIN } from "../../lib/persistence/checkpoint_layout.ts";
import type { PoolInfo } from "../../lib/cli/pool_info.ts";
import { toTaggedJson } from "../../lib/codec/tagged_json.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { closedPool, killedPool } from "../support/cli_pools.ts";
import { contentsOfDump, dinomo, dinomoHere, stateOf } from "../support/command.ts";
import { datasetKey, datasetValue } from "../support/dataset.ts";

const COUNT = 60;

async function infoOf(path: string): Promise<PoolInfo> {
  const end = await dinomoHere(["info", path, "--json"]);
  assert.is(end.exitCode, 0, end.stderr);
  assert.is(end.stderr, "");
  return JSON.parse(end.stdout);
}

/** Lines of a dump of the dataset, as they must be. */
function datasetLines(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    return `{"key":${toTaggedJson(datasetKey(i))},"value":${toTaggedJson(datasetValue(i))}}`;
  });
}

test("a pool of snapshots: info, verify and dump say what is there", async () => {
  const path = await closedPool<unknown>({ durability: "memory" }, async (store) => {
    for (let i = 0; i < COUNT; i++) await store.put(datasetKey(i), datasetValue(i));
    await store.put("gone", 1, { ttl: 1 });
  });
  const before = stateOf(path);
  const info = await infoOf(path);
  const files = info.files.map(({ name }) => name);
  assert.equal([info.path, info.format, info.checkpoint, info.image], [
    path,
    CHECKPOINT_VERSION_PLAIN,
    1,
    1,
  ]);
  assert.equal([info.codec, info.capacityBytes, info.segmentBytes], ["msgpack", 1 << 20, 65536]);
  assert.is(info.segments.used + info.segments.free, 16);
  assert.ok(info.segments.used >= 1 && info.segments.used < 16);
  assert.ok(info.keys === COUNT || info.keys === COUNT + 1, "an expired key may count");
  // A bucket holds seven entries of its slot, and few of so few keys share a slot.
  assert.ok(info.indexBytes > (COUNT * 64) / 2);
  assert.equal(info.behindCheckpoint, { frames: 0, records: 0, bytes: 0, droppedBytes: 0 });
  assert.equal(info.damages, []);
  assert.equal(files, ["checkpoint", "image-1"]);
  assert.is(info.files[0]!.bytes, statSync(join(path, "checkpoint")).size);
  const text = await dinomo(["info", path]);
  assert.is(text.exitCode, 0);
  assert.match(text.stdout, /^codec +msgpack$/m);
  assert.match(text.stdout, /^behind checkpoint +0 frames, 0 records, 0 B$/m);
  const verified = await dinomo(["verify", path, "--progress"]);
  assert.is(verified.exitCode, 0);
  assert.match(
    verified.stdout,
    / no damage: 6\d keys, 0 frames, 0 records behind the checkpoint\n$/,
  );
  assert.match(verified.stderr, /^(dinomo: verify: \d+ %\n)*dinomo: verify: 100 %\n$/);
  assert.is((await dinomoHere(["verify", path])).stderr, "", "without a terminal");
  const dumped = await dinomo(["dump", path]);
  assert.is(dumped.exitCode, 0);
  assert.is(dumped.stderr, "");
  assert.equal(contentsOfDump(dumped.stdout), datasetLines(COUNT).sort());
  const repaired = await dinomoHere(["repair", path, "--dry-run"]);
  assert.equal(repaired, { exitCode: 0, stdout: `${path}: nothing to repair\n`, stderr: "" });
  await dinomo(["repair", path]);
  assert.equal(stateOf(path), before);
});

for (const runtime of RUNTIMES) {
  test(`a pool that ${runtime} had open when it was killed`, async () => {
    const path = await killedPool(COUNT, runtime);
    const before = stateOf(path);
    const info = await infoOf(path);
    const { frames, records, bytes } = info.behindCheckpoint!;
    assert.is(info.keys, COUNT + 1);
    assert.ok(records >= COUNT / 2 + 1 && frames > 1 && frames <= records);
    const { size } = statSync(join(path, "image-1"));
    assert.ok(bytes > records * 28 && bytes < size, `${bytes} bytes of ${size}`);
    const verified = await dinomoHere(["verify", path]);
    assert.is(verified.exitCode, 0, verified.stderr);
    assert.match(
      verified.stdout,
      `: no damage: ${info.keys} keys, ${frames} frames, ${records} records behind`,
    );
    const lines = contentsOfDump((await dinomo(["dump", path])).stdout);
    const expiring = lines.find((line) => line.startsWith('{"key":"gone in a day"'))!;
    const { expiresAt } = JSON.parse(expiring);
    assert.ok(Math.abs(expiresAt - Date.now() - 86_400_000) < 60_000);
    assert.equal(
      lines.filter((line) => line !== expiring),
      datasetLines(COUNT).sort(),
    );
    assert.is((await dinomoHere(["repair", path, "--dry-run"])).exitCode, 0);
    assert.equal(stateOf(path), before, "nothing has changed");
  });
}

test("a dump has the versions of the store, and of a prefix only its keys", async () => {
  let version = 0;
  const path = await closedPool<unknown>({}, async (store) => {
    await store.put("a:1", 1);
    await store.put("a:1", 2);
    await store.put("a:\u00e9", 3);
    await store.put(new TextEncoder().encode("a:bytes"), 4);
    await store.put("b:1", 5);
    version = (await store.getEntry("a:1"))!.version;
  });
  const dumped = await dinomoHere(["dump", path, "--prefix", "a:"]);
  assert.equal(contentsOfDump(dumped.stdout), [
    '{"key":"a:1","value":2}',
    '{"key":"a:\u00e9","value":3}',
    '{"key":{"$bytes":"YTpieXRlcw=="},"value":4}',
  ]);
  assert.match(dumped.stdout, `{"key":"a:1","value":2,"version":${version}}\n`);
  const none = await dinomoHere(["dump", path, "--prefix=c"]);
  assert.equal(none, { exitCode: 0, stdout: "", stderr: "" });
});

test("get and keys read the files of a pool that nobody has open", async () => {
  const path = await closedPool<unknown>({}, async (store) => {
    await store.put("a:1", [1n]);
    await store.put("a:2", 2, { ttl: 86_400_000 });
    await store.put("-x", 3);
    await store.put(Uint8Array.of(1), 4);
    await store.put("0x01", 6);
    await store.put("gone", 5, { ttl: 1 });
  });
  const before = stateOf(path);
  const says = async (...args: string[]) => {
    const end = await dinomoHere(args);
    assert.equal([end.exitCode, end.stderr], [0, ""], args.join(" "));
    return end.stdout;
  };
  assert.is(await says("get", path, "a:1"), '[{"$bigint":"1"}]\n');
  assert.match(await says("get", path, "a:2", "--json"), /^{"key":"a:2","value":2,.*"expiresAt":/);
  assert.is(await says("get", path, "--", "-x"), "3\n");
  assert.is(await says("get", path, "0x01"), "4\n");
  assert.is(await says("get", path, "string:0x01"), "6\n");
  const all = (await says("keys", path)).trim().split("\n").sort();
  assert.equal(all, ["-x", "0x01", "a:1", "a:2", "string:0x01"]);
  assert.is((await says("keys", path, "a:", "--limit", "1")).split("\n").length, 2);
  assert.is(await says("keys", path, "0x01", "--json"), '{"$bytes":"AQ=="}\n');
  assert.is(await says("keys", path, "string:0x", "--json"), '"0x01"\n');
  const gone = await dinomoHere(["get", path, "gone"]);
  assert.equal(gone, { exitCode: 1, stdout: "", stderr: 'dinomo: key "gone" is not there\n' });
  assert.equal(stateOf(path), before);
});

test("a terminal is not given the control characters of keys, which it would obey", async () => {
  const key = "a\nb\x1b[2J\x9bc\u00fc";
  const path = await closedPool({}, (store) => store.put(key, 1));
  assert.is((await dinomoHere(["keys", path], true)).stdout, "a\\u000ab\\u001b[2J\\u009bc\u00fc\n");
  assert.is((await dinomoHere(["keys", path])).stdout, `${key}\n`);
});

test("values of each codec", async () => {
  const json = await closedPool<unknown>({ codec: "json" }, (store) => {
    return store.put("a", { $date: 1, b: [1.5, "x", null] });
  });
  const binary = await closedPool<unknown>({ codec: "binary" }, (store) => {
    return store.put("a", Uint8Array.of(0, 255));
  });
  const codec = {
    encode: (value: unknown) => new TextEncoder().encode(`<${value}>`),
    decode: () => assert.unreachable(),
  };
  const custom = await closedPool<unknown>({ codec }, (store) => store.put("a", "b"));
  const cases = [
    [json, "json", '{"$date":1,"b":[1.5,"x",null]}'],
    [binary, "binary", '{"$bytes":"AP8="}'],
    [custom, "custom", `{"$bytes":"${Buffer.from("<b>").toString("base64")}"}`],
  ] as const;
  for (const [path, name, value] of cases) {
    assert.is(JSON.parse((await dinomoHere(["info", path, "--json"])).stdout).codec, name);
    assert.is((await dinomoHere(["verify", path])).exitCode, 0);
    const dumped = await dinomoHere(["dump", path]);
    assert.equal(contentsOfDump(dumped.stdout), [`{"key":"a","value":${value}}`]);
  }
});

test("a pool without keys", async () => {
  for (const durability of ["memory", "os"] as const) {
    const path = await closedPool({ durability }, () => {});
    assert.is((await infoOf(path)).keys, 0);
    const dumped = await dinomoHere(["dump", path]);
    assert.equal(dumped, { exitCode: 0, stdout: "", stderr: "" });
    assert.match((await dinomoHere(["verify", path])).stdout, /: no damage: 0 keys, /);
  }
});

test("progress on a terminal is redrawn, and removed", async () => {
  const path = await closedPool<number>({}, async (store) => {
    await store.putMany(Array.from({ length: 600 }, (_, i): [string, number] => [`${i}`, i]));
  });
  for (const command of ["verify", "dump"]) {
    const { stderr } = await dinomoHere([command, path], true);
    const drawn = stderr.replaceAll("\r\x1b[K", "|");
    assert.match(drawn, /^(\|dinomo: (verify|dump): \[#*-*\] \d+ %[^|]*)*\|?$/);
  }
});

test.run();
