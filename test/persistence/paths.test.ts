/**
 * Paths that cannot be used, and directories with something else in them: refused with the reason,
 * and left as they are.
 *
 * @module
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CorruptionError,
  DurabilityError,
  FormatError,
  InvalidOptionError,
  open,
  type OpenOptions,
  PathError,
  SnapshotError,
} from "../../mod.ts";
import { assertRejects, type Refusal } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
const PATH: Omit<Refusal, "says"> = { type: PathError, code: "DINOMO_PATH" };
const isRoot = process.getuid?.() === 0;

/** A directory with a pool in it. */
async function poolDirectory(): Promise<string> {
  const path = temporaryPath();
  const store = await open<unknown>({ path, ...SIZES });
  await store.put("a", 1);
  await store.close();
  return path;
}

test("a directory is created with its parents", async () => {
  const path = join(temporaryPath(), "deep", "er");
  await using store = await open<unknown>({ path, ...SIZES });
  await store.put("a", 1);
  assert.is(existsSync(path), true);
});

test("an empty directory is taken", async () => {
  const path = temporaryPath();
  mkdirSync(path);
  await using store = await open<unknown>({ path, ...SIZES });
  await store.snapshot();
  assert.equal(readdirSync(path).sort(), ["checkpoint", "image-1", "lock"]);
});

test("a file is not a directory", async () => {
  const path = temporaryPath();
  writeFileSync(path, "mine");
  await assertRejects(() => open({ path, ...SIZES }), { ...PATH, says: /which is a file/ });
  await assertRejects(() => open({ path: join(path, "sub"), ...SIZES }), {
    ...PATH,
    says: /path must/,
  });
  assert.is(readFileSync(path, "utf8"), "mine");
});

test("a directory with a foreign file is not touched", async () => {
  for (
    const name of [
      "notes.txt",
      "image-",
      "image-x",
      "checkpoint.old",
      ".hidden",
      "image-1.bak",
      "lock.old",
      "lock.claim-",
    ]
  ) {
    const path = temporaryPath();
    mkdirSync(path);
    writeFileSync(join(path, name), "mine");
    await assertRejects(() => open({ path, ...SIZES }), {
      ...PATH,
      says: new RegExp(`^path must be an empty directory or a pool, got .* which holds .*${name}`),
    }, name);
    assert.equal(readdirSync(path), [name]);
    assert.is(readFileSync(join(path, name), "utf8"), "mine");
  }
});

test("a foreign file beside a pool is noticed too", async () => {
  const path = await poolDirectory();
  writeFileSync(join(path, "notes.txt"), "mine");
  await assertRejects(() => open({ path }), { ...PATH, says: /which holds .*notes.txt/ });
  rmSync(join(path, "notes.txt"));
  await (await open({ path })).close();
});

test("a file of the right name and the wrong content is a FormatError", async () => {
  const path = temporaryPath();
  mkdirSync(path);
  writeFileSync(join(path, "checkpoint"), "what is this? ".repeat(100));
  await assertRejects(() => open({ path }), {
    type: FormatError,
    code: "DINOMO_FORMAT",
    says: /checkpoint must begin with "DINOMOCP", got "what is/,
  });
});

test("a damaged file is a CorruptionError with its name", async () => {
  const path = await poolDirectory();
  const image = readdirSync(path).find((name) => name.startsWith("image-"))!;
  rmSync(join(path, image));
  await assertRejects(() => open({ path }), {
    type: CorruptionError,
    code: "DINOMO_CORRUPTION",
    says: new RegExp(`${image}: damaged at byte 0: .*missing`),
  });
});

test("the remains of a snapshot that was not finished are no obstacle", async () => {
  const path = await poolDirectory();
  writeFileSync(join(path, "checkpoint.new"), "half");
  writeFileSync(join(path, "image-99"), "half");
  const store = await open<unknown>({ path });
  assert.is(await store.get("a"), 1);
  await store.close();
  assert.is(readdirSync(path).length, 2);
});

test("a pool whose checkpoint is gone is refused, and left as it is", async () => {
  const path = temporaryPath();
  const backup = temporaryPath("backup");
  const store = await open<unknown>({ path, ...SIZES, durability: "os" });
  await store.put("a", 1);
  await store.backup(backup);
  await store.close();
  for (const directory of [path, backup]) {
    const checkpoint = readFileSync(join(directory, "checkpoint"));
    const image = readFileSync(join(directory, "image-1"));
    rmSync(join(directory, "checkpoint"));
    for (const durability of ["os", "memory"] as const) {
      await assertRejects(() => open({ path: directory, ...SIZES, durability }), {
        type: CorruptionError,
        code: "DINOMO_CORRUPTION",
        says: /checkpoint: damaged at byte 0: it is missing, and .*image-1 has what was logged/,
      });
    }
    assert.equal(readdirSync(directory), ["image-1"]);
    assert.equal(readFileSync(join(directory, "image-1")), image);
    writeFileSync(join(directory, "checkpoint"), checkpoint);
    const again = await open<unknown>({ path: directory });
    assert.is(await again.get("a"), 1);
    await again.close();
  }
});

