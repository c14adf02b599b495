/**
 * Snapshots of a pool that is full and is being overwritten: nobody is refused for the snapshot's
 * sake, and what it holds is whole.
 *
 * @module
 */
import { cpSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "../../mod.ts";
import { errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = { codec: "binary", capacity: "256KiB", segmentBytes: "4KiB" } as const;
const SNAPSHOTS = 5;

/** A value that says which version of it it is, many times. */
function valueOf(tag: number): Uint8Array<ArrayBuffer> {
  const words = new Int32Array(40).fill(tag);
  return new Uint8Array(words.buffer);
}

/** The tag of a value; fails if the value is not whole. */
function tagOf(value: Uint8Array | undefined, context: string): number {
  assert.is(value?.length, 160, context);
  const words = new Int32Array(value!.buffer);
  assert.ok(words.every((word) => word === words[0]), `${context} is whole`);
  return words[0]!;
}

async function fill(store: Store<Uint8Array>): Promise<string[]> {
  const keys: string[] = [];
  for (let i = 0;; i += 20) {
    const burst = Array.from({ length: 20 }, (_, j) => `key ${i + j}`);
    const errors = await Promise.all(burst.map((key) => errorOf(() => store.put(key, valueOf(0)))));
    keys.push(...burst.filter((_, j) => errors[j] === undefined));
    if (errors.some((error) => error !== undefined)) return keys;
  }
}

const SETUPS = [
  { nodes: 1, durability: "memory" },
  { nodes: 3, durability: "memory" },
  { nodes: 2, durability: "os" },
] as const;

for (const { nodes, durability } of SETUPS) {
  test(`overwrites of a full pool go on while snapshots are written, ${nodes} KN, ${durability}`, async () => {
    const path = temporaryPath();
    const store = await open({ ...SIZES, path, nodes, durability });
    const keys = await fill(store);
    const tags = new Map(keys.map((key) => [key, 0]));
    let isDone = false;
    let count = 0;
    const overwriting = (async () => {
      while (!isDone || count < 1000) {
        const puts: Promise<unknown>[] = [];
        for (let i = 0; i < 50; i++) {
          const key = keys[(++count * 17) % keys.length]!;
          puts.push(store.put(key, valueOf(count)));
          tags.set(key, count);
        }
        await Promise.all(puts);
      }
    })();
    overwriting.catch(() => {});
    const copies: { copy: string; least: Map<string, number> }[] = [];
    for (let i = 0; i < SNAPSHOTS; i++) {
      // What has been read before the snapshot was acknowledged before it, so it is in it, or
      // something later.
      const least = new Map(keys.map((key) => [key, tagOf(store.getSync(key), key)]));
      await store.snapshot();
      const copy = temporaryPath("copy");
      // The files of a pool that is logged change all the time.
      if (durability === "memory") cpSync(path, copy, { recursive: true });
      else await store.backup(copy);
      if (i % 2 === 0) copies.push({ copy, least });
    }
    isDone = true;
    await overwriting;
    for (const [key, tag] of tags) assert.is(tagOf(store.getSync(key), key), tag);
    await store.close();
    for (const { copy, least } of copies) {
      await using kept = await open({ path: copy, codec: "binary" });
      assert.is(kept.count, keys.length);
      for (const key of keys) {
        const tag = tagOf(kept.getSync(key), key);
        assert.ok(tag >= least.get(key)!, `${key}: ${tag}, at least ${least.get(key)}`);
      }
    }
    await using last = await open({ path, codec: "binary" });
    for (const [key, tag] of tags) assert.is(tagOf(last.getSync(key), key), tag);
  });
}

test.run();
