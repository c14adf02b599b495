/**
 * The option `standby`: an opening that waits for a pool that is open, and reads it ahead.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  InvalidOptionError,
  open,
  type OpenOptions,
  PoolLockedError,
  type StandbyOptions,
  type Store,
} from "../../mod.ts";
import { Child } from "../support/child.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";
import { uncaughtBy } from "../support/uncaught.ts";
import { resolveOptions } from "../../lib/store/options/resolved_options.ts";

const SIZES: OpenOptions<number> = { capacity: "4MiB", segmentBytes: "16KiB" };

/** Begins to open a pool that is open; `warm` resolves when it has been read. */
function waitFor(path: string, options: StandbyOptions = {}) {
  let tell = () => {};
  const warm = new Promise<void>((resolve) => tell = resolve);
  const opened = open<number>({
    ...SIZES,
    path,
    standby: { refreshMs: 10, onWarm: tell, ...options },
  });
  return { warm, opened };
}

test("a pool that is free is opened at once", async () => {
  const path = temporaryPath();
  let count = 0;
  await using store = await open<number>({ path, standby: { onWarm: () => count += 1 } });
  await store.put("a", 1);
  assert.is(count, 0);
});

test("what onWarm throws is uncaught, and the pool is read ahead all the same", async () => {
  const path = temporaryPath();
  const first = await open<number>({ ...SIZES, path });
  await first.put("a", 1);
  await first.snapshot();
  let opened: Promise<Store<number>> | undefined;
  const thrown = await uncaughtBy(async () => {
    const onWarm = () => {
      throw new Error("not told");
    };
    ({ opened } = waitFor(path, { onWarm }));
    await Promise.resolve();
  }, 1);
  assert.equal(thrown, ["not told"]);
  await first.put("a", 2);
  await first.close();
  await using second = await opened!;
  assert.is(await second.get("a"), 2);
});

test("opens when the other store has closed, with everything that it has acknowledged", async () => {
  const path = temporaryPath();
  const first = await open<number>({ ...SIZES, path });
  for (let i = 0; i < 1000; i++) await first.put(`key ${i}`, i);
  await first.snapshot();
  const { warm, opened } = waitFor(path);
  await warm;
  for (let i = 0; i < 300; i++) await first.put(`key ${i}`, -i);
  await first.delete("key 999");
  await first.put("later", 5, { ttl: 3_600_000 });
  await first.close();
  await using second = await opened;
  assert.is(second.count, 1000);
  for (let i = 0; i < 999; i++) assert.is(await second.get(`key ${i}`), i < 300 ? -i : i);
  assert.is(await second.get("key 999"), undefined);
  assert.is(await second.get("later"), 5);
  await second.put("new", 1);
});

test("opens when the other process was killed, and again after that", async () => {
  const path = temporaryPath();
  const child = new Child("standby_host", { path });
  await child.message(0);
  const { warm, opened } = waitFor(path);
  await warm;
  await child.message(child.messages.length + 20);
  child.kill();
  const { messages } = await child.ended();
  const last = messages.at(-1) as number;
  {
    await using store = await opened;
    for (let i = 0; i < 500; i++) assert.is(await store.get(`key ${i}`), i);
    assert.ok((await store.get("last"))! >= last);
    await store.put("mine", 7);
  }
  await using again = await open<number>({ path });
  assert.is(await again.get("mine"), 7);
  assert.is(again.count, 502);
});

test("says after waitMs that the pool is not free", async () => {
  const path = temporaryPath();
  await using _first = await open<number>({ ...SIZES, path });
  const error = { type: PoolLockedError, code: "DINOMO_LOCKED", says: /this thread/ } as const;
  await assertRejects(() => waitFor(path, { waitMs: 0 }).opened, error);
  await assertRejects(() => waitFor(path, { waitMs: 60 }).opened, error);
});

test("can be given up by its signal, and the pool be opened all the same", async () => {
  const path = temporaryPath();
  const first = await open<number>({ ...SIZES, path });
  const end = new AbortController();
  const { warm, opened } = waitFor(path, { waitMs: Infinity, signal: end.signal });
  await warm;
  const reason = new Error("enough");
  end.abort(reason);
  assert.is(await opened.catch((error) => error), reason);
  await first.close();
  await using _again = await open<number>({ path });
});

test("of several that wait one opens, and the others go on to wait", async () => {
  const path = temporaryPath();
  const first = await open<number>({ ...SIZES, path });
  await first.put("a", 1);
  const waiting = [waitFor(path), waitFor(path)];
  await Promise.all(waiting.map(({ warm }) => warm));
  await first.close();
  const next = await Promise.race(waiting.map(({ opened }) => opened));
  await next.put("a", 2);
  await next.close();
  for (const { opened } of waiting) {
    const store = await opened;
    if (store === next) continue;
    assert.is(await store.get("a"), 2);
    await store.close();
  }
});

test("refuses what it cannot be", () => {
  const refused = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION" } as const;
  const path = "/tmp/somewhere";
  for (
    const [options, says] of [
      [{ standby: true }, /^standby must be false without a path/],
      [{ path, standby: true, readOnly: true }, /^standby must be false with readOnly/],
      [
        { path, standby: { waitMs: 1 }, processes: true },
        /^standby may have refreshMs, onWarm only with processes/,
      ],
      [{ path, standby: 1 }, /^standby must be a boolean or an object/],
      [{ path, standby: { wait: 1 } }, /^standby may have waitMs/],
      [{ path, standby: { waitMs: -1 } }, /^standby\.waitMs must be/],
      [{ path, standby: { refreshMs: 1 } }, /^standby\.refreshMs must be/],
      [{ path, standby: { onWarm: 1 } }, /^standby\.onWarm must be/],
      [{ path, standby: { signal: 1 } }, /^standby\.signal must be/],
      [{ path, standby: { signal: { aborted: false } } }, /^standby\.signal must be/],
    ] as const
  ) assertThrows(() => resolveOptions(options as unknown as OpenOptions), { ...refused, says });
});

test.run();
