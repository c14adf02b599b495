/**
 * The keys and values that the logs add up to, in memory.
 *
 * Of two records of a key the one with the higher version wins, so it makes no difference in which
 * order logs are read, and how often. A deleted key keeps its version.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { KeyEncoder, type StoredKey } from "../../core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../core/limits.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import type { PageRequest, RecordAddress, RecordPage, RecordTable } from "./record_table.ts";

/** Values by key, of all slots of which this node has read something. */
export class KeyTable implements RecordTable {
  readonly #encoder: KeyEncoder;
  /** Of each slot the newest records, by the names of their keys. */
  readonly #slots = Array.from({ length: SLOT_COUNT }, () => new Map<string, LogRecord>());
  /** How many of them are puts. */
  readonly #keyCounts = new Int32Array(SLOT_COUNT);
  /** The highest version that was merged, or given away, in each slot. */
  readonly #versionMax = new Float64Array(SLOT_COUNT);

  /** Makes an empty one, for a cluster's 64-bit hash key. */
  constructor(hashKey: readonly [number, number]) {
    this.#encoder = new KeyEncoder(hashKey[0], hashKey[1]);
  }

  find(key: StoredKey, hash: number, done: (record: LogRecord | undefined) => void): void {
    done(this.#slots[hash >>> SLOT_SHIFT]!.get(nameOf(key)));
  }

  shared(): void {}

  merge(record: LogRecord, _address: RecordAddress): void {
    const slot = hashOf(this.#encoder, record.key) >>> SLOT_SHIFT;
    this.#versionMax[slot] = Math.max(this.#versionMax[slot]!, record.version);
    const name = nameOf(record.key);
    const known = this.#slots[slot]!.get(name);
    if (known === undefined || record.version > known.version) {
      this.#slots[slot]!.set(name, record);
      this.#keyCounts[slot]! += +(record.value !== undefined) - +(known?.value !== undefined);
    }
  }

  page({ slot, prefix, after, bytesMax }: PageRequest, done: (page: RecordPage) => void): void {
    const start = latin1(prefix);
    const behind = after === undefined ? undefined : latin1(after);
    const isAsked = ([name, { value }]: [string, LogRecord]) =>
      value !== undefined && name.startsWith(start) && (behind === undefined || name > behind);
    const asked = [...this.#slots[slot]!].filter(isAsked).sort(([a], [b]) => a < b ? -1 : 1);
    const records: LogRecord[] = [];
    let bytes = 0;
    for (const [, record] of asked) {
      if (bytes >= bytesMax && records.length > 0) break;
      records.push(record);
      bytes += record.key.bytes.length + record.value!.length;
    }
    done({ records, isLast: records.length === asked.length });
  }

  keyCount(slot: number): number {
    return this.#keyCounts[slot]!;
  }

  nextVersion(slot: number): number {
    return ++this.#versionMax[slot]!;
  }
}

/** A name of a key that no other one has: keys are equal if their bytes are, however given. */
export function nameOf({ bytes }: StoredKey): string {
  return latin1(bytes);
}

/** Text with a character for each byte, in the order of the bytes. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The hash of a stored key. */
export function hashOf(encoder: KeyEncoder, { bytes }: StoredKey): number {
  return bytes.length === 0 ? encoder.encodeSystemKey() : encoder.encode(bytes);
}
