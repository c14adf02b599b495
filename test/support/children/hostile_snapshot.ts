/**
 * Restores a snapshot in which one thing is wrong although every CRC is right, and then uses
 * whatever was restored. Says the name of the error that it got, or what it did without one. It may
 * well hang or crash: that is why it is a process.
 *
 * @module
 */
import { DinomoError } from "../../../lib/core/errors.ts";
import type { Slot } from "../../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../../lib/core/limits.ts";
import { OneSidedReader } from "../../../lib/index/one_sided_reader.ts";
import { childArguments, say } from "../child.ts";
import { HOSTILE_CASES } from "../hostile_cases.ts";
import { PoolFixture, valueOf } from "../pool_fixture.ts";
import { readerOf, restore, savedPool } from "../snapshots.ts";

const { name } = childArguments<{ name: string }>();
const { disk } = savedPool();
HOSTILE_CASES[name]!(disk);
try {
  const { pool } = restore(disk);
  const read = readerOf(pool);
  for (let i = 0; i < 300; i++) read(`key ${i}`);
  const reader = new OneSidedReader(pool, () => 1000);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    reader.collectKeys(slot as Slot, new Uint8Array(0));
  }
  const f = PoolFixture.over(pool);
  for (let i = 0; i < 300; i++) f.put(`key ${i}`, valueOf(i));
  say("no error");
} catch (error) {
  say(error instanceof DinomoError ? error.name : `untyped: ${String(error)}`);
}
