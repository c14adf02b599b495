/**
 * Damaged and hostile pools: every command says what is wrong and where, changes nothing, and only
 * `repair` repairs, what it can.
 *
 * @module
 */
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolInfo } from "../../lib/cli/pool_info.ts";
import { CorruptionError, open } from "../../mod.ts";
import { closedPool, killedPool, written } from "../support/cli_pools.ts";
import { dinomo, dinomoHere, stateOf } from "../support/command.ts";
import { errorOf } from "../support/errors.ts";
import { framesBehind, syncedFrame } from "../support/frame_search.ts";
import { HOSTILE_CASES } from "../support/hostile_cases.ts";
import { resealed, savedPool } from "../support/snapshots.ts";
import { temporaryPath } from "../support/temporary.ts";

const READERS = [["info"], ["verify"], ["dump"], ["repair", "--dry-run"]] as const;

/** Changes one byte of a file. */
function flip(path: string, name: string, offset: number): void {
  const bytes = readFileSync(join(path, name));
  bytes[offset]! ^= 0x10;
  writeFileSync(join(path, name), bytes);
}

/** Checks that every command that reads ends with that code and message, and changes nothing. */
async function assertAllRefuse(path: string, exitCode: number, says: RegExp): Promise<void> {
  const before = stateOf(path);
  for (const [command, ...options] of READERS) {
    const end = await dinomoHere([command, path, ...options]);
    assert.is(end.exitCode, exitCode, `${command}: ${end.stderr}`);
    assert.match(end.stderr, says, command);
    assert.match(end.stderr, /^(dinomo: [^\n]+\n)+$/, command);
  }
  assert.equal(stateOf(path), before);
}

const FILL = { durability: "memory" } as const;

test("a damaged image: the file, the byte, and that it cannot be repaired", async () => {
  const path = await closedPool<unknown>(FILL, (store) => store.put("a", "x".repeat(1000)));
  flip(path, "image-1", 500);
  const says = /image-1: damaged at byte 0: the CRC-32 of segment 0 does not match/;
  await assertAllRefuse(path, 1, says);
  const verified = await dinomo(["verify", path]);
  assert.is(verified.exitCode, 1);
  assert.is(verified.stdout, "");
  assert.match(verified.stderr, says);
  const end = await dinomoHere(["info", path, "--json"]);
  const info: PoolInfo = JSON.parse(end.stdout);
  assert.equal([info.checkpoint, info.codec, info.keys], [1, "msgpack", 1]);
  assert.is(info.behindCheckpoint, null);
  assert.equal([info.damages.length, info.damages[0]!.offset], [1, 0]);
  const before = stateOf(path);
  const repaired = await dinomo(["repair", path]);
  assert.is(repaired.exitCode, 1);
  assert.is(repaired.stdout, "");
  assert.match(repaired.stderr, /^dinomo: it cannot be repaired, only replaced by .*segment 0/);
  assert.equal(stateOf(path), before);
});

test("a damaged checkpoint, a short one, and one of another release", async () => {
  const path = await closedPool<unknown>(FILL, (store) => store.put("a", 1));
  const file = join(path, "checkpoint");
  const whole = readFileSync(file);
  flip(path, "checkpoint", 1000);
  await assertAllRefuse(path, 1, /checkpoint: damaged at byte 12: its CRC-32 does not match/);
  writeFileSync(file, whole.subarray(0, 5000));
  await assertAllRefuse(path, 1, /checkpoint: damaged at byte 5000: it should have \d+ bytes/);
  writeFileSync(file, whole.subarray(0, 50));
  await assertAllRefuse(path, 1, /damaged at byte 50: the file ends within its header/);
  const newer = Uint8Array.from(whole);
  newer[8] = 9;
  writeFileSync(file, newer);
  await assertAllRefuse(path, 3, /must have format version 2 to 5, got version 9/);
  const strange = Uint8Array.from(whole);
  strange[56] = 77;
  writeFileSync(file, resealed(strange));
  await assertAllRefuse(path, 1, /checkpoint: damaged at byte 56: codec 77 is impossible/);
  writeFileSync(file, whole);
  rmSync(join(path, "image-1"));
  await assertAllRefuse(path, 1, /image-1: damaged at byte 0: .* needs this file/);
});

test("every hostile snapshot is refused, although its checksums are right", async () => {
  for (const [name, tamper] of Object.entries(HOSTILE_CASES)) {
    const { disk } = savedPool();
    tamper(disk);
    const path = written(disk);
    const before = stateOf(path);
    const end = await dinomoHere(["verify", path]);
    assert.is(end.exitCode, 1, `${name}: ${end.stdout}`);
    assert.match(end.stderr, /: damaged at byte \d+: /, name);
    assert.equal(stateOf(path), before, name);
  }
});

