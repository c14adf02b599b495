/**
 * Uses a store while a test framework's fakes stand in for the runtime's timers and clocks, and
 * says how far it came.
 *
 * @module
 */
import process from "node:process";
import type { OpenOptions, Store } from "../../../mod.ts";
import { say } from "../child.ts";
import { temporaryPath } from "../temporary.ts";

/**
 * What replaces time, and when. In the variable FAKE_TIME, because `bun test` hands no arguments
 * on.
 */
export interface FakeTimeArguments {
  readonly fakes: "globals" | "sinon" | "node:test" | "bun:test";
  readonly installed: "before the import" | "after the import";
  readonly store: "os" | "far";
}

/** An installed fake. */
interface Fakes {
  uninstall(): void;
}

/**
 * A time long gone, and one that never comes: whoever asks them takes fresh records for expired.
 */
const FAKE_NOW_MS = Date.UTC(2090, 0);

const word = new Int32Array(new SharedArrayBuffer(4));
/** Lets real time pass, whatever the timers are. */
const pass = (ms: number) => Atomics.wait(word, 0, 0, ms);

async function install(name: FakeTimeArguments["fakes"]): Promise<Fakes> {
  switch (name) {
    case "globals":
      return replaceGlobals();
    case "sinon": {
      const { default: fakeTimers } = await import("@sinonjs/fake-timers");
      // All but one, which Node's own sockets and streams call; jest replaces that of a copy.
      return fakeTimers.install({ now: FAKE_NOW_MS, toNotFake: ["nextTick"] });
    }
    case "node:test": {
      const { mock } = await import("node:test");
      mock.timers.enable({
        apis: ["setTimeout", "setInterval", "setImmediate", "Date"],
        now: FAKE_NOW_MS,
      });
      return { uninstall: () => mock.timers.reset() };
    }
    case "bun:test": {
      const { jest, setSystemTime } = await import("bun:test" as string);
      jest.useFakeTimers();
      setSystemTime(new Date(FAKE_NOW_MS));
      return { uninstall: () => jest.useRealTimers() };
    }
  }
}

/** Like Deno's FakeTime and home-made fakes, but for all of them: nothing ever happens. */
function replaceGlobals(): Fakes {
  class FakeDate extends Date {
    constructor(value: number | string = FAKE_NOW_MS) {
      super(value);
    }
    static override now = () => FAKE_NOW_MS;
  }
  const fakes: Record<string, unknown> = {
    Date: FakeDate,
    performance: { now: () => 0, timeOrigin: FAKE_NOW_MS },
  };
  const timer = { ref: () => timer, unref: () => timer };
  const timers = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"];
  for (const name of [...timers, "clearTimeout", "clearInterval", "clearImmediate"]) {
    fakes[name] = () => timer;
  }
  const originals = Object.keys(fakes).map((name) =>
    [name, Object.getOwnPropertyDescriptor(globalThis, name)!] as const
  );
  for (const [name, value] of Object.entries(fakes)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  return {
    uninstall: () => {
      for (const [name, descriptor] of originals) {
        Object.defineProperty(globalThis, name, descriptor);
      }
    },
  };
}

/** Every kind of operation that waits for another thread, or asks whether a record is expired. */
async function use(store: Store<number>, isFar: boolean): Promise<unknown[]> {
  const seen: unknown[] = [];
  await store.put("a", 1);
  await store.update("a", (value) => value! + 1);
  seen.push(await store.get("a"), await store.increment("n", 5));
  await store.putMany(Array.from({ length: 50 }, (_, i) => [`m${i}`, i] as const));
  for await (const [, value] of store.entries({ prefix: "m4" })) seen.push(value);

  await store.put("fresh", 1, { ttl: 600_000 });
  await store.put("short", 1, { ttl: 100 });
  seen.push(store.getSync("fresh"), await store.has("fresh"), await store.delete("fresh"));
  pass(150);
  seen.push(await store.get("short"), await store.delete("short"));

  // Turns of the event loop that last too long, so that reads, a batch and an iteration wait for
  // the next one.
  for (let i = 0; i < 40; i++) {
    if (await store.get("m7") !== 7) seen.push(i);
    if (i % 4 === 0) pass(2);
  }
  const many = Array.from({ length: 3000 }, (_, i) => [`b${i}`, i] as const);
  await store.putMany(slowly(many));
  let iterated = 0;
  for await (const _key of store.keys({ prefix: "b" })) if (++iterated % 500 === 0) pass(2);
  seen.push(iterated, (await store.deleteMany(slowly(many.map(([key]) => key)))).length);

  if (isFar) await store.replicate("a", 2);
  seen.push((await store.scale(1)).to, (await store.scale(2)).to);
  store.putSync("sync", 1);
  await store.flush();
  seen.push(await store.deleteMany(["sync", "m1", "m2"]), store.stats().nodes.length);
  return seen;
}

function* slowly<Item>(items: readonly Item[]): Iterable<Item> {
  for (const [i, item] of items.entries()) {
    if (i % 200 === 0) pass(1);
    yield item;
  }
}

async function main(): Promise<void> {
  const { fakes, installed, store: kind } = JSON.parse(
    process.env["FAKE_TIME"]!,
  ) as FakeTimeArguments;
  let installation = installed === "before the import" ? await install(fakes) : undefined;
  const { open } = await import("../../../mod.ts");
  installation ??= await install(fakes);
  const options: OpenOptions<number> = { capacity: "4MiB", nodes: 2 };
  const store = await open<number>(
    kind === "far" ? { ...options, placement: "far" } : { ...options, path: temporaryPath() },
  );
  const seen = await use(store, kind === "far");
  if (kind === "os") await store.snapshot();
  await store.close();
  say(seen);
  installation.uninstall();
}

await main();
// Under `bun test` this file has no tests, which would count as a failure.
process.exit(0);
