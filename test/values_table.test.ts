/**
 * docs/values.md is true: each row of its tables is stored, and comes back as it says, or is
 * refused as it says.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidValueError, open } from "../mod.ts";
import { PROJECT_ROOT, THIS_RUNTIME } from "../scripts/runtimes.ts";
import { assertThrows } from "./support/errors.ts";
import { inWords } from "./support/values.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "64KiB", ringBytes: "8KiB" } as const;
const TEXT = readFileSync(join(PROJECT_ROOT, "docs", "values.md"), "utf8");

/** The rows of the table below a heading: the code in the first two columns. */
function rowsBelow(heading: string): [string, string][] {
  const part = TEXT.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return [...part.matchAll(/^\| `(.+?)`\s*\| `(.+?)`\s*\|/gm)].map((
    [, left, right],
  ) => [left!, right!]);
}

async function valueOf(expression: string): Promise<unknown> {
  const { Buffer } = await import("node:buffer");
  return new Function("Buffer", `return (${expression})`)(Buffer);
}

test("what comes back as something else", async () => {
  await using store = await open<unknown>(SIZES);
  const rows = rowsBelow("What comes back as something else");
  assert.ok(rows.length > 15, `${rows.length}`);
  for (const [put, get] of rows) {
    const [value, expected] = [await valueOf(put), await valueOf(get)];
    store.putSync("a", value);
    assert.is(inWords(store.getSync("a")), inWords(expected), put);
    await store.put("a", [value]);
    assert.is(inWords(await store.get("a")), inWords([expected]), put);
  }
});

test("what is refused", async () => {
  await using store = await open<unknown>(SIZES);
  await store.put("a", "kept");
  const rows = rowsBelow("What is refused");
  assert.ok(rows.length > 12, `${rows.length}`);
  for (const [put, reason] of rows) {
    const value = await valueOf(put);
    const says = new RegExp(reason.replace(/[.[\]()]/g, "\\$&"));
    const refusal = { type: InvalidValueError, code: "DINOMO_INVALID_VALUE", says } as const;
    assertThrows(() => store.putSync("a", value), refusal, put);
    assert.is(await store.get("a"), "kept");
  }
  if ("Float16Array" in globalThis) {
    const half = await valueOf("{ v: new Float16Array([1.5]) }");
    assertThrows(() => store.putSync("a", half), {
      type: InvalidValueError,
      code: "DINOMO_INVALID_VALUE",
      says: /value\.v is a Float16Array, which not every runtime has$/,
    });
  }
});

test("values of another realm come back as those of this one", async () => {
  await using store = await open<unknown>(SIZES);
  // Deno's contexts have no Uint8Array of their own to make a DataView of; structuredClone makes
  // the others.
  const foreign = runInContext(
    `({
      map: new Map([[1, new Set([2])]]), date: new Date(5), floats: new Float64Array([1.5]),
      bytes: new Uint8Array([1, 2]), pattern: /a/g, list: [[1], { a: 1 }], error: new TypeError("no"),
      buffer: new ArrayBuffer(2),
    })`,
    createContext(),
  ) as Record<string, unknown> & { error: Error };
  foreign.error.stack = "at home";
  const error = new TypeError("no");
  error.stack = "at home";
  await store.put("a", foreign);
  assert.is(
    inWords(await store.get("a")),
    inWords({
      map: new Map([[1, new Set([2])]]),
      date: new Date(5),
      floats: new Float64Array([1.5]),
      bytes: new Uint8Array([1, 2]),
      pattern: /a/g,
      list: [[1], { a: 1 }],
      error,
      buffer: new ArrayBuffer(2),
    }),
    THIS_RUNTIME,
  );
  const clone = structuredClone(new Map([[1, 2]]));
  await store.put("a", clone);
  assert.equal(await store.get("a"), new Map([[1, 2]]));
});

test.run();