test("frames that had been synced and are damaged: found, reported, and dropped by repair", async () => {
  const path = await killedPool(60);
  const keysBefore = JSON.parse((await dinomoHere(["info", path, "--json"])).stdout).keys;
  const { offset, bytes } = syncedFrame(path);
  flip(path, "image-1", offset + 40);
  // As a pool of an application's own codec: a repair needs none.
  const checkpoint = new Uint8Array(readFileSync(join(path, "checkpoint")));
  checkpoint[56] = 4;
  writeFileSync(join(path, "checkpoint"), resealed(checkpoint));
  const place = `image-1: damaged at byte ${offset}: frames that had been synced are damaged in ` +
    `segment \\d+, ${bytes} bytes`;
  const before = stateOf(path);
  for (const [command] of READERS.slice(0, 3)) {
    const end = await dinomoHere([command, path]);
    assert.is(end.exitCode, 1, command);
    assert.match(end.stderr, new RegExp(`^dinomo: .*${place}(; dinomo repair drops .*)?\n$`));
  }
  const looked = await dinomoHere(["repair", path, "--dry-run"]);
  assert.is(looked.exitCode, 1);
  assert.match(
    looked.stdout,
    new RegExp(`${place} would be dropped\n1 place, ${bytes} bytes would`),
  );
  assert.is(looked.stderr, `dinomo: ${path}: damaged, and can be repaired\n`);
  assert.equal(stateOf(path), before);
  const codec = { encode: () => Uint8Array.of(), decode: () => 0 };
  assert.ok((await errorOf(() => open({ path, codec, keys: "mixed" }))) instanceof CorruptionError);
  const repaired = await dinomo(["repair", path]);
  assert.is(repaired.exitCode, 0, repaired.stderr);
  assert.match(repaired.stdout, new RegExp(`${place} dropped\n1 place, ${bytes} bytes dropped\n`));
  assert.match(repaired.stdout, /: repaired, and a new checkpoint written\n$/);
  assert.is(repaired.stderr, "");
  assert.is((await dinomoHere(["verify", path])).exitCode, 0);
  const info: PoolInfo = JSON.parse((await dinomoHere(["info", path, "--json"])).stdout);
  assert.is(info.codec, "custom");
  assert.is(info.behindCheckpoint!.frames, 0);
  assert.ok(info.keys < keysBefore && info.keys >= 30, `${info.keys} of ${keysBefore}`);
  const again = await dinomoHere(["repair", path]);
  assert.equal(again, { exitCode: 0, stdout: `${path}: nothing to repair\n`, stderr: "" });
});

test("values that cannot be decoded after a repair are listed", async () => {
  const path = await killedPool(0, undefined, true);
  const structure = framesBehind(path).find(({ keyBytes }) => keyBytes === 0)!;
  flip(path, "image-1", structure.offset + 60);
  const says = 'dinomo: key "second": its value cannot be decoded\n';
  const looked = await dinomoHere(["repair", path, "--dry-run"]);
  assert.is(looked.exitCode, 1);
  assert.is(looked.stderr, `${says}dinomo: ${path}: damaged, and can be repaired\n`);
  const repaired = await dinomoHere(["repair", path]);
  assert.is(repaired.exitCode, 1);
  assert.match(repaired.stdout, /: repaired, and a new checkpoint written\n$/);
  assert.is(repaired.stderr, says);
  assert.is((await dinomoHere(["verify", path])).exitCode, 0);

  const verified = await dinomoHere(["verify", path, "--values"]);
  assert.equal(verified, { exitCode: 1, stdout: "", stderr: says });
  const dumped = await dinomoHere(["dump", path]);
  assert.is(dumped.exitCode, 1);
  assert.match(dumped.stderr, /^dinomo: key "second": /);
  const skipped = await dinomoHere(["dump", path, "--skip-undecodable"]);
  assert.is(skipped.exitCode, 0);
  assert.is(skipped.stderr, says);
  const keys = skipped.stdout.trim().split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line).key);
  assert.not(keys.includes("second"));
  assert.ok(keys.length > 0, skipped.stdout);
});

test("a pool without a fault has none in its values", async () => {
  const path = await closedPool<unknown>(FILL, (store) => store.put("a", { b: [new Date(1)] }));
  const verified = await dinomoHere(["verify", path, "--values"]);
  assert.is(verified.exitCode, 0, verified.stderr);
  assert.match(verified.stdout, /: no damage: 1 key/);
});

test("a frame that is not whole at the end of the log is no damage", async () => {
  const path = await killedPool(40);
  const image = join(path, "image-1");
  const last = framesBehind(path).at(-1)!;
  truncateSync(image, last.offset + last.bytes - 8);
  assert.is((await dinomoHere(["verify", path])).exitCode, 0);
  const info: PoolInfo = JSON.parse((await dinomoHere(["info", path, "--json"])).stdout);
  assert.ok(info.behindCheckpoint!.droppedBytes > 0);
  const text = await dinomoHere(["info", path]);
  assert.match(text.stdout, /^behind checkpoint .*; \d+ bytes not whole$/m);
  const before = stateOf(path);
  const repaired = await dinomoHere(["repair", path]);
  assert.is(repaired.exitCode, 0);
  assert.match(repaired.stdout, /: nothing to repair; \d+ bytes at the ends of segments, which/);
  assert.equal(stateOf(path), before);
});

test("the dump of a damaged pool does not become an empty pool", async () => {
  const path = await closedPool<unknown>(FILL, (store) => store.put("a", 1));
  flip(path, "image-1", 100);
  const dumped = await dinomo(["dump", path]);
  assert.is(dumped.exitCode, 1);
  assert.match(dumped.stdout, /^{"incomplete":"[^\n]*image-1: damaged at byte 0: [^\n]*"}\n$/);
  const copy = temporaryPath();
  const end = await dinomo(["restore", copy, "--capacity", "1MiB"], dumped.stdout);
  assert.is(end.exitCode, 1);
  assert.match(end.stderr, /^dinomo: line 1: the dump is not complete: .*image-1: damaged/);
  assert.not(existsSync(copy));
});

test.run();
