/**
 * Operations, scaling, checkpoints, backups and iterations, all at the same time, on a small pool;
 * then the store is closed, and what is opened again is what the operations have left.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "../../mod.ts";
import { Load } from "../support/load.ts";
import { seeded } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = {
  capacity: "1MiB",
  segmentBytes: "8KiB",
  ringBytes: "8KiB",
  inFlight: 64,
  dpmThreads: 2,
} as const;

/** Iterates over the store; every key that is seen is seen once. */
async function iterate(store: Store<unknown>): Promise<void> {
  const seen = new Set<unknown>();
  for await (const [key] of store.entries()) {
    assert.not(seen.has(key), `${key} twice`);
    seen.add(key);
  }
}

test(
  "everything at once",
  seeded(async (random) => {
    const path = temporaryPath();
    const store = await open<unknown>({ ...SIZES, path });
    const load = new Load(store, random);
    const running = load.run();
    running.catch(() => load.stop());
    const copies: string[] = [];
    for (let i = 0; i < 8; i++) {
      await Promise.all([
        store.scale(random.between(1, 4)),
        store.snapshot(),
        iterate(store),
        load.more(300),
      ]);
      if (i % 3 > 0) continue;
      const copy = temporaryPath("copy");
      await store.backup(copy);
      copies.push(copy);
    }
    load.stop();
    await running;
    load.check(store);
    assert.is(store.stats().pending, 0);
    await store.close();
    const again = await open<unknown>({ path });
    load.check(again);
    await again.clear();
    await again.close();
    // A backup from the middle of it is a store like any other.
    for (const copy of copies) {
      await using kept = await open<unknown>({ path: copy });
      await iterate(kept);
      await kept.clear();
      assert.is(kept.count, 0);
    }
  }),
);

test.run();
