/**
 * Tells of a key that two reads have not found whether it was absent all the time between them.
 *
 * A key that was put in between and has gone since, such as by expiring, has left nothing behind by
 * which the second read could see it. What has changed is the version of its slot: every put takes
 * the next one under the slot's lock, before it takes effect (I9). So this looks, before the first
 * read, at the slot's version and then at its lock, which must be free. A put that takes effect
 * after that read has taken the lock after the look at it, hence its version after the look at
 * that; and the second read, which has seen what came after the put, comes before the second look
 * at the version. Equal versions say that there was no such put.
 *
 * A key that several KNs of a far pool own has a cell, with a lock and a version of its own, which
 * are looked at in the slot's place. Cells come and go while the slot is nobody's, so the slot's
 * owner word tells of that.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import type { KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import { CELL_LOCK, CELL_VERSION_HIGH, CELL_VERSION_LOW } from "../../pool/cell_layout.ts";
import { SLOT_LOCK, SLOT_VERSION_HIGH, SLOT_VERSION_LOW } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { cellsEnd, findCell, NO_CELL } from "../../routing/cells.ts";
import { HOLDER_MASK } from "../../routing/ownership.ts";

/** A look at the place where the changes of a key are counted. */
export interface AbsenceMark {
  /** The slot's owner word. */
  readonly owner: number;
  /** The lock word of the slot, or of the cell. */
  readonly lock: number;
  readonly versionLow: number;
  readonly versionHigh: number;
}

/** Looks at an encoded key's place: before the first read, and after the second. */
export function markAbsence(pool: Pool, key: KeyEncoder): AbsenceMark {
  const { control } = pool;
  const slotAt = pool.slotAt((key.hash >>> SLOT_SHIFT) as Slot);
  const owner = Atomics.load(control, slotAt + SLOT_LOCK) & ~HOLDER_MASK;
  const cell = cellsEnd(pool) === 0
    ? NO_CELL
    : findCell(pool, key.hash, key.words, key.start, key.byteLength);
  if (cell === NO_CELL) {
    return markAt(
      control,
      owner,
      slotAt + SLOT_LOCK,
      slotAt + SLOT_VERSION_LOW,
      slotAt + SLOT_VERSION_HIGH,
    );
  }
  const cellAt = pool.cellAt(cell);
  return markAt(
    control,
    owner,
    cellAt + CELL_LOCK,
    cellAt + CELL_VERSION_LOW,
    cellAt + CELL_VERSION_HIGH,
  );
}

/**
 * Whether a key that was absent at the reads between two looks was absent from one to the other.
 */
export function wasAbsent(before: AbsenceMark, after: AbsenceMark): boolean {
  return (before.lock & HOLDER_MASK) === 0 && before.owner === after.owner &&
    before.lock === (after.lock & ~HOLDER_MASK) &&
    before.versionLow === after.versionLow && before.versionHigh === after.versionHigh;
}

/** The version first: the lock that is looked at afterwards says whether it is about to change. */
function markAt(
  control: Int32Array,
  owner: number,
  lockAt: number,
  lowAt: number,
  highAt: number,
): AbsenceMark {
  const versionHigh = Atomics.load(control, highAt);
  const versionLow = Atomics.load(control, lowAt);
  return { owner, versionHigh, versionLow, lock: Atomics.load(control, lockAt) };
}
