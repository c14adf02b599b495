/**
 * The slots' copy for a checkpoint: those that nothing has happened to are passed over, unless an
 * agent has them locked.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { OwnerWord, Slot } from "../../lib/core/brands.ts";
import { SlotCopy } from "../../lib/persistence/slot_copy.ts";
import { SLOT_LOCK, SLOT_VERSION_LOW } from "../../lib/pool/control_layout.ts";
import {
  SLOT_ENTRY_VERSION_LOW,
  SLOT_ENTRY_WORDS,
} from "../../lib/persistence/checkpoint_layout.ts";
import { heldBy, holderOf, markUnavailable } from "../../lib/routing/ownership.ts";
import {
  captureForReplay,
  sealCheckpoint,
  writeCheckpoint,
  writeNewCheckpoint,
} from "../../lib/persistence/snapshot_writer.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const SLOT = 1234 as Slot;
const AGENT = 12;

test("an unused slot is copied as zeros, one with a version as it is", () => {
  const { pool } = new PoolFixture();
  pool.control[pool.slotAt(SLOT) + SLOT_VERSION_LOW] = 7;
  const copy = new SlotCopy(pool, 1);
  copy.run();
  const entries = copy.slots.filter((word) => word !== 0);
  assert.equal([...entries], [7]);
  assert.is(copy.slots[SLOT * SLOT_ENTRY_WORDS + SLOT_ENTRY_VERSION_LOW], 7);
  assert.is(holderOf(pool.control[pool.slotAt(SLOT) + SLOT_LOCK]!), -1, "it is unlocked");
});

test("the first checkpoint of a new pool is what copying all slots comes to", () => {
  const { pool } = new PoolFixture();
  const identity = { number: 1, image: 1, codec: "msgpack" } as const;
  const { checkpoint } = captureForReplay(pool, AGENT, identity, () => {});
  sealCheckpoint(checkpoint);
  const disk = new MemoryDisk();
  const contentsAfter = (write: (directory: string) => void) => {
    write("/pool");
    return disk.fileContents("/pool/checkpoint");
  };
  const copied = contentsAfter((directory) => writeCheckpoint(disk, directory, checkpoint));
  const made = contentsAfter((directory) => writeNewCheckpoint(pool, identity, disk, directory));
  assert.is(made.length, checkpoint.length);
  assert.equal(made, copied);
});

test("an unused slot that an agent holds which has failed is not passed over", () => {
  const { pool } = new PoolFixture();
  const lock = pool.slotAt(SLOT) + SLOT_LOCK;
  pool.control[lock] = heldBy(pool.control[lock] as OwnerWord, AGENT);
  markUnavailable(pool, SLOT);
  const error = thrownBy(() => new SlotCopy(pool, 1).run());
  assert.match(String(error), `slot ${SLOT} is locked by agent ${AGENT}`);
});

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test.run();