test("what processes leave that end before the first checkpoint is no obstacle", async () => {
  const snapshot = temporaryPath();
  const store = await open<unknown>({ path: snapshot, ...SIZES, durability: "memory" });
  await store.put("a", 1);
  await store.close();
  assert.ok(statSync(join(snapshot, "image-1")).size > 0);
  rmSync(join(snapshot, "checkpoint"));
  const made = temporaryPath();
  mkdirSync(made);
  writeFileSync(join(made, "image-1"), "");
  for (const path of [snapshot, made]) {
    const store = await open<unknown>({ path, ...SIZES, durability: "os" });
    assert.is(store.count, 0);
    await store.put("b", 2);
    await store.close();
    const again = await open<unknown>({ path });
    assert.is(await again.get("b"), 2);
    await again.close();
  }
});

test("a pool file that is no file is refused", async () => {
  const path = await poolDirectory();
  const checkpoint = readFileSync(join(path, "checkpoint"));
  rmSync(join(path, "checkpoint"));
  mkdirSync(join(path, "checkpoint"));
  await assertRejects(() => open({ path }), { ...PATH, says: /checkpoint/ }, "a directory");
  rmSync(join(path, "checkpoint"), { recursive: true });
  const elsewhere = temporaryPath("elsewhere");
  writeFileSync(elsewhere, checkpoint);
  symlinkSync(elsewhere, join(path, "checkpoint"));
  await assertRejects(() => open({ path }), { ...PATH, says: /checkpoint/ }, "a symbolic link");
});

test("a directory without permission is refused", async () => {
  if (isRoot || process.platform === "win32") {
    // Permissions do not bind this user; that the directory works says at least that nothing else
    // is wrong.
    await (await open({ path: temporaryPath(), ...SIZES })).close();
    return;
  }
  const path = temporaryPath();
  mkdirSync(path, { mode: 0o500 });
  await assertRejects(() => open({ path, ...SIZES }), { ...PATH, says: /path must/ });
  chmodSync(path, 0o700);
});

test("options that are refused create no directory", async () => {
  const path = temporaryPath();
  const refused: OpenOptions[] = [
    { capacity: "64KiB", segmentBytes: "64KiB" },
    { capacity: "64KiB", segmentBytes: "8KiB", nodes: 5 },
    { nodes: 65 },
  ];
  for (const options of refused) {
    await assertRejects(() => open({ path, ...options }), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /must be/,
    }, JSON.stringify(options));
    assert.is(existsSync(path), false, JSON.stringify(options));
  }
});

test("a snapshot into a directory that has gone is a SnapshotError, and the store goes on", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ path, ...SIZES, durability: "memory" });
  await store.put("a", 1);
  rmSync(path, { recursive: true });
  const failed: Refusal = {
    type: SnapshotError,
    code: "DINOMO_SNAPSHOT",
    says: /^snapshot 1 of .* was not written: ENOENT/,
  };
  await assertRejects(() => store.snapshot(), failed, "snapshot");
  await store.put("b", 2);
  assert.is(await store.get("a"), 1);
  mkdirSync(path);
  const replaced = {
    ...failed,
    says: /was not written: ESTALE: the directory at .* moved, removed or/,
  };
  await assertRejects(() => store.snapshot(), replaced, "another directory");
  assert.equal(readdirSync(path), [], "nothing is written there");
  rmSync(path, { recursive: true });
  await assertRejects(() => store.close(), { ...failed, says: /was not written: ENOENT/ }, "close");
});

test("a checkpoint into a directory that has gone ends durability: reads go on, changes are refused", async () => {
  const path = temporaryPath();
  // The KN's thread has opened the image before that.
  const store = await open<unknown>({ path, ...SIZES, help: false });
  await store.put("a", 1);
  rmSync(path, { recursive: true });
  await assertRejects(() => store.snapshot(), {
    type: SnapshotError,
    code: "DINOMO_SNAPSHOT",
    says: /ENOENT/,
  }, "snapshot");
  const refused: Refusal = {
    type: DurabilityError,
    code: "DINOMO_DURABILITY",
    says: /nothing is durable until the store is opened again$/,
  };
  await assertRejects(() => store.put("b", 2), refused, "put");
  await assertRejects(() => store.delete("a"), refused, "delete");
  await assertRejects(() => store.flush(), refused, "flush");
  assert.is(await store.get("a"), 1);
  assert.is(await store.has("b"), false);
  assert.is(store.stats().durability.failure, "checkpoint");
  await assertRejects(() => store.close(), refused, "close");
});

test.run();
