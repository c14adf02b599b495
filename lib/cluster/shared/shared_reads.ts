/**
 * Values of its keys that a node shares with the thread that has started it: the thread's part,
 * which reads them without the node.
 *
 * A read looks whether the node may answer, **then** whether what it has copied is still shared. If
 * both is so the node would have answered the same at the moment of the first look: see
 * docs/protocols/cluster.md, "Values that are shared".
 *
 * @module
 */
import type { EncodedKey } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import { pieceOf } from "../../core/memory_pieces.ts";
import { fence } from "../../platform/memory_order.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import { type ClusterClock, elapsedMs } from "../node/cluster_clock.ts";
import {
  BUCKET_ENTRIES,
  bucketOf,
  ENTRY_EXPIRY,
  ENTRY_HASH,
  ENTRY_KEY,
  ENTRY_KEY_BYTES,
  ENTRY_PERIOD,
  ENTRY_VALUE_BYTES,
  ENTRY_VERSION,
  entryAt,
  LEASE_CHANGES,
  LEASE_EPOCH,
  LEASE_MS,
  LEASE_SINCE,
  PERIODS,
  READS,
  type SharedView,
  valueAt,
  viewShared,
  WRITTEN_TO,
} from "./shared_layout.ts";

/** The clocks by which a lease is counted. */
export type LeaseClocks = Pick<ClusterClock, "monotonicMs" | "epochMs">;

/** Of a read that does not ask for the value. */
const NO_BYTES = new Uint8Array(0);
/** Bytes that a loop copies faster than the runtime does, which makes a view for it. */
const LOOP_BYTES = 64;

/** Reads what one node shares. */
export class SharedReads {
  readonly #view: SharedView;
  readonly #clocks: LeaseClocks;

  /**
   * @param clocks the node's, or ahead of them: then what is shared is used for less long
   */
  constructor(memory: SharedArrayBuffer, clocks: LeaseClocks) {
    this.#view = viewShared(memory);
    this.#clocks = clocks;
  }

  /**
   * Reads a key; undefined: the node is to be asked.
   *
   * @param withValue if not, there are no bytes
   */
  read(key: EncodedKey, withValue: boolean): ReadValue | undefined {
    const { words } = this.#view;
    const bucket = bucketOf(this.#view, key.hash);
    for (let i = bucket; i < bucket + BUCKET_ENTRIES; i++) {
      const position = Atomics.load(words, i);
      if (position !== 0 && this.#isOf(position, key)) {
        return this.#readAt(i, position, key, withValue);
      }
    }
    return undefined;
  }

  /** Whether there may be an entry of a key at a position. */
  #isOf(position: number, { hash, byteLength, words: wanted }: EncodedKey): boolean {
    const { words } = this.#view;
    const at = entryAt(this.#view, position);
    const isLike = words[at + ENTRY_HASH] === (hash | 0) &&
      words[at + ENTRY_KEY_BYTES] === byteLength;
    if (!isLike) return false;
    const end = (byteLength + 3) >>> 2;
    for (let i = 0; i < end; i++) if (words[at + ENTRY_KEY + i] !== wanted[i]) return false;
    return true;
  }

  #readAt(
    index: number,
    position: number,
    { hash, byteLength }: EncodedKey,
    withValue: boolean,
  ): ReadValue | undefined {
    const { words, doubles } = this.#view;
    const at = entryAt(this.#view, position);
    const period = words[at + ENTRY_PERIOD]!;
    const version = doubles[at / 2 + ENTRY_VERSION]!;
    const expiresAtMs = doubles[at / 2 + ENTRY_EXPIRY]!;
    const length = withValue ? words[at + ENTRY_VALUE_BYTES]! : 0;
    const bytes = length === 0 ? NO_BYTES : this.#copy((at + valueAt(byteLength)) * 4, length);
    const nowMs = this.#clocks.epochMs();
    const mayAnswer = bytes !== undefined && nowMs < expiresAtMs && this.#isHeld(nowMs);
    fence();
    // What was copied may be of an entry that has come since to the same place.
    const isShared = mayAnswer && Atomics.load(words, index) === position &&
      (Atomics.load(words, WRITTEN_TO) - position) >>> 0 <= this.#view.pieces &&
      Atomics.load(words, PERIODS + (hash >>> SLOT_SHIFT)) === period;
    if (!isShared) return undefined;
    doubles[READS]! += 1;
    return { bytes: bytes!, version, expiresAtMs };
  }

  /** What stands at a place; undefined if it cannot be a value. */
  #copy(start: number, length: number): Uint8Array | undefined {
    const { bytes } = this.#view;
    if (length < 0 || start + length > bytes.length) return undefined;
    const copy = pieceOf(length);
    if (length > LOOP_BYTES) copy.set(bytes.subarray(start, start + length));
    else for (let i = 0; i < length; i++) copy[i] = bytes[start + i]!;
    return copy;
  }

  /** Whether the lease of the node holds. */
  #isHeld(epochMs: number): boolean {
    const { words, doubles } = this.#view;
    const before = Atomics.load(words, LEASE_CHANGES);
    const since = { monotonicMs: doubles[LEASE_SINCE]!, epochMs: doubles[LEASE_EPOCH]! };
    const ms = doubles[LEASE_MS]!;
    fence();
    const isWhole = (before & 1) === 0 && Atomics.load(words, LEASE_CHANGES) === before;
    const now = { monotonicMs: this.#clocks.monotonicMs(), epochMs };
    return isWhole && elapsedMs(since, now) < ms;
  }
}
