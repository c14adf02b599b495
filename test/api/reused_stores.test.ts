/**
 * The option `reuse`: which store it gives, also to another copy of the library.
 *
 * @module
 */
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import * as library from "../../mod.ts";
import {
  InvalidOptionError,
  isDinomoError,
  open,
  type OpenOptions,
  PathError,
  PoolLockedError,
} from "../../mod.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES: OpenOptions<number> = { capacity: "1MiB", segmentBytes: "16KiB" };
const REFUSED = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION" };

test("it is the store that was opened before, however the path is spelled", async () => {
  const path = temporaryPath();
  const [one, two] = await Promise.all([
    open<number>({ ...SIZES, path, reuse: true }),
    open<number>({ ...SIZES, path, reuse: true }),
  ]);
  assert.is(one, two, "of two openings at one time, too");
  const spelled = { ...SIZES, capacity: 1024 * 1024, nodes: 1, reuse: true } as const;
  for (const other of [relative(process.cwd(), path), pathToFileURL(path), `${path}/x/..`]) {
    assert.is(await open<number>({ ...spelled, path: other, durability: "os" }), one);
  }
  await one.close();
});

test("close closes it for all, and the next opening waits for that", async () => {
  const path = temporaryPath();
  const one = await open<number>({ ...SIZES, path, reuse: true });
  await one.put("a", 1);
  const closed = one.close();
  const two = await open<number>({ ...SIZES, path, reuse: true, ordered: false });
  assert.is.not(two, one);
  assert.is(await two.get("a"), 1);
  await closed;
  await two.close();
  // Closed is closed: the options may be others.
  const three = await open<number>({ ...SIZES, path, reuse: true, ordered: true });
  assert.equal(await three.first(), ["a", 1]);
  await three.close();
});

test("other options are refused, and name themselves", async () => {
  const path = temporaryPath();
  await using store = await open<number>({ ...SIZES, path, reuse: true });
  const given: OpenOptions<number>[] = [
    { capacity: "2MiB" },
    { capacityMax: "8MiB" },
    { segmentBytes: "8KiB" },
    { nodes: 2 },
    { durability: "disk" },
    { ordered: true },
    { whenFull: "evict" },
    { keys: "bytes" as "string" },
    { codec: "json" },
    { cache: "1MiB" },
    { spin: 7 },
    { placement: "far" },
    { autoscale: { max: 1, slo: { meanMicros: 9 } } },
    { workers: { node: "file:///kn.js" } },
  ];
  for (const options of given) {
    const [name] = Object.keys(options);
    // In the far placement there is no help, which is said first.
    const said = name === "placement" ? "help" : name;
    const says = new RegExp(`^${said} must be what the open store at .* \\(.*\\), .*, got `);
    const tryIt = () => open<number>({ ...SIZES, path, reuse: true, ...options });
    await assertRejects(tryIt, { ...REFUSED, says }, name);
  }
  // What is told, and functions, are others each time.
  const same = await open<number>({ ...SIZES, path, reuse: true, onProgress: () => {} });
  assert.is(same, store);
  const own = { encode: () => Uint8Array.of(1), decode: () => 1 };
  const custom = temporaryPath();
  await using first = await open<number>({ ...SIZES, path: custom, codec: own, reuse: true });
  const codec = { ...own };
  assert.is(await open<number>({ ...SIZES, path: custom, codec, reuse: true }), first);
});

test("a store that was opened without it is not found", async () => {
  const path = temporaryPath();
  const locked = { type: PoolLockedError, code: "DINOMO_LOCKED", says: /this thread/ };
  const store = await open<number>({ ...SIZES, path });
  await assertRejects(() => open({ ...SIZES, path, reuse: true }), locked);
  await store.close();
  await using reused = await open<number>({ ...SIZES, path, reuse: true });
  await assertRejects(() => open({ ...SIZES, path }), locked);
  assert.is(await open({ ...SIZES, path, reuse: true }) as unknown, reused);
});

