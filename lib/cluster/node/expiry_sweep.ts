/**
 * Deletes keys that have expired, of the slots that its node serves, though nobody asks for them.
 *
 * It knows what expires when from the records that its node writes and reads in logs, as far as
 * that fits into {@linkcode KNOWN_BYTES_MAX}. What it cannot know so, since a slot has come with an
 * index or there was no room, it finds by going through the keys of the slot, little by little:
 * reads take the engine's time. A key is deleted as by a read that finds that it has expired, and
 * not otherwise: so it makes no difference for what is right when it is noticed, and how often.
 *
 * @module
 */
import type { KeyEncoder, StoredKey } from "../../core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../core/limits.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import { type KeyPage, type KeyPageParts, readPage } from "./key_pages.ts";
import { hashOf, nameOf } from "./key_table.ts";

/** Bytes of the keys that are known to expire, at most. */
export const KNOWN_BYTES_MAX: number = 8 * 1024 * 1024;
/** What such a key takes beside its bytes, about. */
const ENTRY_BYTES = 200;
/** Keys are noted by the second in which they expire. */
const UNIT_MS = 1000;
/** Keys that one step deletes, at most. */
const DELETED_MAX = 256;
/** Bytes of records that one step goes through. */
const WALK_BYTES = 4 * 1024;
/** Slots at which one step looks whether they are to be gone through, and those that it takes. */
const SLOTS_LOOKED_AT = 256;
const SLOTS_WALKED = 64;
const ALL_KEYS = new Uint8Array(0);

/** Deletes a key if it has expired; false if that cannot be done now. */
export type Expire = (key: StoredKey, hash: number) => boolean;

/** Slots that are gone through, each in its time of ownership. */
interface Walk {
  readonly slots: readonly number[];
  readonly sinces: readonly number[];
  /** Of the first slot only keys behind this one. */
  readonly after: Uint8Array | undefined;
}

/** A key that expires. */
interface KnownKey {
  readonly key: StoredKey;
  readonly hash: number;
  readonly second: number;
}

/** Sweeps for one node. */
export class ExpirySweep {
  readonly #parts: KeyPageParts;
  readonly #encoder: KeyEncoder;
  readonly #expire: Expire;
  readonly #known = new Map<string, KnownKey>();
  #knownBytes = 0;
  /** The names of those that expire in a second. */
  readonly #bySecond = new Map<number, Set<string>>();
  /** The last second whose keys were deleted. */
  #done = 0;
  /** When something that is not known may expire, by slot. */
  readonly #dueMs = new Float64Array(SLOT_COUNT).fill(Infinity);
  /** The time of ownership in which a slot was gone through. */
  readonly #walkedIn = new Float64Array(SLOT_COUNT);
  #next = 0;
  #walk: Walk | undefined;
  #isReading = false;

  /** Sweeps nothing yet. */
  constructor(parts: Omit<KeyPageParts, "expired">, encoder: KeyEncoder, expire: Expire) {
    this.#parts = { ...parts, expired: ({ key }) => this.#delete(key, hashOf(encoder, key)) };
    this.#encoder = encoder;
    this.#expire = expire;
  }

