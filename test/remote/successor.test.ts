/**
 * Processes that use a store read its pool ahead, and one of them goes on with what it has read
 * when the host ends.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidOptionError, open, type OpenOptions, PoolLockedError } from "../../mod.ts";
import type { OwnHost } from "../../lib/remote/host_link.ts";
import { type ReadyHost, type Succession, Successor } from "../../lib/remote/successor.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { SharedStore } from "../support/shared_store.ts";
import { temporaryPath } from "../support/temporary.ts";

const OPTIONS: OpenOptions<unknown> = { processes: true, capacity: "16MiB", segmentBytes: "64KiB" };

/** Options with which a store says when it has read the files. */
function warming(path: string) {
  let tell = () => {};
  const warm = new Promise<void>((resolve) => tell = resolve);
  return { warm, options: { ...OPTIONS, path, standby: { refreshMs: 10, onWarm: tell } } };
}

for (const runtime of RUNTIMES) {
  test(`goes on when its host, of ${runtime}, is killed, and again when it has been`, async () => {
    const path = temporaryPath();
    const host = await SharedStore.open({ ...OPTIONS, path }, runtime);
    for (let i = 0; i < 200; i++) await host.call("put", `key ${i}`, i);
    const { warm, options } = warming(path);
    await using store = await open<unknown>(options);
    await warm;
    // What the checkpoint has not, and what the one that reads ahead does not know yet.
    for (let i = 0; i < 100; i++) await store.increment("count");
    await store.delete("key 7");
    const counts = Array.from({ length: 100 }, () => store.increment("count"));
    await host.kill();
    await Promise.all(counts);
    assert.is(await store.get("count"), 200);
    assert.is(await store.countKeys(), 200);
    for (let i = 0; i < 200; i++) assert.is(await store.get(`key ${i}`), i === 7 ? undefined : i);
    await store.put("later", 1);
    // It is the host now, and others come to it.
    const other = await SharedStore.open({ ...OPTIONS, path, standby: true }, runtime);
    assert.is(await other.call("increment", "count"), 201);
    await store.close();
    assert.is(await other.call("increment", "count"), 202);
    assert.is(await other.call("get", "later"), 1);
    assert.is((await other.end()).exitCode, 0);
  });
}

test("a host with the option, and one that was never needed, end by themselves", async () => {
  const path = temporaryPath();
  const { options } = warming(path);
  const host = await open<unknown>(options);
  await host.put("a", 1);
  const idle = await SharedStore.open({ ...OPTIONS, path, standby: true });
  assert.is(await idle.call("get", "a"), 1);
  const { exitCode, output } = await idle.end();
  assert.is(exitCode, 0, output);
  await host.close();
});

test("an opening that does not wait has nothing to say how long", async () => {
  for (const standby of [{ waitMs: 5 }, { signal: new AbortController().signal }]) {
    const opening = open({ ...OPTIONS, path: temporaryPath(), standby });
    await assertRejects(() => opening, {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says:
        /^standby may have refreshMs, onWarm only with processes, got the string "(waitMs|signal)"/,
    });
  }
});

/** A process whose openings are made up, and what is read ahead in it. */
class MadeUp implements Succession {
  readonly seen: string[] = [];
  error: Error | undefined;
  #count = 0;

  open = (ready: ReadyHost | undefined): Promise<OwnHost> => {
    const by = ready && (ready.standby as unknown as { name: string }).name;
    this.seen.push(`open by ${by ?? "itself"}`);
    if (this.error !== undefined) return Promise.reject(this.error);
    return Promise.resolve({ isOpen: () => true, close: () => Promise.resolve() });
  };

  prepare = (): Promise<ReadyHost> => {
    const name = `standby ${++this.#count}`;
    const standby = {
      name,
      keepWarm: () => Promise.resolve(void this.seen.push(`${name} reads`)),
      close: () => Promise.resolve(void this.seen.push(`${name} ends`)),
    };
    const gateway = { close: () => Promise.resolve(void this.seen.push("its gateway ends")) };
    return Promise.resolve({ standby, gateway } as unknown as ReadyHost);
  };
}

const STANDBY = { waitMs: Infinity, refreshMs: 10, onWarm: undefined, signal: undefined };

test("what is read ahead stays until this process is the host, or is closed", async () => {
  const made = new MadeUp();
  const successor = new Successor(made, STANDBY);
  successor.follow();
  successor.follow();
  made.error = new PoolLockedError("another one was first");
  assert.is(await errorOf(() => successor.open()), made.error);
  successor.follow();
  made.error = new Error("no memory");
  assert.is(await errorOf(() => successor.open()), made.error);
  // What has been used is not used again.
  assert.is(await errorOf(() => successor.open()), made.error);
  successor.follow();
  made.error = undefined;
  await successor.open();
  successor.close();
  successor.follow();
  assert.equal(made.seen, [
    "standby 1 reads",
    "open by standby 1",
    "open by standby 1",
    "standby 1 ends",
    "its gateway ends",
    "open by itself",
    "standby 2 reads",
    "open by standby 2",
    "standby 2 ends",
    "its gateway ends",
  ]);
});

test("without the option nothing is read ahead", async () => {
  const made = new MadeUp();
  const successor = new Successor(made, undefined);
  successor.follow();
  await successor.open();
  assert.equal(made.seen, ["open by itself"]);
});

test.run();
