/**
 * Owner words: packing, locking under the current ownership only, and moving a slot.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId, OwnerWord, Slot } from "../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { SLOT_LOCK } from "../../lib/pool/control_layout.ts";
import {
  firstOwnerWord,
  heldBy,
  HOLDER_MASK,
  holderOf,
  initialiseOwner,
  initialiseOwners,
  loadOwner,
  Lock,
  lockAnySlot,
  lockSlot,
  nextOwnerWord,
  ownerOf,
  ownershipVersionOf,
  tryMoveSlot,
  unlockSlot,
} from "../../lib/routing/ownership.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const SLOT = 1234 as Slot;
const AGENT = 12;

function ownedBy(owner: number): { f: PoolFixture; lock: number; control: Int32Array } {
  const f = new PoolFixture();
  initialiseOwner(f.pool, SLOT, owner as NodeId);
  return { f, lock: f.pool.slotAt(SLOT) + SLOT_LOCK, control: f.pool.control };
}

test("a word names its owner and its ownership version", () => {
  for (const owner of [0, 1, 511, 1023] as NodeId[]) {
    let word = firstOwnerWord(owner);
    assert.is(ownerOf(word), owner);
    assert.is(ownershipVersionOf(word), 0);
    word = nextOwnerWord(word, 7 as NodeId);
    assert.is(ownerOf(word), 7);
    assert.is(ownershipVersionOf(word), 1);
    assert.is(word & HOLDER_MASK, 0);
    assert.is(holderOf(word), -1);
    assert.is(holderOf(heldBy(word, AGENT)), AGENT);
    assert.is(ownerOf(heldBy(word, AGENT) as OwnerWord), 7);
  }
});

test("one KN owns all slots as if each was given to it", () => {
  const owner = 511 as NodeId;
  const [one, other] = [new PoolFixture(), new PoolFixture()];
  initialiseOwners(one.pool, owner);
  initialiseOwners(other.pool, new Array<NodeId>(SLOT_COUNT).fill(owner));
  assert.is(loadOwner(one.pool, (SLOT_COUNT - 1) as Slot), firstOwnerWord(owner));
  assert.equal(one.pool.control, other.pool.control);
});

test("ownership versions wrap after 2^14 changes, and words stay int32", () => {
  let word = firstOwnerWord(3 as NodeId);
  for (let i = 1; i <= 2 ** 14 + 1; i++) {
    word = nextOwnerWord(word, (i % 1024) as NodeId);
    if (i % 1024 > 1) continue;
    assert.is(word, word | 0);
    assert.is(ownershipVersionOf(word), i % 2 ** 14);
    assert.is(ownerOf(word), i % 1024);
  }
});

test("a slot is locked under the current word, and under no other", () => {
  const { f, lock, control } = ownedBy(5);
  const word = loadOwner(f.pool, SLOT);
  assert.is(ownerOf(word), 5);
  assert.is(
    lockSlot(control, lock, firstOwnerWord(6 as NodeId), AGENT),
    Lock.MOVED,
    "another owner",
  );
  assert.is(
    lockSlot(control, lock, nextOwnerWord(word, 5 as NodeId), AGENT),
    Lock.MOVED,
    "a later version",
  );
  assert.is(control[lock]! & HOLDER_MASK, 0, "a refusal locks nothing");
  assert.is(lockSlot(control, lock, word, AGENT), Lock.TAKEN);
  assert.is(holderOf(control[lock]!), AGENT);
  unlockSlot(control, lock, word);
  assert.is(control[lock], word);
});

test("after a move the old word locks nothing, even when the slot has come back", () => {
  const { f, lock, control } = ownedBy(5);
  const first = loadOwner(f.pool, SLOT);
  assert.is(tryMoveSlot(f.pool, SLOT, 6 as NodeId), true);
  const second = loadOwner(f.pool, SLOT);
  assert.is(ownerOf(second), 6);
  assert.is(second & HOLDER_MASK, 0);
  assert.is(control[lock], second, "table and lock agree");
  assert.is(lockSlot(control, lock, first, AGENT), Lock.MOVED);
  assert.is(tryMoveSlot(f.pool, SLOT, 5 as NodeId), true);
  const third = loadOwner(f.pool, SLOT);
  assert.is(ownerOf(third), 5);
  assert.is(
    lockSlot(control, lock, first, AGENT),
    Lock.MOVED,
    "I4: its ownership version is outdated",
  );
  assert.is(lockSlot(control, lock, third, AGENT), Lock.TAKEN);
});

test("the cleaner locks whoever owns the slot, and gives it back as it was", () => {
  const { f, lock, control } = ownedBy(9);
  const word = loadOwner(f.pool, SLOT);
  assert.is(lockAnySlot(control, lock, AGENT), word);
  assert.is(holderOf(control[lock]!), AGENT);
  unlockSlot(control, lock, word as OwnerWord);
  assert.is(lockSlot(control, lock, word, AGENT), Lock.TAKEN);
});

test("whoever waits for a lock in vain is told so, and nothing has changed", () => {
  const { f, lock, control } = ownedBy(5);
  const word = loadOwner(f.pool, SLOT);
  assert.is(lockSlot(control, lock, word, AGENT), Lock.TAKEN);
  assert.is(lockSlot(control, lock, word, AGENT + 1), Lock.BUSY);
  assert.is(lockSlot(control, lock, nextOwnerWord(word, 5 as NodeId), AGENT + 1), Lock.MOVED);
  assert.is(lockAnySlot(control, lock, AGENT + 1), undefined);
  assert.is(tryMoveSlot(f.pool, SLOT, 6 as NodeId), false);
  assert.is(holderOf(control[lock]!), AGENT);
  assert.is(loadOwner(f.pool, SLOT), word, "the table is as before");
  unlockSlot(control, lock, word);
  assert.is(tryMoveSlot(f.pool, SLOT, 6 as NodeId), true);
});

test("a move touches one slot only", () => {
  const { f } = ownedBy(1);
  const others = [SLOT - 1, SLOT + 1] as Slot[];
  for (const slot of others) initialiseOwner(f.pool, slot, 1 as NodeId);
  assert.is(tryMoveSlot(f.pool, SLOT, 2 as NodeId), true);
  for (const slot of others) assert.is(loadOwner(f.pool, slot), firstOwnerWord(1 as NodeId));
});

test.run();
