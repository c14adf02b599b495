/**
 * Versions have 47 bits in two words: here they pass 2^32. A snapshot is given a version shortly
 * before that, as no test can write so often.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "../../mod.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import {
  CHECKPOINT_HEADER_BYTES,
  SLOT_ENTRY_VERSION_HIGH,
  SLOT_ENTRY_VERSION_LOW,
  SLOT_ENTRY_WORDS,
} from "../../lib/persistence/checkpoint_layout.ts";
import { resealed } from "../support/snapshots.ts";
import { temporaryPath } from "../support/temporary.ts";
import { applied } from "../support/versions.ts";

/** A pool with a key, whose slots all have that version. */
async function poolAtVersion(version: number): Promise<string> {
  const path = temporaryPath();
  const store = await open<unknown>({ path, capacity: "1MiB", segmentBytes: "16KiB" });
  await store.put("old", 0);
  await store.close();
  const file = join(path, "checkpoint");
  const bytes = Uint8Array.from(readFileSync(file));
  const view = new DataView(bytes.buffer);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const at = CHECKPOINT_HEADER_BYTES + slot * SLOT_ENTRY_WORDS * 4;
    view.setUint32(at + SLOT_ENTRY_VERSION_LOW * 4, version % 2 ** 32, true);
    view.setUint32(at + SLOT_ENTRY_VERSION_HIGH * 4, Math.floor(version / 2 ** 32), true);
  }
  writeFileSync(file, resealed(bytes));
  return path;
}

async function versionOf(store: Store<unknown>, key: string): Promise<number> {
  return (await store.getEntry(key))!.version;
}

for (const start of [2 ** 31 - 3, 2 ** 32 - 3, 5 * 2 ** 32 - 3]) {
  test(`from ${start} on versions grow, and compareAndSet knows them`, async () => {
    const path = await poolAtVersion(start);
    const store = await open<unknown>({ path });
    let last = start;
    for (let i = 1; i <= 6; i++) {
      await store.put("a", i);
      const version = await versionOf(store, "a");
      // By one, unless the other key happens to be in the same slot, with three changes.
      assert.ok(version > last && version <= start + 4 * i, `${version} after ${last}`);
      last = version;
      for (const wrong of [version - 1, version + 1, version % 2 ** 32, version + 2 ** 32]) {
        if (wrong === version) continue;
        assert.is(await applied(store.compareAndSet("a", wrong, "wrong")), false, `${wrong}`);
      }
      assert.is(await applied(store.compareAndSet("b", null, i)), true);
      const b = await versionOf(store, "b");
      assert.is(await applied(store.compareAndSet("b", b, "right")), true, `${b}`);
      await store.delete("b");
    }
    assert.ok(last >= start + 6);
    await store.close();
    await using again = await open<unknown>({ path });
    assert.is(await versionOf(again, "a"), last);
    await again.put("a", "after");
    assert.ok(await versionOf(again, "a") > last);
  });
}

test.run();
