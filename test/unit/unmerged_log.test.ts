/**
 * What a far KN remembers of what it has logged: until it is merged, and as long as it owns the
 * slot.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_ADDRESS, type PoolAddress, type Slot } from "../../lib/core/brands.ts";
import { ADDRESS_UNIT_BYTES } from "../../lib/core/limits.ts";
import { UnmergedLog } from "../../lib/far/log/unmerged_log.ts";
import { SEGMENT_MERGED_BYTES } from "../../lib/pool/segment_layout.ts";
import { hashIn, PoolFixture, valueOf } from "../support/pool_fixture.ts";

const SLOT = 5 as Slot;
const OTHER_SLOT = 6 as Slot;

/** A pool, and what one KN remembers of its log. */
class Memory {
  readonly pool = new PoolFixture();
  readonly unmerged = new UnmergedLog(this.pool.pool, this.pool.segments);

  append(name: string, hash: number): PoolAddress {
    const address = this.pool.append(name, valueOf(1), hash);
    const { byteLength } = this.pool.encode(name, hash);
    this.unmerged.add(address, hash, byteLength, this.pool.recordBytes(address));
    return address;
  }

  find(name: string, hash: number): PoolAddress {
    const { words, byteLength } = this.pool.encode(name, hash);
    return this.unmerged.find(hash, words, 0, byteLength);
  }

  /** Says that the log is merged up to the end of a record. */
  mergeUpTo(address: PoolAddress): void {
    const { pool, log } = this.pool;
    const segment = pool.segmentOf(address);
    const offset = (address - pool.segmentAddress(segment)) * ADDRESS_UNIT_BYTES;
    const end = offset + this.pool.recordBytes(address);
    pool.control[pool.segmentAt(segment) + SEGMENT_MERGED_BYTES] = end;
    this.unmerged.drop(log.segment);
  }
}

test("the newest record of a key is found, also among keys of the same hash", () => {
  const memory = new Memory();
  const hash = hashIn(SLOT, 7);
  memory.append("a", hash);
  const other = memory.append("b", hash);
  const newest = memory.append("a", hash);
  assert.is(memory.find("a", hash), newest);
  assert.is(memory.find("b", hash), other);
  assert.is(memory.find("c", hash), NO_ADDRESS);
});

test("records are remembered until the last of their piece is merged", () => {
  const memory = new Memory();
  const first = memory.append("a", hashIn(SLOT, 7));
  const last = memory.append("b", hashIn(SLOT, 8));
  memory.mergeUpTo(first);
  assert.is(memory.find("a", hashIn(SLOT, 7)), first);
  assert.ok(memory.unmerged.hasRecordsOf(SLOT));
  memory.mergeUpTo(last);
  assert.is(memory.find("a", hashIn(SLOT, 7)), NO_ADDRESS);
  assert.is(memory.unmerged.hasRecordsOf(SLOT), false);
});

test("a slot that is dropped is forgotten, and the others are not", () => {
  const memory = new Memory();
  memory.append("a", hashIn(SLOT, 7));
  const kept = memory.append("b", hashIn(OTHER_SLOT, 7));
  memory.unmerged.dropSlot(SLOT);
  assert.is(memory.find("a", hashIn(SLOT, 7)), NO_ADDRESS);
  assert.is(memory.unmerged.hasRecordsOf(SLOT), false);
  assert.is(memory.find("b", hashIn(OTHER_SLOT, 7)), kept);
  const again = memory.append("a", hashIn(SLOT, 7));
  assert.is(memory.find("a", hashIn(SLOT, 7)), again);
  memory.mergeUpTo(again);
  assert.is(memory.unmerged.hasRecordsOf(SLOT), false);
  assert.is(memory.unmerged.hasRecordsOf(OTHER_SLOT), false);
});

test.run();
