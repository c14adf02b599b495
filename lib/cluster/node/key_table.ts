/**
 * The keys and values that the logs add up to, in memory.
 *
 * Of two records of a key the one with the higher version wins, so it makes no difference in which
 * order logs are read, and how often. A deleted key keeps its version.
 *
 * @module
 */
import { KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../core/limits.ts";
import type { LogRecord } from "../messages/log_codec.ts";

/** Values by key, of all slots of which this node has read something. */
export class KeyTable {
  readonly #encoder: KeyEncoder;
  readonly #records = new Map<string, LogRecord>();
  /** The highest version that was merged, or given away, in each slot. */
  readonly #versionMax = new Float64Array(SLOT_COUNT);

  /** Makes an empty one, for a cluster's 64-bit hash key. */
  constructor(hashKey: readonly [number, number]) {
    this.#encoder = new KeyEncoder(hashKey[0], hashKey[1]);
  }

  /**
   * The slot of a key.
   *
   * @throws {InvalidKeyError} when it is no key
   */
  slotOf(key: string): number {
    return this.#encoder.encode(key) >>> SLOT_SHIFT;
  }

  /** The last record of a key, which may be a delete. */
  recordOf(key: string): LogRecord | undefined {
    return this.#records.get(key);
  }

  /** Takes a record that counts. */
  merge(record: LogRecord): void {
    const slot = this.slotOf(record.key);
    this.#versionMax[slot] = Math.max(this.#versionMax[slot]!, record.version);
    const known = this.#records.get(record.key);
    if (known === undefined || record.version > known.version) {
      this.#records.set(record.key, record);
    }
  }

  /** A version for a new record of a slot: larger than all that were merged or given before. */
  nextVersion(slot: number): number {
    return ++this.#versionMax[slot]!;
  }
}
