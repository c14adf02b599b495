/**
 * A value that cannot be decoded: every read names its key, and reads of many go on behind it if
 * that is wanted.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  DecodeError,
  InvalidArgumentError,
  type Key,
  open,
  type Store,
  StoreClosedError,
} from "../../mod.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { SETUPS } from "../support/store_suite.ts";

const BAD_KEYS: readonly Key[] = ["bad", "worse 🦖", Uint8Array.of(255, 1)];

/** A codec that decodes everything but what says "bad". */
const codec = {
  encode: (value: string) => new TextEncoder().encode(value),
  decode(bytes: Uint8Array): string {
    const text = new TextDecoder().decode(bytes);
    if (text === "bad") throw new TypeError("cannot be read");
    return text;
  },
};

async function filled(options: object): Promise<Store<string, Key>> {
  const store = await open<string>({ ...options, codec, keys: "mixed" });
  for (let i = 0; i < 20; i++) await store.put(`good ${i}`, `value ${i}`);
  for (const key of BAD_KEYS) await store.put(key, "bad");
  return store;
}

function assertNames(error: unknown, key: Key): void {
  assert.instance(error, DecodeError);
  const { message, cause, key: named } = error as DecodeError;
  assert.equal(named, key);
  const shown = typeof key === "string" ? JSON.stringify(key) : "an instance of Uint8Array";
  assert.is(
    message,
    `the value of key ${shown} cannot be decoded: codec.decode failed on the stored bytes`,
  );
  assert.is((cause as Error).message, "cannot be read");
}

for (const { name, options, isAttached } of SETUPS) {
  // A codec of the application's own is not known to a handle.
  if (isAttached) continue;

  test(`${name}: each read of one key names it`, async () => {
    await using store = await filled(options);
    for (const key of BAD_KEYS) {
      assertNames(await errorOf(() => store.get(key)), key);
      assertNames(await errorOf(() => store.getEntry(key)), key);
      assertNames(await errorOf(() => store.getMany(["good 1", key])), key);
      assertNames(await errorOf(() => store.update(key, () => "new")), key);
      for (const read of [() => store.getSync(key), () => store.getEntrySync(key)]) {
        assertNames(await errorOf(() => Promise.resolve().then<unknown>(read)), key);
      }
      void store.put(key, "bad");
      assertNames(await errorOf(() => store.get(key)), key);
      assert.is(await store.has(key), true);
    }
    assert.is(await store.get("good 1"), "value 1");
  });

  test(`${name}: reads of many go on, or stop, as the caller chooses`, async () => {
    await using store = await filled(options);
    const keys: Key[] = ["good 1", ...BAD_KEYS, "none", "good 2"];
    const seen: unknown[] = [];
    const onDecodeError = (error: DecodeError) => {
      assertNames(error, error.key!);
      seen.push(error.key);
    };
    assert.equal(
      await store.getMany(keys, { onDecodeError }),
      ["value 1", undefined, undefined, undefined, undefined, "value 2"],
    );
    assert.equal(seen.splice(0), BAD_KEYS);

    const contents = new Map<Key, string>();
    for await (const [key, value] of store.entries({ onDecodeError })) contents.set(key, value);
    assert.is(contents.size, 20);
    assert.is(seen.length, BAD_KEYS.length);
    let count = 0;
    for await (const _ of store.values({ onDecodeError, prefix: "good" })) count += 1;
    assert.is(count, 20);
    assert.is(seen.splice(0).length, BAD_KEYS.length);
    for await (const _ of store.keys()) count += 1;
    assert.is(count, 20 + 20 + BAD_KEYS.length);

    const stopped = new Error("stop here");
    const stop = () => {
      throw stopped;
    };
    assert.is(await errorOf(() => store.getMany(keys, { onDecodeError: stop })), stopped);
    const iterate = async () => {
      for await (const _ of store.entries({ onDecodeError: stop }));
    };
    assert.is(await errorOf(iterate), stopped);
    const failed = await errorOf(async () => {
      for await (const _ of store.entries());
    });
    assert.instance(failed, DecodeError);
  });
}

for (const { name, options } of [SETUPS[0]!, SETUPS.at(-1)!]) {
  test(`${name}: onDecodeError may use the store`, async () => {
    const store = await filled(options);
    const repaired: Promise<unknown>[] = [];
    const values = await store.getMany([...BAD_KEYS, "good 1"], {
      onDecodeError({ key }) {
        store.putSync(key!, "mended");
        repaired.push(store.put(key!, "mended again"));
        assert.is(store.getSync("good 2"), "value 2");
      },
    });
    assert.equal(values, [undefined, undefined, undefined, "value 1"]);
    await Promise.all(repaired);
    for (const key of BAD_KEYS) assert.is(store.getSync(key), "mended again");

    for (const key of BAD_KEYS) await store.put(key, "bad");
    let count = 0;
    for await (const _ of store.entries({ onDecodeError: ({ key }) => store.deleteSync(key!) })) {
      count += 1;
    }
    assert.is(count, 20);
    assert.is(store.count, 20);

    await store.put("bad", "bad");
    let closed: Promise<void> | undefined;
    const close = () => {
      closed = store.close();
    };
    assert.equal(await store.getMany(["bad", "good 1"], { onDecodeError: close }), [
      undefined,
      "value 1",
    ]);
    await closed;

    const other = await filled(options);
    const iterate = async () => {
      for await (const _ of other.entries({ onDecodeError: () => void other.close() }));
    };
    assert.instance(await errorOf(iterate), StoreClosedError);
    await other.close();
  });
}

test("options that there are not are refused", async () => {
  await using store = await filled(SETUPS[0]!.options);
  const refused = (says: RegExp) =>
    ({ type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT", says }) as const;
  const unknown = refused(
    /^options must be among onDecodeError, consistent, signal, got the string "prefix"/,
  );
  await assertRejects(() => store.getMany([], { prefix: "a" } as object), unknown);
  const wrong = refused(/^onDecodeError must be a function, got the string "skip"/);
  await assertRejects(() => store.getMany([], { onDecodeError: "skip" } as never), wrong);
  for (const iterate of [store.entries.bind(store), store.keys.bind(store)]) {
    const first = (options: object) => iterate(options as never).next();
    await assertRejects(() => first({ onDecodeError: 1 }), refused(/^onDecodeError must be/));
    await assertRejects(
      () => first({ from: "a" }),
      refused(/^options must be among prefix, .*, onDecodeError, signal, got the string "from"/),
    );
  }
  assertThrows(
    () => store.putSync("a", "b", { expires: 5 } as object),
    refused(/got the string "expires"/),
  );
});

test.run();
