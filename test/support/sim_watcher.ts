/**
 * A watcher as a party of a simulation: it knows of keys what it has read because it was told to,
 * and sleeps between.
 *
 * @module
 */
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { partOf } from "../../lib/pool/watch_layout.ts";
import { WatchPlace } from "../../lib/watch/watch_place.ts";
import { require } from "./sim_model.ts";

/** A key, whose hash the test may choose. */
export interface WatchedKey {
  readonly text: string;
  readonly hash: number;
}

/** Watches some keys. */
export class SimWatcher {
  readonly #keys: readonly WatchedKey[];
  readonly #pool: Pool;
  readonly #clock: () => number;
  readonly #reader: OneSidedReader;
  readonly #encoder: KeyEncoder;
  /** By key: the version that was read last; 0 if there was none. */
  readonly #versions: number[];
  readonly #highest: number[];
  readonly #expiries: number[];
  #place: WatchPlace | undefined;
  #isAsleep = false;

  /**
   * Makes a watcher that does not watch yet.
   *
   * @param pool as its own thread sees it
   */
  constructor(pool: Pool, keys: readonly WatchedKey[], clock: () => number = () => 0) {
    this.#pool = pool;
    this.#keys = keys;
    this.#clock = clock;
    this.#reader = new OneSidedReader(pool, clock);
    this.#encoder = new KeyEncoder(...pool.hashKey);
    this.#versions = keys.map(() => 0);
    this.#highest = keys.map(() => 0);
    this.#expiries = keys.map(() => Infinity);
  }

  /** Begins to watch: says so, then reads. */
  begin(): void {
    const place = this.#place = WatchPlace.claim(this.#pool, 0)!;
    for (const { hash } of this.#keys) place.want(partOf(hash));
    for (const number of this.#keys.keys()) this.#read(number);
  }

  /** Whether its bell was rung since it went to sleep. */
  get isRung(): boolean {
    return this.#place!.isRung;
  }

  /** Ends in an orderly way. */
  end(): void {
    for (const { hash } of this.#keys) this.#place!.unwant(partOf(hash));
    this.#place!.release();
  }

  /** Reads what it was told to, and what has expired. */
  look(): void {
    this.#place!.take((part) => {
      for (const [number, { hash }] of this.#keys.entries()) {
        if (partOf(hash) === part) this.#read(number);
      }
    });
    for (const [number, expiresAtMs] of this.#expiries.entries()) {
      if (expiresAtMs <= this.#clock()) this.#read(number);
    }
  }

  /** Goes to sleep, unless there is something to do. */
  sleep(): void {
    this.#isAsleep = this.#place!.trySleep();
  }

  /** A turn of its thread: looks if its bell was rung, and goes to sleep again. */
  turn(): void {
    if (!this.#isAsleep || !this.isRung) return;
    this.#place!.wake();
    this.look();
    this.sleep();
  }

  /**
   * Lets it go on if it is awake, or its bell was rung, and compares what it knows with what is.
   */
  check(): void {
    if (!this.#isAsleep || this.isRung) {
      this.#isAsleep = false;
      this.#place!.wake();
      this.look();
    }
    for (const [number, { text }] of this.#keys.entries()) {
      const version = this.#versionOf(number);
      const known = this.#versions[number];
      require(known === version, `a watcher knows version ${known} of ${text}, not ${version}`);
    }
  }

  #read(number: number): void {
    const version = this.#versionOf(number);
    this.#expiries[number] = version === 0 ? Infinity : this.#reader.expiresAtMs;
    require(version === 0 || version >= this.#highest[number]!, "never an older state");
    this.#versions[number] = version;
    this.#highest[number] = Math.max(this.#highest[number]!, version);
  }

  #versionOf(number: number): number {
    const { text, hash } = this.#keys[number]!;
    this.#encoder.encode(text);
    this.#encoder.hash = hash;
    return this.#reader.read(this.#encoder, false) ? this.#reader.version : 0;
  }
}
