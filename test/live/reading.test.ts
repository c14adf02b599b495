/**
 * `info` and `verify` beside the process that has the pool open: right when nothing disturbs them,
 * damage only if it is there, and never a wrong word when the files change while they are read.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Reading, readPool } from "../../lib/cli/pool_access.ts";
import { open, PathError, type Store } from "../../mod.ts";
import { dinomoHere, stateOf } from "../support/command.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = { capacity: "4MiB", segmentBytes: "64KiB", checkpointBytes: "64KiB" } as const;

const silent = {
  isInteractive: false,
  isOutputInteractive: false,
  outputSize: () => ({ columns: 80, rows: 24 }),
  errorSize: () => ({ columns: 80 }),
  write: () => {},
  writeError: () => {},
};

async function withStore(action: (path: string, store: Store<string>) => Promise<void>) {
  const path = temporaryPath();
  const store = await open<string>({ path, ...SIZES });
  try {
    for (let i = 0; i < 200; i++) await store.put(`key ${i}`, "x".repeat(1000));
    await store.snapshot();
    await action(path, store);
  } finally {
    await store.close();
  }
}

/** Reads of which each finds the next damage of a list, then that of the last one again. */
async function readDamages(path: string, damages: readonly string[]) {
  let count = 0;
  const read = (): Reading<string> => {
    const damage = damages[Math.min(count, damages.length - 1)]!;
    count += 1;
    return { result: `reading ${count}`, damage };
  };
  return await readPool(path, silent, read).catch((error) => error);
}

test("info and verify of an open pool, which they do not change", () =>
  withStore(async (path) => {
    const before = stateOf(path);
    const info = await dinomoHere(["info", path, "--json"]);
    assert.is(info.exitCode, 0, info.stderr);
    assert.is(JSON.parse(info.stdout).keys, 200);
    assert.is(info.stderr, `dinomo: ${path} is open: what is said is as of about now\n`);
    const verified = await dinomoHere(["verify", path, "--values"]);
    assert.is(verified.exitCode, 0, verified.stderr);
    assert.match(verified.stdout, /: no damage: 200 keys/);
    assert.equal(stateOf(path), before);
  }));

test("damage in the files of an open pool is found", async () => {
  const path = temporaryPath();
  const store = await open<string>({ path, ...SIZES });
  for (let i = 0; i < 200; i++) await store.put(`key ${i}`, "x".repeat(1000));
  await store.snapshot();
  const image = join(path, "image-1");
  const bytes = readFileSync(image);
  bytes[bytes.length >>> 1]! ^= 1;
  writeFileSync(image, bytes);
  const end = await dinomoHere(["verify", path]);
  assert.is(end.exitCode, 1);
  assert.match(end.stderr, /image-1/);
  await store.close();
});

test("while it is written to, with checkpoints, it is never called damaged", () =>
  withStore(async (path, store) => {
    let isOver = false;
    let count = 0;
    const write = async () => {
      while (!isOver) {
        await Promise.all(
          Array.from({ length: 20 }, () => store.put(`key ${count++ % 300}`, "y".repeat(900))),
        );
      }
    };
    const writing = write();
    for (let i = 0; i < 5; i++) {
      const { exitCode, stderr } = await dinomoHere(["verify", path]);
      // Or it says that the pool changes too fast.
      assert.ok(exitCode === 0 || /changes faster|does not change faster/.test(stderr), stderr);
    }
    isOver = true;
    await writing;
    assert.ok(count > 0);
  }));

test("damage counts if it is found twice, and not if it is gone", () =>
  withStore(async (path) => {
    assert.is(await readDamages(path, [""]), "reading 1");
    assert.is(await readDamages(path, ["a", ""]), "reading 2");
    assert.is(await readDamages(path, ["a", "b", "b"]), "reading 3");
    const moving = Array.from({ length: 20 }, (_, i) => `place ${i}`);
    const error = await readDamages(path, moving);
    assert.instance(error, PathError);
    assert.match(error.message, /a pool that does not change faster than it is read/);
  }));

test("damage under one checkpoint is not that under the next one", () =>
  withStore(async (path, store) => {
    let count = 0;
    const result = await readPool(path, silent, async () => {
      count += 1;
      if (count === 2) await store.snapshot();
      return { result: count, damage: "a" };
    });
    assert.is(result, 4, "the second was disturbed, and the third has seen another checkpoint");
  }));

test.run();
