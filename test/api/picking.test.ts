/**
 * Views of parts of values.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { suite } from "uvu";
import {
  type CustomCodec,
  DecodeError,
  InvalidArgumentError,
  open,
  PickedView,
  StoreClosedError,
} from "../../mod.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { storeSuite } from "../support/store_suite.ts";

const test = storeSuite("picking");
const ARGUMENT = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

interface User {
  name: string;
  home: { city: string; zip: number } | null;
  visits: number[];
  joined?: Date;
}

const ADA: User = {
  name: "Ada",
  home: { city: "London", zip: 1 },
  visits: Array.from({ length: 300 }, (_, i) => i),
};
const BOB: User = { name: "Bob", home: null, visits: [], joined: new Date(5) };
const PICKED_ADA = { name: "Ada", home: { city: "London" } };
const PICKED_BOB = { name: "Bob", home: null, joined: new Date(5) };

test("every operation that reads gives what is picked", async (all) => {
  const store = all.namespace<User>("user:");
  await store.putMany([["ada", ADA, { ttl: 9e6 }], ["bob", BOB]]);
  const view = store.pick("name", "home.city", "joined");
  assert.instance(view, PickedView);
  assert.equal(await view.get("ada"), PICKED_ADA);
  assert.equal(view.getSync("bob"), PICKED_BOB);
  assert.equal([await view.get("eve"), view.getSync("eve")], [undefined, undefined]);
  const both = [PICKED_ADA, undefined, PICKED_BOB];
  for (const consistent of [false, true]) {
    assert.equal(await view.getMany(["ada", "eve", "bob"], { consistent }), both);
    assert.equal(view.getManySync(["ada", "eve", "bob"], { consistent }), both);
  }
  const { version, expiresAt } = store.getEntrySync("ada")!;
  const entry = { value: PICKED_ADA, version, expiresAt };
  assert.equal([await view.getEntry("ada"), view.getEntrySync("ada")], [entry, entry]);
  assert.equal([await view.getEntries(["ada"]), view.getEntriesSync(["ada"])], [[entry], [entry]]);
  assert.equal([await view.has("ada"), view.hasSync("eve"), view.count], [true, false, 2]);
  const entries = { ada: PICKED_ADA, bob: PICKED_BOB };
  assert.equal(Object.fromEntries(view.entriesSync()), entries);
  const found: Record<string, unknown> = {};
  for await (const [key, value] of view.entries()) found[String(key)] = value;
  assert.equal(found, entries);
  assert.equal([...view.keysSync()].sort(), ["ada", "bob"]);
});

test("a view sees what was written before, and what is picked is its caller's", async (all) => {
  const store = all.namespace<User>("u:");
  const view = store.pick("home");
  const put = store.put("ada", ADA);
  const picked = view.getSync("ada")!;
  picked.home!.city = "Paris";
  assert.equal(await view.get("ada"), { home: ADA.home });
  await put;
  const changed = store.put("ada", BOB);
  assert.equal(await view.get("ada"), { home: null });
  await changed;
  await store.delete("ada");
  assert.is(view.getSync("ada"), undefined);
});

test("what is no object comes back as it is", async (store) => {
  const values = [5, "text", null, [1, { name: 2 }], new Map([["name", 1]]), true, -0, new Date(7)];
  const view = store.pick("name", "a.name");
  for (const value of values) {
    await store.put("key", value);
    assert.equal(view.getSync("key"), value);
    await store.put("key", { b: 1, a: value, name: value });
    assert.equal(view.getSync("key"), { a: value, name: value });
  }
  await store.put("key", { b: 1 });
  assert.equal(view.getSync("key"), {});
});

test("objects that carry their names are picked from as others are", async (store) => {
  const wide = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`name ${i}`, { i, x: 1 }]),
  );
  await store.put("wide", wide);
  const view = store.pick("name 7.i", "name 199", "none");
  assert.equal(await view.get("wide"), { "name 7": { i: 7 }, "name 199": { i: 199, x: 1 } });
});

test("what cannot be picked is refused", (store) => {
  assertThrows(() => store.pick(), { ...ARGUMENT, says: /paths must be at least one/ });
  for (const path of [1, undefined, ["name"]] as unknown as string[]) {
    assertThrows(() => store.pick("a", path), { ...ARGUMENT, says: /paths must be strings/ });
  }
  const deep = Array.from({ length: 513 }, () => "a").join(".");
  assertThrows(() => store.pick(deep), { ...ARGUMENT, says: /at most 512 names, got one of 513/ });
});

test.run();

const others = suite("picking, other codecs and stores");

others("JSON and codecs of the application's own decode whole values, and pick then", async () => {
  await using json = await open<User>({ capacity: "1MiB", codec: "json" });
  await json.put("ada", ADA);
  assert.equal(await json.pick("home.city").get("ada"), { home: { city: "London" } });
  class Point {
    x = 1;
    y = 2;
    norm(): number {
      return Math.hypot(this.x, this.y);
    }
  }
  const codec: CustomCodec<Point> = {
    encode: () => Uint8Array.of(1),
    decode: ([byte]) => {
      if (byte === 1) return new Point();
      throw new Error("not mine");
    },
  };
  await using points = await open({ capacity: "1MiB", codec });
  await points.put("a", new Point());
  assert.equal(points.pick("y").getSync("a"), { y: 2 });
});

others("a store of bytes has nothing to pick", async () => {
  await using store = await open({ capacity: "1MiB", codec: "binary" });
  // @ts-expect-error bytes have no paths
  assertThrows(() => store.pick("length"), {
    ...ARGUMENT,
    says: /got one with the codec "binary"/,
  });
});

others("a value that cannot be decoded is an error that names its key", async () => {
  const encode = () => new Uint8Array(3);
  const decode = () => {
    throw new TypeError("cannot be read");
  };
  await using store = await open<User>({ capacity: "1MiB", codec: { encode, decode } });
  await store.put("ada", ADA);
  const view = store.pick("name");
  const error = await errorOf(() => view.get("ada"));
  assert.instance(error, DecodeError);
  assert.is((error as DecodeError).key, "ada");
  const passed: unknown[] = [];
  const onDecodeError = ({ key }: DecodeError) => passed.push(key);
  assert.equal(view.getManySync(["ada", "eve"], { onDecodeError }), [undefined, undefined]);
  assert.equal(passed, ["ada"]);
});

others("a view ends with its store", async () => {
  const store = await open<User>({ capacity: "1MiB" });
  const view = store.pick("name");
  await store.put("ada", ADA);
  await store.close();
  const closed = {
    type: StoreClosedError,
    code: "DINOMO_CLOSED",
    says: /closed/,
  } as const;
  assertThrows(() => view.getSync("ada"), closed);
  assertThrows(() => store.pick("name"), closed);
  await assertRejects(() => view.get("ada"), closed);
});

others.run();
