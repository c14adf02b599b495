/**
 * Models of policies that evict, all bounded by bytes: which keys a cache holds, without the
 * values.
 *
 * @module
 */

/** A cache of keys. */
export interface CacheModel {
  /** Whether the cache holds a key; a read of it. */
  get(key: number): boolean;
  /** Puts a key of so many bytes. */
  put(key: number, bytes: number): void;
}

/** The least recently used goes. */
export class LruModel implements CacheModel {
  readonly #capacityBytes: number;
  readonly #bytes = new Map<number, number>();
  #usedBytes = 0;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  get(key: number): boolean {
    const bytes = this.#bytes.get(key);
    if (bytes === undefined) return false;
    this.#bytes.delete(key);
    this.#bytes.set(key, bytes);
    return true;
  }

  put(key: number, bytes: number): void {
    this.#usedBytes += bytes - (this.#bytes.get(key) ?? 0);
    this.#bytes.delete(key);
    this.#bytes.set(key, bytes);
    for (const [oldest, itsBytes] of this.#bytes) {
      if (this.#usedBytes <= this.#capacityBytes) break;
      this.#bytes.delete(oldest);
      this.#usedBytes -= itsBytes;
    }
  }
}

interface QueuedKey {
  readonly key: number;
  bytes: number;
  count: number;
  isMain: boolean;
}

/** Share of the small queue. */
const SMALL_SHARE = 0.1;
const COUNT_MAX = 3;
/** Reads by which a key leaves the small queue for the main one. */
const MAIN_COUNT = 2;

/** S3-FIFO (SOSP '23), with the parameters of its authors, as in libCacheSim. */
export class S3FifoModel implements CacheModel {
  readonly #capacityBytes: number;
  readonly #entries = new Map<number, QueuedKey>();
  readonly #small = new Set<QueuedKey>();
  readonly #main = new Set<QueuedKey>();
  /** Ghosts: bytes of the keys, the oldest first; together as many bytes as main may have. */
  readonly #ghosts = new Map<number, number>();
  #ghostBytes = 0;
  #smallBytes = 0;
  #mainBytes = 0;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  get(key: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    if (entry.count < COUNT_MAX) entry.count += 1;
    return true;
  }

  put(key: number, bytes: number): void {
    const old = this.#entries.get(key);
    if (old !== undefined) {
      this.#count(old, bytes - old.bytes);
      old.bytes = bytes;
      this.get(key);
    }
    const added = old === undefined ? bytes : 0;
    while (this.#smallBytes + this.#mainBytes + added > this.#capacityBytes) this.#evict();
    if (old !== undefined) return;
    const isMain = this.#forget(key);
    const entry = { key, bytes, count: 0, isMain };
    this.#entries.set(key, entry);
    (isMain ? this.#main : this.#small).add(entry);
    this.#count(entry, bytes);
  }

  #count(entry: QueuedKey, bytes: number): void {
    if (entry.isMain) this.#mainBytes += bytes;
    else this.#smallBytes += bytes;
  }

  #forget(key: number): boolean {
    const bytes = this.#ghosts.get(key);
    if (bytes === undefined) return false;
    this.#ghosts.delete(key);
    this.#ghostBytes -= bytes;
    return true;
  }

  #evict(): void {
    const isSmall = this.#smallBytes > this.#capacityBytes * SMALL_SHARE || this.#main.size === 0;
    const queue = isSmall ? this.#small : this.#main;
    for (const entry of queue) {
      queue.delete(entry);
      this.#count(entry, -entry.bytes);
      if (isSmall ? entry.count >= MAIN_COUNT : entry.count > 0) {
        entry.count = isSmall ? 0 : entry.count - 1;
        entry.isMain = true;
        this.#main.add(entry);
        this.#count(entry, entry.bytes);
        if (isSmall) return;
        continue;
      }
      this.#entries.delete(entry.key);
      if (isSmall) this.#remember(entry);
      return;
    }
  }

  #remember({ key, bytes }: QueuedKey): void {
    this.#ghosts.set(key, bytes);
    this.#ghostBytes += bytes;
    for (const [oldest, itsBytes] of this.#ghosts) {
      if (this.#ghostBytes <= this.#capacityBytes * (1 - SMALL_SHARE)) break;
      this.#ghosts.delete(oldest);
      this.#ghostBytes -= itsBytes;
    }
  }
}
