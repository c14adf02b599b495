/**
 * What a path may be, where a pool and its backups may be, and that every refusal names its cause.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  InvalidArgumentError,
  InvalidOptionError,
  open,
  PathError,
  PoolLockedError,
} from "../../mod.ts";
import { thisThread } from "../../lib/platform/thread_identity.ts";
import { PoolLock } from "../../lib/persistence/pool_lock.ts";
import { assertRejects, errorOf, type Refusal } from "../support/errors.ts";
import { lockText } from "../support/locks.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
const PATH: Omit<Refusal, "says"> = { type: PathError, code: "DINOMO_PATH" };
const OPTION: Omit<Refusal, "says"> = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION" };

test("a backup into the pool's own directory, or inside of it, is refused by whatever path", async () => {
  for (const durability of ["memory", "os"] as const) {
    const path = temporaryPath();
    const store = await open<unknown>({ path, ...SIZES, durability });
    await store.put("a", 1);
    const link = temporaryPath("link");
    symlinkSync(path, link);
    const inner = temporaryPath("inner");
    symlinkSync(join(path, "later"), inner);
    const targets = [
      path,
      `${path}/`,
      join(path, "backup"),
      join(path, "deep", "er"),
      link,
      join(link, "backup"),
      `${path}/../${path.split("/").at(-1)}/backup`,
      pathToFileURL(path),
    ];
    const before = readdirSync(path).sort();
    for (const target of targets) {
      await assertRejects(() => store.backup(target), {
        ...PATH,
        says: /^directory must be outside of the pool's own, got /,
      }, String(target));
    }
    // A dangling link: what it would create is inside.
    assert.instance(await errorOf(() => store.backup(inner)), PathError);
    assert.equal(readdirSync(path).sort(), before, "nothing was created");
    // Its parent holds the pool, and so something else.
    await assertRejects(() => store.backup(join(path, "..")), { ...PATH, says: /which holds/ });
    await store.backup(temporaryPath("copy"));
    await store.close();
    await using again = await open<unknown>({ path });
    assert.is(again.getSync("a"), 1);
  }
});

test("a backup is whole and nobody else's, and its directory is free again", async () => {
  const copy = temporaryPath("copy");
  await using store = await open<unknown>({ ...SIZES });
  await store.put("a", 1);
  await store.backup(pathToFileURL(copy));
  assert.equal(readdirSync(copy).sort(), ["checkpoint", "image-1"]);
  const other = await open<unknown>({ path: copy });
  assert.is(other.getSync("a"), 1);
  await assertRejects(() => store.backup(copy), { ...PATH, says: /which holds a pool/ });
  await other.close();
  const taken = temporaryPath("taken");
  await using holder = await open<unknown>({ path: taken, ...SIZES, durability: "memory" });
  await assertRejects(() => store.backup(taken), {
    type: PoolLockedError,
    code: "DINOMO_LOCKED",
    says: /which this thread/,
  });
  assert.is(holder.count, 0);
});

test("neither a pool nor a backup is made inside of a pool", async () => {
  const path = temporaryPath();
  const pool = await open<unknown>({ path, ...SIZES });
  const refused: Refusal = { ...PATH, says: /^path must not be inside of a pool, got / };
  await using store = await open<unknown>({ ...SIZES });
  await assertRejects(() => open({ path: join(path, "inner"), ...SIZES }), refused, "a pool");
  await assertRejects(() => store.backup(join(path, "in", "ner")), refused, "a backup");
  await pool.close();
  await assertRejects(() => open({ path: join(path, "inner"), ...SIZES }), refused, "closed");
  await (await open({ path })).close();
});

test("what systems and tools leave in directories is no obstacle", async () => {
  const path = temporaryPath();
  mkdirSync(path);
  const names = [".DS_Store", ".gitignore", ".gitkeep", ".nfs000000000a3f", "lost+found"];
  for (const name of names.slice(0, -1)) writeFileSync(join(path, name), "");
  mkdirSync(join(path, "lost+found"));
  const store = await open<unknown>({ path, ...SIZES });
  await store.put("a", 1);
  await store.close();
  assert.equal(readdirSync(path).sort(), [...names, "checkpoint", "image-1"].sort());
  await using again = await open<unknown>({ path });
  assert.is(again.getSync("a"), 1);
  for (const name of [".nfsx", "lost", ".gitkeep.txt"]) {
    const other = temporaryPath();
    mkdirSync(other);
    writeFileSync(join(other, name), "");
    await assertRejects(() => open({ path: other, ...SIZES }), { ...PATH, says: /which holds/ });
  }
});

test("a path may be a file: URL, as a string or as an object", async () => {
  const path = temporaryPath("with space");
  for (const given of [pathToFileURL(path), pathToFileURL(path).href]) {
    await using store = await open<unknown>({ path: given, ...SIZES });
    await store.put("a", 1);
  }
  assert.ok(existsSync(join(path, "checkpoint")));
  await using store = await open<unknown>({ path });
  assert.is(store.getSync("a"), 1);
});

test("paths that mean nothing create nothing", async () => {
  const before = readdirSync(".");
  const paths = [
    "~",
    "~/pool",
    "file:pool",
    "https://example.com/pool",
    new URL("https://example.com/pool"),
    "file:///a%00b",
    "file:///a%2Fb",
    "",
    "a\0b",
    5,
    null,
  ];
  for (const path of paths) {
    await assertRejects(() => open({ path: path as string, ...SIZES }), {
      ...OPTION,
      says:
        /^path must be (a non-empty string without NUL|a path, or a file: URL of one; .*), got /,
    }, String(path));
  }
  await using store = await open<unknown>({ ...SIZES });
  for (const directory of paths) {
    await assertRejects(() => store.backup(directory as string), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says:
        /^directory must be (a non-empty string( without NUL)?|a path, or a file: URL of one; .*), got /,
    }, String(directory));
  }
  assert.equal(readdirSync("."), before);
});

test("a path where nothing can be created is refused, with its cause", async () => {
  const file = temporaryPath("file");
  writeFileSync(file, "mine");
  const loop = temporaryPath("loop");
  symlinkSync(loop, loop);
  const cases: [string, string][] = [
    [join(file, "sub"), "ENOTDIR"],
    [loop, "ELOOP"],
    [join(loop, "sub"), "ELOOP"],
    [join(temporaryPath(), "x".repeat(300)), "ENAMETOOLONG"],
  ];
  for (const [path, code] of cases) {
    const error = await errorOf(() => open({ path, ...SIZES }));
    assert.instance(error, PathError, `${path}: ${error}`);
    assert.is((error as PathError).systemCode, code, String(error));
    assert.is(((error as Error).cause as { code?: string }).code, code);
  }
  if (process.platform !== "linux") return;
  for (const path of ["/proc/x", "/proc/x/y", "/sys/x"]) {
    assert.instance(await errorOf(() => open({ path, ...SIZES })), PathError, path);
  }
});

test("a checkpoint that could never be due is refused", async () => {
  const path = temporaryPath();
  await assertRejects(() => open({ path, ...SIZES, checkpointBytes: "32GiB" }), {
    ...OPTION,
    says: /^checkpointBytes must be from 64 KiB to 16 GiB, got the string "32GiB"/,
  });
  await (await open({ path, ...SIZES, checkpointBytes: "16GiB" })).close();
});

test("a time to live that is too long is refused with the way to say for ever", async () => {
  await using store = await open<unknown>({ ...SIZES });
  await assertRejects(() => store.put("a", 1, { ttl: 1e300 }), {
    type: InvalidArgumentError,
    code: "DINOMO_INVALID_ARGUMENT",
    says: /^ttl must .* ends before the year 10889, or Infinity for a key that stays, got /,
  });
  for (const ttl of [0, -1, NaN, "5"]) {
    await assertRejects(() => store.put("a", 1, { ttl: ttl as number }), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^ttl must be a positive number of milliseconds, got /,
    });
  }
});

test("whether it is this thread that has a pool open is told by the lock file, too", async () => {
  const { number } = thisThread();
  const holders: [number | undefined, RegExp][] = number === 0
    ? [[1, /which this process has had open since/]]
    : [
      [number, /which this thread has had open since/],
      [number + 1, /which another thread of this process has had open since/],
      [undefined, /which this process has had open since/],
    ];
  for (const [thread, says] of holders) {
    const path = temporaryPath();
    mkdirSync(path);
    writeFileSync(join(path, "lock"), lockText(path, { thread }));
    // As another copy of the library in this thread sees it, or one without the socket.
    await assertRejects(() => PoolLock.acquire(path, { useSocket: false }), {
      type: PoolLockedError,
      code: "DINOMO_LOCKED",
      says,
    });
  }
});

test.run();
