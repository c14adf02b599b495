/**
 * The option `keys`: what type keys have, what is refused, and what a pool remembers of it.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  attach,
  InvalidKeyError,
  InvalidOptionError,
  type Key,
  type KeyTypes,
  open,
  type OpenOptions,
  type Store,
} from "../../mod.ts";
import { dinomoHere } from "../support/command.ts";
import { FIXTURE_KINDS, fixtureName, unpackPool } from "../support/format_fixture.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "4KiB", ringBytes: "8KiB" } as const;
const AS_STORED = { capacity: undefined, segmentBytes: undefined };
const TYPES = ["string", "bytes", "mixed"] as const;
const OPTION = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION" } as const;
const KEYS: Record<KeyTypes, Key[]> = {
  string: ["a", "\ufeffb", "schlüssel"],
  bytes: [Uint8Array.of(0), Uint8Array.of(0xff, 0xfe), Uint8Array.of(0x61)],
  mixed: ["a", Uint8Array.of(0xff)],
};

/** Opens a store with keys of any type, as its type says mixed. */
function openWith(keys: KeyTypes, options: object = {}): Promise<Store<unknown, Key>> {
  return open<unknown>({ ...SIZES, ...options, keys: keys as "mixed" });
}

async function keysOf(store: Store<unknown, Key>): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.keys()) keys.push(shown(key));
  return keys.sort();
}

function shown(key: Key): string {
  return typeof key === "string" ? JSON.stringify(key) : `bytes ${key.join()}`;
}

for (const placement of ["near", "far"] as const) {
  for (const keys of TYPES) {
    test(`${placement}, ${keys}: iteration gives keys as they were put, in every thread`, async () => {
      await using store = await openWith(keys, { placement });
      await store.putMany(KEYS[keys].map((key) => [key, 1]));
      await using attached = await attach<unknown, Key>(store.share());
      for (const one of [store, attached]) {
        assert.equal(await keysOf(one), KEYS[keys].map(shown).sort());
        assert.equal([...one.keysSync()].map(shown).sort(), KEYS[keys].map(shown).sort());
        const entries = [...one.entriesSync()];
        assert.equal(entries.map(([key]) => shown(key)).sort(), KEYS[keys].map(shown).sort());
        assert.equal(await one.hasMany(KEYS[keys]), KEYS[keys].map(() => true));
        for await (const [key] of one.entries()) assert.ok(await one.delete(key), shown(key));
        assert.is(one.count, 0);
        await one.putMany(KEYS[keys].map((key) => [key, 1]));
      }
    });
  }
}

test("keys of the other type are refused, before anything happens, in every thread", async () => {
  const others: [KeyTypes, Key, RegExp][] = [
    ["string", Uint8Array.of(1), /^key must be a string .*keys: "string", got .*Uint8Array$/],
    ["bytes", "a", /^key must be a Uint8Array .*keys: "bytes", got the string "a"$/],
  ];
  for (const [keys, key, says] of others) {
    const refusal = { type: InvalidKeyError, code: "DINOMO_INVALID_KEY", says } as const;
    await using store = await openWith(keys);
    await using attached = await attach<unknown, Key>(store.share());
    for (const one of [store, attached]) {
      await assertRejects(() => one.put(key, 1), refusal);
      await assertRejects(() => one.get(key), refusal);
      await assertRejects(() => one.getMany([key]), refusal);
      await assertRejects(() => one.update(key, () => 1), refusal);
      await assertRejects(() => one.increment(key), refusal);
      await assertRejects(() => one.deleteMany([key]), refusal);
      assertThrows(() => one.putSync(key, 1), refusal);
      assertThrows(() => one.hasSync(key), refusal);
      assertThrows(() => one.putManySync([[key, 1]]), refusal);
    }
    assert.is(store.count, 0);
  }
  await using far = await openWith("string", { placement: "far", nodes: 2 });
  await assertRejects(() => far.replicate(Uint8Array.of(1), 2), {
    type: InvalidKeyError,
    code: "DINOMO_INVALID_KEY",
    says: others[0]![2],
  });
});

test("in a mixed store a string and its bytes are one key", async () => {
  await using store = await openWith("mixed");
  await store.put("a", 1);
  await store.put(Uint8Array.of(0x61), 2);
  assert.equal([await store.get("a"), store.count], [2, 1]);
  assert.equal(await keysOf(store), ["bytes 97"], "as it was put last");
});

test("anything else is refused", async () => {
  for (const keys of ["strings", "", 1, null, {}]) {
    await assertRejects(() => open({ ...SIZES, keys: keys as "string" }), {
      ...OPTION,
      says: /^keys must be "string", "bytes" or "mixed", got/,
    });
  }
});

for (const durability of ["memory", "os"] as const) {
  test(`${durability}: a pool remembers the types of its keys`, async () => {
    for (const keys of TYPES) {
      const path = temporaryPath();
      await (await openWith(keys, { path, durability })).close();
      for (const other of TYPES) {
        if (other === keys) continue;
        await assertRejects(() => openWith(other, { path, durability }), {
          ...OPTION,
          says: new RegExp(`^keys must be what .* was made with \\("${keys}"\\), got "${other}"$`),
        });
      }
      {
        await using store = await openWith(keys, { path, durability });
        await store.putMany(KEYS[keys].map((key) => [key, 1]));
        await store.backup(`${path}.copy`);
      }
      for (const place of [path, `${path}.copy`]) {
        await using store = await openWith(keys, { path: place, durability });
        assert.equal(await keysOf(store), KEYS[keys].map(shown).sort());
      }
      const info = JSON.parse((await dinomoHere(["info", path, "--json"])).stdout);
      assert.is(info.keyTypes, keys);
    }
  });
}

test("a pool of the format before has keys of both types", async () => {
  const kind = FIXTURE_KINDS.find(({ codec, end }) => codec === "json" && end === "killed")!;
  const file = `${fixtureName(kind)}.json.gz`;
  const path = temporaryPath();
  unpackPool(readFileSync(join(PROJECT_ROOT, "test", "fixtures", "format-v2", file)), path);
  const options: OpenOptions = { path, codec: "json" };
  await assertRejects(() => open(options), { ...OPTION, says: /\("mixed"\), got "string"$/ });
  for (let life = 0; life < 2; life++) {
    await using store = await openWith("mixed", { path, codec: "json", ...AS_STORED });
    assert.ok((await keysOf(store)).some((key) => key.startsWith("bytes")));
  }
});

test("restore makes a pool whose keys have the types of the dump, or those that it is told", async () => {
  for (const keys of TYPES) {
    const path = temporaryPath();
    {
      await using store = await openWith(keys, { path });
      await store.putMany(KEYS[keys].map((key) => [key, 1]));
    }
    const dump = temporaryPath();
    writeFileSync(dump, (await dinomoHere(["dump", path])).stdout);
    const restore = async (...options: string[]) => {
      const copy = temporaryPath();
      const end = await dinomoHere(["restore", copy, "--input", dump, ...options]);
      return { copy, ...end };
    };
    for (const [types, options] of [[keys, []], ["mixed", ["--keys", "mixed"]]] as const) {
      const { copy, exitCode, stderr } = await restore(...options);
      assert.is(exitCode, 0, stderr);
      await using store = await openWith(types, { path: copy, ...AS_STORED });
      assert.equal(await keysOf(store), KEYS[keys].map(shown).sort());
    }
    const wrong = await restore("--keys", keys === "string" ? "bytes" : "string");
    assert.is(wrong.exitCode, 1);
    assert.match(wrong.stderr, /line \d: key must be a/);
  }
});

test.run();