  /** A record counts. */
  note({ key, value, expiresAtMs }: LogRecord): void {
    const expires = value !== undefined && expiresAtMs !== Infinity;
    if (!expires && this.#known.size === 0) return;
    const name = nameOf(key);
    this.#forget(name);
    if (!expires) return;
    const hash = hashOf(this.#encoder, key);
    const bytes = key.bytes.length + ENTRY_BYTES;
    if (this.#knownBytes + bytes > KNOWN_BYTES_MAX) return this.#walkLater(hash, expiresAtMs);
    const second = Math.max(Math.ceil(expiresAtMs / UNIT_MS), this.#done + 1);
    // It may be a view of a message.
    const own = { bytes: key.bytes.slice(), isBinary: key.isBinary };
    this.#known.set(name, { key: own, hash, second });
    this.#knownBytes += bytes;
    const names = this.#bySecond.get(second);
    if (names === undefined) this.#bySecond.set(second, new Set([name]));
    else names.add(name);
  }

  /** Deletes what is known to have expired, and goes on to look for more. */
  step(): void {
    const nowMs = this.#parts.epochMs();
    const second = Math.floor(nowMs / UNIT_MS);
    // The clock may have been set back.
    this.#done = Math.min(this.#done, second);
    let left = DELETED_MAX;
    for (const due of this.#dueSeconds(second)) {
      for (const name of this.#bySecond.get(due)!) {
        if (left-- === 0) return;
        const { key, hash } = this.#known.get(name)!;
        this.#forget(name);
        if (this.#parts.servedSince(hash >>> SLOT_SHIFT) !== 0) this.#delete(key, hash);
      }
    }
    this.#done = second;
    this.#goOn(nowMs);
  }

  #delete(key: StoredKey, hash: number): void {
    if (!this.#expire(key, hash)) this.#walkLater(hash, this.#parts.epochMs());
  }

  /** A slot is gone through when something that is not known may have expired. */
  #walkLater(hash: number, atMs: number): void {
    const slot = hash >>> SLOT_SHIFT;
    this.#dueMs[slot] = Math.min(this.#dueMs[slot]!, atMs);
  }

  /** Those up to now in which keys expire. */
  #dueSeconds(now: number): number[] {
    if (now - this.#done > this.#bySecond.size) {
      return [...this.#bySecond.keys()].filter((second) => second <= now);
    }
    const all = Array.from({ length: now - this.#done }, (_, i) => this.#done + 1 + i);
    return all.filter((second) => this.#bySecond.has(second));
  }

  #forget(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    this.#known.delete(name);
    this.#knownBytes -= known.key.bytes.length + ENTRY_BYTES;
    const names = this.#bySecond.get(known.second)!;
    names.delete(name);
    if (names.size === 0) this.#bySecond.delete(known.second);
  }

  /** Reads the next keys of slots that are to be gone through. */
  #goOn(nowMs: number): void {
    if (this.#isReading) return;
    const walk = this.#walk ??= this.#nextWalk(nowMs);
    if (walk === undefined) return;
    this.#isReading = true;
    const { slots, after } = walk;
    const request = { slots, after, prefix: ALL_KEYS, bytesMax: WALK_BYTES };
    readPage(this.#parts, request, (page) => {
      this.#isReading = false;
      this.#walk = this.#take(walk, page);
    });
  }

  /** Takes what was read; returns what is left. */
  #take({ slots, sinces }: Walk, { records, slotCount, after, isRefused }: KeyPage) {
    for (const record of records) if (record.expiresAtMs !== Infinity) this.note(record);
    for (let i = 0; i < slotCount; i++) this.#walkedIn[slots[i]!] = sinces[i]!;
    // What has left is another node's, or comes back in another time.
    if (isRefused || slotCount === slots.length) return undefined;
    return { slots: slots.slice(slotCount), sinces: sinces.slice(slotCount), after };
  }

  #nextWalk(nowMs: number): Walk | undefined {
    const slots: number[] = [];
    const sinces: number[] = [];
    for (let i = 0; i < SLOTS_LOOKED_AT && slots.length < SLOTS_WALKED; i++) {
      const slot = this.#next;
      this.#next = (slot + 1) % SLOT_COUNT;
      const since = this.#parts.servedSince(slot);
      const isDue = since !== this.#walkedIn[slot] || this.#dueMs[slot]! <= nowMs;
      if (since === 0 || !isDue) continue;
      this.#dueMs[slot] = Infinity;
      if (this.#parts.table.keyCount(slot) === 0) {
        this.#walkedIn[slot] = since;
        continue;
      }
      slots.push(slot);
      sinces.push(since);
    }
    return slots.length > 0 ? { slots, sinces, after: undefined } : undefined;
  }
}
