/**
 * A store whose directory is moved, removed or replaced while it is open: it says so, keeps what it
 * has in memory readable, and leaves whatever is at the path by then as it is.
 *
 * @module
 */
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DinomoError, DurabilityError, open, type OpenOptions, type Store } from "../../mod.ts";
import { errorOf } from "../support/errors.ts";
import { abandonLock } from "../support/locks.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
const LEVELS = ["memory", "os"] as const;

/** What a directory holds. */
function contentsOf(path: string): Map<string, string> {
  return new Map(
    readdirSync(path).sort().map((name) => [name, readFileSync(join(path, name), "latin1")]),
  );
}

/**
 * Ways in which a directory can get lost; each returns what must stay as it is, and what ends that.
 */
const WAYS: Readonly<Record<string, (path: string) => Promise<Left> | Left>> = {
  "it is moved": (path) => {
    renameSync(path, temporaryPath("moved"));
    return { codes: ["ENOENT"] };
  },
  "it is moved, and another pool is opened in its place": async (path) => {
    renameSync(path, temporaryPath("moved"));
    return await successor(path);
  },
  "it is removed, and another pool is opened in its place": async (path) => {
    rmSync(path, { recursive: true });
    return await successor(path);
  },
  "it is replaced by a link to another pool": async (path) => {
    const other = temporaryPath("other");
    const left = await successor(other);
    renameSync(path, temporaryPath("moved"));
    symlinkSync(other, path);
    return left;
  },
  "its lock file is replaced": (path) => {
    abandonLock(path);
    return { codes: ["ESTALE"], path };
  },
  "its lock file is removed": (path) => {
    rmSync(join(path, "lock"));
    return { codes: ["ESTALE"], path };
  },
};

/** What is at the path, or that nothing is. */
interface Left {
  /** With which codes what the store wants to write may be refused. */
  readonly codes: readonly string[];
  /** What must not change. */
  readonly path?: string;
  readonly store?: Store<string>;
}

/** Another store at a path, with a checkpoint that must stay. */
async function successor(path: string): Promise<Left> {
  const store = await open<string>({ path, ...SIZES });
  await store.put("whose", "the successor's");
  await store.snapshot();
  // A store in the background may look while nothing is there.
  return { codes: ["ESTALE", "ENOENT"], path, store };
}

for (const durability of LEVELS) {
  for (const [way, lose] of Object.entries(WAYS)) {
    // What differs between the levels is who writes, and not how it is refused.
    if (durability === "memory" && !way.includes("moved")) continue;
    test(`${way}, ${durability}`, async () => {
      const path = temporaryPath();
      const options: OpenOptions<string> = { path, ...SIZES, durability };
      const store = await open<string>(options);
      await store.put("whose", "the predecessor's");
      const left = await lose(path);
      const before = left.path === undefined ? undefined : contentsOf(left.path);
      await refused(() => store.snapshot(), left.codes, "a snapshot");
      assert.is(store.getSync("whose"), "the predecessor's", "reads go on");
      if (durability !== "memory") await refused(() => store.put("b", "b"), left.codes, "a put");
      await refused(() => store.close(), left.codes, "closing");
      if (left.path !== undefined) {
        assert.equal(contentsOf(left.path), before, "nothing was written, or removed");
      }
      if (left.store === undefined) return;
      assert.is(left.store.getSync("whose"), "the successor's");
      await left.store.put("more", "of it");
      await left.store.close();
      await using again = await open<string>({ path: left.path! });
      assert.is(again.getSync("whose"), "the successor's");
      assert.is(again.getSync("more"), "of it");
    });
  }
}

async function refused(
  call: () => Promise<unknown>,
  codes: readonly string[],
  context: string,
): Promise<void> {
  const error = await errorOf(call);
  assert.instance(error, DinomoError, `${context}: ${error}`);
  assert.ok(codes.includes((error as DinomoError).systemCode!), `${context}: ${error}`);
  assert.match((error as Error).message, /moved|replaced|gone/, context);
  assert.ok((error as Error).cause instanceof Error, `${context} has a cause`);
}

test("a KN that starts after the directory was replaced opens no image there", async () => {
  const path = temporaryPath();
  const store = await open<string>({ path, ...SIZES, help: false });
  await store.put("a", "a");
  renameSync(path, temporaryPath("moved"));
  const left = await successor(path);
  const before = contentsOf(path);
  const scaled = await errorOf(() => store.scale(3));
  assert.ok(scaled === undefined || scaled instanceof DinomoError, String(scaled));
  const errors = await Promise.all(
    Array.from({ length: 50 }, (_, i) => errorOf(() => store.put(`key ${i}`, "x".repeat(500)))),
  );
  await errorOf(() => store.flush());
  await errorOf(() => store.close());
  assert.equal(contentsOf(path), before);
  // Those that were acknowledged are in the directory that was locked, wherever it is.
  assert.ok(errors.every((error) => error === undefined || error instanceof DinomoError));
  await left.store!.close();
});

test("a directory that is moved and moved back is the same", async () => {
  const path = temporaryPath();
  const moved = temporaryPath("moved");
  const store = await open<string>({ path, ...SIZES });
  await store.put("a", "a");
  renameSync(path, moved);
  symlinkSync(moved, path);
  await store.snapshot();
  rmSync(path);
  renameSync(moved, path);
  await store.put("b", "b");
  await store.close();
  await using again = await open<string>({ path });
  assert.is(again.count, 2);
});

test("a flush says with which code of the system durability was lost", async () => {
  const path = temporaryPath();
  const store = await open<string>({ path, ...SIZES });
  await store.put("a", "a");
  rmSync(path, { recursive: true });
  await errorOf(() => store.snapshot());
  const error = await errorOf(() => store.flush());
  assert.instance(error, DurabilityError);
  assert.is((error as DurabilityError).systemCode, "ENOENT");
  assert.is(((error as Error).cause as { code?: string }).code, "ENOENT");
  await errorOf(() => store.close());
});

test.run();
