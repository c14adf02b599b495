/**
 * Whether a change may go ahead: its condition holds, and there is room for what it adds.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import { RecordView } from "../log/record_view.ts";
import type { SpaceBudget } from "../pool/space_budget.ts";
import { mayComeBack } from "../pool/when_full.ts";
import { Condition, Operation, Status } from "../rings/ring_layout.ts";
import type { Change } from "./change.ts";
import type { DerivedRecords } from "./derived_records.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";

/** Admits the changes of one executor whose KN finds what they replace in the pool. */
export class Admission {
  readonly #slots: SlotWriter;
  readonly #budget: SpaceBudget;
  readonly #logsAbsentDeletes: boolean;
  readonly #derived: DerivedRecords;
  readonly #view: RecordView;

  /** Admits changes of the slots of a writer. */
  constructor(slots: SlotWriter, budget: SpaceBudget, derived: DerivedRecords) {
    this.#slots = slots;
    this.#budget = budget;
    this.#logsAbsentDeletes = mayComeBack(slots.pool);
    this.#derived = derived;
    this.#view = new RecordView(slots.pool);
  }

  /**
   * Admits a change of a key, whose record is `old` now; returns a `Status`, or an `Outcome` to
   * wait for.
   */
  admit(change: Change, old: PoolAddress): number {
    change.old = old;
    if (change.operation === Operation.DELETE) {
      if (old === NO_ADDRESS && this.#logsAbsentDeletes) return Status.OK;
      return this.exists(old) && this.holds(change, old) ? Status.OK : Status.UNMET;
    }
    if (!this.holds(change, old)) return Status.UNMET;
    if (change.isDerived) {
      const derived = this.#derived.make(change, this.exists(old) ? this.#show(old) : undefined);
      if (derived !== Status.OK) return derived;
    }
    // The store's own key has no bytes; it is always admitted, or overwrites could not be encoded.
    if (change.byteLength === 0) return Status.OK;
    return this.hasRoom(change.length * 4, old) ? Status.OK : Status.LOG_FULL;
  }

  /** Whether there is room for a record of so many bytes in the place of `old`. */
  hasRoom(bytes: number, old: PoolAddress): boolean {
    const added = old === NO_ADDRESS ? bytes : bytes - this.#slots.recordBytes(old);
    return added <= 0 || this.#budget.admits(added);
  }

  /** Whether the condition of a change holds of what it finds. */
  holds({ condition, expectedVersion }: Change, old: PoolAddress): boolean {
    if (condition === Condition.NONE) return true;
    if (condition === Condition.ABSENT) return !this.exists(old);
    return this.exists(old) && this.#slots.versionOf(old) === expectedVersion;
  }

  /** Whether a delete of a key that has this record is to be logged. */
  isLogged(old: PoolAddress): boolean {
    return old === NO_ADDRESS ? this.#logsAbsentDeletes : this.exists(old);
  }

  #show(old: PoolAddress): RecordView {
    this.#view.show(old);
    return this.#view;
  }

  /**
   * Whether there is a record for clients: one that has expired is there for none, and the sweeper
   * removes it.
   */
  exists(old: PoolAddress): boolean {
    return old !== NO_ADDRESS && !this.#slots.isExpired(old);
  }
}