test("an opening that fails leaves nothing behind", async () => {
  const path = temporaryPath();
  const file = join(PROJECT_ROOT, "package.json");
  const refused = { type: PathError, code: "DINOMO_PATH", says: /is a file/ };
  for (let i = 0; i < 2; i++) {
    await assertRejects(() => open({ path: file, reuse: true }), refused);
  }
  await assertRejects(() => open({ reuse: true }), { ...REFUSED, says: /^reuse must be .* path/ });
  const both = () => open({ path, reuse: true, readOnly: true });
  await assertRejects(both, { ...REFUSED, says: /^reuse must be false with readOnly/ });
  await assertRejects(() => open({ path, reuse: 1 as never }), { ...REFUSED, says: /a boolean/ });
});

test("an opening that fails says nothing of one with other options", async () => {
  const path = temporaryPath();
  await (await open<number>({ ...SIZES, path, codec: "json" })).close();
  const options = { ...SIZES, path, reuse: true } as const;
  const openings = await Promise.allSettled([
    open<number>(options),
    open<number>(options),
    open<number>({ ...options, codec: "json" }),
  ]);
  const [first, second, third] = openings;
  assert.equal(openings.map(({ status }) => status), ["rejected", "rejected", "fulfilled"]);
  assert.instance((first as PromiseRejectedResult).reason, InvalidOptionError);
  assert.is((second as PromiseRejectedResult).reason, (first as PromiseRejectedResult).reason);
  await (third as PromiseFulfilledResult<library.Store<number>>).value.close();
});

/** Another copy of the library, as a tool makes one that loads everything again. */
async function loadAgain(): Promise<typeof library> {
  const isBuilt = THIS_RUNTIME === "node";
  const from = isBuilt ? join(PROJECT_ROOT, "dist") : PROJECT_ROOT;
  const copy = temporaryPath("library");
  mkdirSync(copy);
  const parts = ["lib", "workers", isBuilt ? "mod.js" : "mod.ts"];
  for (const part of parts) cpSync(join(from, part), join(copy, part), { recursive: true });
  cpSync(join(PROJECT_ROOT, "package.json"), join(copy, "package.json"));
  symlinkSync(join(PROJECT_ROOT, "node_modules"), join(copy, "node_modules"), "junction");
  return await import(pathToFileURL(join(copy, parts.at(-1)!)).href) as typeof library;
}

test("another copy of the library finds it, and its errors and symbols are the same", async () => {
  const again = await loadAgain();
  assert.is.not(again.open, open);
  const path = temporaryPath();
  const store = await open<number>({ ...SIZES, path, reuse: true });
  await store.put("a", 1);
  const found = await again.open<number>({ ...SIZES, path, reuse: true });
  assert.is(found as unknown, store);
  assert.is(
    await found.update("a", (): typeof library.DELETE => again.DELETE as typeof library.DELETE),
    undefined,
  );
  assert.is(await store.get("a"), undefined);
  await found.put("a", 2);
  assert.is(
    await found.update("a", (): typeof library.KEEP => again.KEEP as typeof library.KEEP),
    2,
  );
  const error = await errorOf(() => found.put("", 1));
  assert.is(error instanceof library.InvalidKeyError, true);
  assert.is(error instanceof again.InvalidKeyError, true);
  assert.is(error instanceof again.DinomoError, true);
  assert.is(error instanceof again.PathError, false);
  assert.is(again.isDinomoError(error), true);
  assert.is(isDinomoError(new again.PathError("")), true);
  const refused = await errorOf(() => again.open({ ...SIZES, path, nodes: 2, reuse: true }));
  assert.instance(refused, again.InvalidOptionError);
  // One closes it, the other one opens it.
  const closed = store.close();
  const next = await again.open<number>({ ...SIZES, path, reuse: true });
  await closed;
  assert.is(next instanceof again.Store, true);
  assert.is(await next.get("a"), 2);
  assert.is(await open<number>({ ...SIZES, path, reuse: true }) as unknown, next);
  await next.close();
});

test("classes that are derived from those of errors are told apart", () => {
  class Own extends InvalidOptionError {}
  const own = new Own("");
  const other = new InvalidOptionError("");
  assert.equal([own instanceof Own, own instanceof InvalidOptionError], [true, true]);
  assert.equal([other instanceof Own, other instanceof InvalidOptionError], [false, true]);
  for (const value of [null, undefined, 1, {}, new Error(""), { name: "PathError" }]) {
    assert.is((value as unknown) instanceof PathError, false);
  }
});

test.run();
