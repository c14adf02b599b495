/**
 * Values that a far KN has read, and that are too large for the response ring: staged in the pool
 * until their clients have taken them.
 *
 * A staged value is a reservation of the client that asked for it, which pins its segment and
 * counts as live. The client only says, by one word of the record, that it has taken the value; the
 * place is given back by the KN, in a step. So the M-node, which puts the books in order while no
 * agent is in a step (recovery/reconciliation.ts), finds the counts and the reservations in
 * agreement. When the KN is gone it is that repair that gives the place back, and the client asks
 * for one.
 *
 * A client that has ended takes nothing any more. A repair gives up its values, and the segment may
 * be used for something else then: so the KN looks whether the segment is in the same life before
 * it believes what is in it.
 *
 * @module
 */
import type { PoolAddress } from "../../core/brands.ts";
import { metaKind, RECORD_META, RECORD_REPLACES, RecordKind } from "../../log/record_layout.ts";
import { REPAIR_WANTED } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import type { SegmentTable } from "../../pool/segment_table.ts";
import { NodeState, stateOfOpener } from "../../routing/node_directory.ts";
import { giveBackStaged } from "../../node/staged_record.ts";

/**
 * In the place of the address that a record replaces, which a staged value has none of: the client
 * has taken it.
 */
const TAKEN = 1;

/** A value on its way to a client. */
interface Lent {
  readonly address: PoolAddress;
  /** Life of its segment. */
  readonly life: number;
}

/** The values that one KN has staged for its clients. */
export class StagedValues {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  #lent: Lent[] = [];

  /** Makes an empty list. */
  constructor(pool: Pool, segments: SegmentTable) {
    this.#pool = pool;
    this.#segments = segments;
  }

  /** Whether there are any. */
  get hasAny(): boolean {
    return this.#lent.length > 0;
  }

  /** Takes note of a value that has been staged. */
  lend(address: PoolAddress): void {
    this.#lent.push({ address, life: this.#lifeOf(address) });
  }

  /** Gives back the places of those that have been taken; in a step. Returns how many. */
  takeBack(): number {
    const before = this.#lent.length;
    this.#lent = this.#lent.filter(({ address, life }) => {
      if (this.#lifeOf(address) !== life || !isReservation(this.#pool, address)) return false;
      if (!isTaken(this.#pool, address)) return true;
      giveBackStaged(this.#pool, this.#segments, address);
      return false;
    });
    return before - this.#lent.length;
  }

  #lifeOf(address: PoolAddress): number {
    return this.#segments.lifeOf(this.#pool.segmentOf(address));
  }
}

/** Says, for a client, that it has copied a staged value. */
export function markTaken(pool: Pool, address: PoolAddress): void {
  Atomics.store(pool.wordsOf(address), pool.wordAt(address) + RECORD_REPLACES, TAKEN);
  // The KN looks at the word before it ends, or the M-node after that.
  const isThere = stateOfOpener(pool, pool.segmentOf(address)) === NodeState.ACTIVE;
  if (!isThere) Atomics.store(pool.control, REPAIR_WANTED, 1);
}

/** Whether a staged value has been taken. */
function isTaken(pool: Pool, address: PoolAddress): boolean {
  return Atomics.load(pool.wordsOf(address), pool.wordAt(address) + RECORD_REPLACES) === TAKEN;
}

function isReservation(pool: Pool, address: PoolAddress): boolean {
  const meta = pool.wordsOf(address)[pool.wordAt(address) + RECORD_META];
  return metaKind(meta) === RecordKind.RESERVATION;
}
