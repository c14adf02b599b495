/**
 * One who keeps a copy of what some keys hold by what it is told of a prefix, as a party of a
 * simulation.
 *
 * @module
 */
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import type { TakenChange } from "../../lib/watch/change_ring.ts";
import { WatchPlace } from "../../lib/watch/watch_place.ts";
import { require } from "./sim_model.ts";
import type { WatchedKey } from "./sim_watcher.ts";

const text = new TextDecoder();

/** Watches the prefix that all keys begin with: nothing. */
export class SimMirror {
  readonly #pool: Pool;
  readonly #keys: readonly WatchedKey[];
  readonly #reader: OneSidedReader;
  readonly #encoder: KeyEncoder;
  /** By key: the version that it has. */
  #versions = new Map<string, number>();
  /** By key: the highest version that was told. */
  readonly #highest = new Map<string, number>();
  #place!: WatchPlace;
  #isAsleep = false;
  /** How often it had to read the keys again. */
  resyncCount = 0;

  /** Makes one that does not watch yet; the pool is as its own thread sees it. */
  constructor(pool: Pool, keys: readonly WatchedKey[]) {
    this.#pool = pool;
    this.#keys = keys;
    this.#reader = new OneSidedReader(pool, () => 0);
    this.#encoder = new KeyEncoder(...pool.hashKey);
  }

  /** Begins to watch, and reads the keys. */
  begin(): void {
    this.#place = WatchPlace.claim(this.#pool, 1)!;
    this.#place.wantPrefix(new Uint8Array(0));
    this.#place.takeChanges(() => {});
    this.#versions = this.#readAll();
  }

  /** Takes what it is told. */
  look(): void {
    this.#place.take(() => {});
    const isLost = this.#place.takeChanges((change) => this.#apply(change));
    if (!isLost) return;
    this.resyncCount += 1;
    this.#versions = this.#readAll();
  }

  /** Goes to sleep, unless there is something to do. */
  sleep(): void {
    this.#isAsleep = this.#place.trySleep();
  }

  /**
   * Lets it go on if it is awake, or was woken, and compares; nothing may be missing if `isWhole`.
   */
  check(isWhole: boolean): void {
    const before = this.resyncCount;
    if (!this.#isAsleep || this.#place.isRung) {
      this.#isAsleep = false;
      this.#place.wake();
      this.look();
    }
    require(!isWhole || this.resyncCount === before, "nothing is missing");
    const actual = this.#readAll();
    for (const { text } of this.#keys) {
      const [known, is] = [this.#versions.get(text), actual.get(text)];
      require(known === is, `a mirror has version ${known} of ${text}, not ${is}`);
    }
  }

  #apply({ bytes, isDelete, version }: TakenChange): void {
    const key = text.decode(bytes);
    const highest = this.#highest.get(key) ?? 0;
    // A delete has the version of what is gone.
    require(
      isDelete ? version >= highest : version > highest,
      "changes of a key are in their order",
    );
    this.#highest.set(key, version);
    if (isDelete) this.#versions.delete(key);
    else this.#versions.set(key, version);
  }

  #readAll(): Map<string, number> {
    const versions = new Map<string, number>();
    for (const { text, hash } of this.#keys) {
      this.#encoder.encode(text);
      this.#encoder.hash = hash;
      if (this.#reader.read(this.#encoder, false)) versions.set(text, this.#reader.version);
    }
    return versions;
  }
}
