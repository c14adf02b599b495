/**
 * A process that is killed, with durability "memory", leaves its last snapshot behind, exactly;
 * killed during a snapshot, that one or the one before.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Key, open, type Store } from "../../mod.ts";
import { Child } from "../support/child.ts";
import type { PoolUse } from "../support/children/pool_user.ts";
import { Random, SEED } from "../support/random.ts";
import { contentsOf } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const COUNT = 400;

type Generation = { generation: number; i: number };

/** The generation of all keys; fails if they are not of one. */
async function generationOf(store: Store<unknown, Key>): Promise<number> {
  const entries = await contentsOf(store, "key ");
  assert.is(entries.length, COUNT);
  const generations = new Set(entries.map(([, value]) => (value as Generation).generation));
  assert.is(generations.size, 1, `generations ${[...generations]} are mixed`);
  for (const [key, value] of entries) assert.is(key, `key ${(value as Generation).i}`);
  return [...generations][0]!;
}

function start(path: string, mode: PoolUse["mode"]): Child {
  return new Child("pool_user", { path, mode, count: COUNT } satisfies PoolUse);
}

test("what was written after the last snapshot is gone, and nothing else", async () => {
  const path = temporaryPath();
  const child = start(path, "unsnapshotted");
  assert.is(await child.message(0), "ready");
  child.kill();
  assert.is((await child.ended()).signal, "SIGKILL");
  await using store = await open<unknown>({ keys: "mixed", path, durability: "memory" });
  assert.is(await generationOf(store), 1);
  assert.is(await store.get("only in the snapshot"), 1);
  assert.is(await store.has("not in the snapshot"), false);
  assert.is(store.count, COUNT + 1);
  const versions = (await store.getEntry("key 1"))!.version;
  await store.put("key 1", { generation: 3, i: 1 });
  assert.ok((await store.getEntry("key 1"))!.version > versions, "I9: versions go on");
});

test("killed at any moment, it is one generation, of a snapshot that had begun", async () => {
  const random = new Random(SEED);
  const path = temporaryPath();
  let lastEnded = 0;
  for (let round = 0; round < 3; round++) {
    const child = start(path, "generations");
    await child.message(random.between(1, 6));
    await setTimeout(random.below(15));
    child.kill();
    const { messages, output } = await child.ended();
    const said = messages as { begun?: number; ended?: number }[];
    const begun = Math.max(lastEnded, ...said.map((message) => message.begun ?? 0));
    const ended = Math.max(lastEnded, ...said.map((message) => message.ended ?? 0));
    const store = await open<unknown>({ keys: "mixed", path, durability: "memory" });
    const generation = await generationOf(store);
    const context =
      `generation ${generation}, ${begun} begun, ${ended} ended, seed ${SEED} ${output}`;
    assert.ok(generation >= ended && generation <= begun + 1, context);
    assert.is(await store.get("generation"), generation, context);
    await store.close();
    lastEnded = generation;
  }
  assert.ok(lastEnded >= 1);
});

test("a new process goes on where a killed one has stopped", async () => {
  const path = temporaryPath();
  let last = 0;
  for (let round = 0; round < 2; round++) {
    const child = start(path, "generations");
    const first = await child.message(0) as { begun: number };
    assert.ok(first.begun > last, `begun ${first.begun} after ${last}`);
    await child.message(1);
    child.kill();
    await child.ended();
    last = first.begun;
  }
});

test.run();
