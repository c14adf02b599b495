/**
 * What is given up by a signal: it is rejected at once, what was issued stays, and no listener is
 * left.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { setImmediate, setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError, type Key, open, type Store } from "../../mod.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { SETUPS, storeSuite } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const test = storeSuite(
  "giving up by a signal",
  SETUPS.filter(({ name }) => name === "tiny" || name === "far"),
);
const KEYS = Array.from({ length: 120 }, (_, i) => `key ${i}`);
const REASON = { reason: "of the application" };

/** A signal that counts its listeners. */
class Controller extends AbortController {
  listenerCount = 0;

  constructor() {
    super();
    const { signal } = this;
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    signal.addEventListener = (...args: unknown[]) => {
      this.listenerCount += 1;
      Reflect.apply(add, signal, args);
    };
    signal.removeEventListener = (...args: unknown[]) => {
      this.listenerCount -= 1;
      Reflect.apply(remove, signal, args);
    };
  }
}

type Call = (store: Store<unknown, Key>, options: { signal: AbortSignal }) => Promise<unknown>;

const CALLS: Record<string, Call> = {
  getMany: (store, options) => store.getMany(KEYS, options),
  "getMany, consistent": (store, options) => store.getMany(KEYS, { ...options, consistent: true }),
  getEntries: (store, options) => store.getEntries(KEYS, options),
  hasMany: (store, options) => store.hasMany(KEYS, options),
  putMany: (store, options) => store.putMany(KEYS.map((key) => [key, 1]), options),
  deleteMany: (store, options) => store.deleteMany(KEYS, options),
  clear: (store, options) => store.clear(options),
  "clear of a namespace": (store, options) => store.namespace("key ").clear(options),
  entries: (store, options) => store.entries(options).next(),
  keys: (store, options) => store.keys(options).next(),
  values: (store, options) => store.values(options).next(),
  scale: (store, options) => store.scale(1, options),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: nothing is done after a signal that was aborted before`, async (store) => {
    await store.putMany(KEYS.map((key) => [key, 0]));
    const controller = new Controller();
    controller.abort(REASON);
    assert.is(await errorOf(() => call(store, { signal: controller.signal })), REASON);
    assert.is(controller.listenerCount, 0);
    assert.equal([...new Set(await store.getMany(KEYS))], [0], "all of it is as it was");
  });

  test(`${name}: is rejected at once when the signal is aborted, or ends first`, async (store) => {
    await store.putMany(KEYS.map((key) => [key, 0]));
    const controller = new Controller();
    // Reads of this key wait for it, and what they are a part of. (It is called again if the key
    // has changed meanwhile.)
    let release: (() => void) | undefined;
    const held = store.update(KEYS[7]!, () => {
      return release === undefined ? new Promise((resolve) => release = () => resolve(2)) : 2;
    });
    const ended = call(store, { signal: controller.signal }).then(
      () => "ended",
      (reason) => reason,
    );
    controller.abort(REASON);
    assert.is(await ended, REASON);
    while (release === undefined) await setImmediate();
    (release as () => void)();
    await held;
    await store.flush();
    await setImmediate();
    assert.is(controller.listenerCount, 0);
  });

  test(`${name}: leaves no listener behind when it has ended`, async (store) => {
    const controller = new Controller();
    await call(store, { signal: controller.signal });
    await setImmediate();
    assert.is(controller.listenerCount, 0);
    controller.abort(REASON);
  });
}

test("puts that were issued stay, and no more are issued", async (store) => {
  const controller = new Controller();
  function* entries(): Generator<[string, number]> {
    for (const [i, key] of KEYS.entries()) {
      if (i === 100) controller.abort(REASON);
      yield [key, i];
    }
  }
  assert.is(await errorOf(() => store.putMany(entries(), { signal: controller.signal })), REASON);
  await store.flush();
  assert.is(store.count, 100);
  assert.equal(await store.getMany(KEYS.slice(99, 101)), [99, undefined]);
});

test("keys are taken no more, and no iterator is left open", async (store) => {
  for (const call of ["getMany", "getEntries", "hasMany", "deleteMany"] as const) {
    const controller = new Controller();
    let [yielded, isOpen] = [0, true];
    const keys = function* (): Generator<string> {
      try {
        for (;;) yield `key ${yielded++}`;
      } finally {
        isOpen = false;
      }
    };
    const ended = errorOf(() => store[call](keys(), { signal: controller.signal }));
    await setTimeout(5);
    controller.abort(REASON);
    assert.is(await ended, REASON, call);
    while (isOpen) await setImmediate();
    const yieldedThen = yielded;
    await setTimeout(5);
    assert.is(yielded, yieldedThen, call);
  }
});

test("an iteration ends where it was given up", async (store) => {
  await store.putMany(KEYS.map((key) => [key, 1]));
  const controller = new Controller();
  let count = 0;
  const iterate = async () => {
    for await (const _ of store.entries({ signal: controller.signal })) {
      if (++count === 10) controller.abort(REASON);
    }
  };
  assert.is(await errorOf(iterate), REASON);
  assert.is(count, 10);
  for await (const _ of store.keys({ signal: new Controller().signal })) break;
  assert.is(controller.listenerCount, 0);
});

test("a signal is an AbortSignal, and nothing else", async (store) => {
  const refusal = {
    type: InvalidArgumentError,
    code: "DINOMO_INVALID_ARGUMENT",
    says: /^signal must be an AbortSignal, got/,
  } as const;
  const noMethod = { aborted: false, addEventListener() {} };
  for (const signal of [5, "abort", {}, null, new AbortController(), noMethod]) {
    for (const [name, call] of Object.entries(CALLS)) {
      await assertRejects(() => call(store, { signal: signal as AbortSignal }), refusal, name);
    }
  }
  // What stands for a signal works like it on Deno; elsewhere only a signal answers for itself.
  const aborted = AbortSignal.abort(REASON);
  for (const signal of [new Proxy(aborted, {}), Object.create(aborted) as AbortSignal]) {
    for (const [name, call] of Object.entries(CALLS)) {
      const rejects = () => call(store, { signal });
      if (await errorOf(rejects) !== REASON) await assertRejects(rejects, refusal, name);
    }
  }
  const unknown = { ...refusal, says: /^options must be among signal, got the string "signals"/ };
  await assertRejects(() => store.clear({ signals: 1 } as object), {
    ...refusal,
    says: /^options must be among prefix, .*, signal, got the string "signals"/,
  });
  await assertRejects(() => store.scale(1, { signals: 1 } as object), unknown);
  await assertRejects(() => store.snapshot({ signals: 1 } as object), unknown);
  assertThrows(() => [...store.entriesSync({ signal: undefined } as object)], {
    ...refusal,
    says: /got the string "signal"/,
  });
  assertThrows(() => store.putManySync([], { signal: 1 } as object), {
    ...refusal,
    says: /got the string "signal"/,
  });
});

test.run();

const files = suite("giving up what is written to files");

files(
  "a snapshot and a backup that wait do not begin, and one that has begun is written",
  async () => {
    const path = temporaryPath();
    await using store = await open<number>({ path, capacity: "1MiB", segmentBytes: "64KiB" });
    await store.put("a", 1);
    const controller = new Controller();
    const first = store.snapshot({ signal: controller.signal });
    const [second, backup] = [
      store.snapshot({ signal: controller.signal }),
      store.backup(`${path}.copy`, { signal: controller.signal }),
    ].map((call) => call.catch((reason: unknown) => reason));
    first.catch(() => {});
    await setImmediate();
    controller.abort(REASON);
    assert.equal([await errorOf(() => first), await second, await backup], [
      REASON,
      REASON,
      REASON,
    ]);
    // The next one comes after what was under way.
    const { number } = await store.snapshot();
    assert.ok(number <= 4, `checkpoint ${number}: the second was not written`);
    assert.is(existsSync(`${path}.copy`), false);
    assert.is(controller.listenerCount, 0);
    await store.backup(`${path}.copy`, { signal: new AbortController().signal });
    await using copy = await open<number>({ path: `${path}.copy` });
    assert.is(copy.getSync("a"), 1);
  },
);

files.run();
