/**
 * The watches of one thread, and how it waits for changes: it looks once per turn of the event loop
 * for a while, and sleeps until its bell is rung. See docs/protocols/watching.md.
 *
 * @module
 */
import { TooManyWatchersError } from "../../core/errors.ts";
import { WATCH_PLACE_COUNT, WATCHED_PREFIXES_MAX, WATCHES_MAX } from "../../core/limits.ts";
import { monotonicMs, runNextTurn } from "../../platform/runtime.ts";
import { hasThreadEnded } from "../../platform/thread_identity.ts";
import type { Pool } from "../../pool/pool.ts";
import {
  clientThread,
  HOST_CLIENT,
  packRecordClient,
  setStoreState,
  StoreState,
} from "../../routing/client_registry.ts";
import { startsWith } from "../../watch/prefixes.ts";
import { WatchPlace } from "../../watch/watch_place.ts";
import type { HubWatch, WatchSource } from "../../watch/watch_source.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";

/**
 * For how long after a change a thread looks for the next one in every turn of its event loop:
 * twice as long after a short sleep, which would better have been spent looking, and the shortest
 * time after others. The thread that has made the change may need the processor, to return from its
 * call.
 */
const AWAKE_MS_MIN = 0.05;
const AWAKE_MS_MAX = 1;
const SHORT_SLEEP_MS = 1;
/**
 * How often a thread that sleeps looks without a bell: one may be lost with the thread that was to
 * ring it, and the host may have ended.
 */
const ASLEEP_MS_MAX = 1000;

/** The watches of one thread. */
export class WatchHub implements WatchSource {
  readonly beginsAtOnce = true;
  #pool: Pool;
  readonly #clientId: number;
  readonly #lifetime: StoreLifetime;
  readonly #watches = new Set<HubWatch>();
  readonly #byPart = new Map<number, Set<HubWatch>>();
  /** The watches of prefixes, and their numbers at the place. */
  readonly #prefixes = new Map<HubWatch, number>();
  #place: WatchPlace | undefined;
  /** When something was noted last, or the first consumer began to wait. */
  #sinceMs = 0;
  /** For how long this thread looks then. */
  #awakeMs = AWAKE_MS_MIN;
  #isLooking = false;
  /** The place, while this thread sleeps. */
  #asleep: WatchPlace | undefined;

  /** The hub of a client. */
  constructor(pool: Pool, clientId: number, lifetime: StoreLifetime) {
    this.#pool = pool;
    this.#clientId = clientId;
    this.#lifetime = lifetime;
  }

  /**
   * Begins a watch. What it reads for the first time it reads after this.
   *
   * @throws {TooManyWatchersError} when there are as many as may be
   */
  add(watch: HubWatch): void {
    this.#lifetime.assertOpen();
    if (this.#watches.size >= WATCHES_MAX) {
      throw new TooManyWatchersError(
        `a thread may have at most ${WATCHES_MAX} watches at one time, and has as many`,
      );
    }
    const place = this.#place ??= this.#claim();
    if (watch.prefix !== undefined) this.#addPrefix(place, watch, watch.prefix);
    this.#watches.add(watch);
    for (const part of watch.parts) {
      let watches = this.#byPart.get(part);
      if (watches === undefined) this.#byPart.set(part, watches = new Set());
      watches.add(watch);
      place.want(part);
    }
  }

  #addPrefix(place: WatchPlace, watch: HubWatch, prefix: Uint8Array): void {
    const number = place.wantPrefix(prefix);
    if (number < 0) {
      this.#releaseIfUnused();
      throw new TooManyWatchersError(
        `a thread may watch at most ${WATCHED_PREFIXES_MAX} prefixes at one time, and does so`,
      );
    }
    // What was told before is for the others.
    this.#takeChanges(place);
    this.#prefixes.set(watch, number);
  }

  /** Ends a watch, if it was begun. */
  remove(watch: HubWatch): void {
    if (!this.#watches.delete(watch)) return;
    const prefix = this.#prefixes.get(watch);
    if (prefix !== undefined) {
      this.#prefixes.delete(watch);
      this.#place!.unwantPrefix(prefix);
    }
    for (const part of watch.parts) {
      this.#place!.unwant(part);
      const watches = this.#byPart.get(part)!;
      watches.delete(watch);
      if (watches.size === 0) this.#byPart.delete(part);
    }
    this.#releaseIfUnused();
  }

  #releaseIfUnused(): void {
    if (this.#watches.size > 0) return;
    this.#place!.release();
    this.#place = this.#asleep = undefined;
  }

  /** Tells watches what has changed. Throws when the store cannot be used any more. */
  look(): void {
    this.#lifetime.assertOpen();
    this.#take();
  }

  #take(): void {
    const place = this.#place;
    if (place === undefined || !place.take(this.#note)) return;
    if (this.#prefixes.size > 0) this.#takeChanges(place);
  }

  #takeChanges(place: WatchPlace): void {
    const isLost = place.takeChanges((change) => {
      this.#sinceMs = monotonicMs();
      for (const watch of this.#prefixes.keys()) {
        if (startsWith(change.bytes, watch.prefix!)) watch.noteChange(change);
      }
    });
    if (isLost) { for (const watch of this.#prefixes.keys()) watch.noteLost(); }
  }

  /** Waits for a watch whose consumer has begun to wait. */
  wait(): void {
    if (this.#isLooking || this.#asleep !== undefined) return;
    this.#isLooking = true;
    this.#sinceMs = monotonicMs();
    runNextTurn(this.#turn);
  }

  /** Ends all watches, of a store that cannot be used any more. */
  end(): void {
    try {
      this.#lifetime.assertOpen();
    } catch (error) {
      for (const watch of this.#watches) watch.fail(error);
    }
  }

  /**
   * Lets go of everything that leads to the pool: an application may keep a watch that has ended.
   */
  letGo(): void {
    this.#pool = undefined as never;
  }

  #claim(): WatchPlace {
    const owner = packRecordClient(this.#pool, this.#clientId);
    const place = WatchPlace.claim(this.#pool, owner);
    if (place === undefined) {
      throw new TooManyWatchersError(
        `at most ${WATCH_PLACE_COUNT} threads may watch keys at one time, and as many do`,
      );
    }
    return place;
  }

  readonly #note = (part: number): void => {
    const watches = this.#byPart.get(part);
    if (watches === undefined) return;
    this.#sinceMs = monotonicMs();
    for (const watch of watches) watch.note(part);
  };

  readonly #turn = (): void => {
    this.#isLooking = false;
    this.end();
    this.#take();
    if (this.#place === undefined || !this.#hasWaiting()) return;
    const isAwake = monotonicMs() - this.#sinceMs < this.#awakeMs;
    if (!isAwake && this.#place.trySleep()) {
      void this.#sleep(this.#place);
      return;
    }
    this.#isLooking = true;
    runNextTurn(this.#turn);
  };

  async #sleep(place: WatchPlace): Promise<void> {
    this.#asleep = place;
    const startMs = monotonicMs();
    const isRung = await place.sleep(ASLEEP_MS_MAX) !== "timed-out";
    // Otherwise all watches have ended meanwhile.
    if (this.#asleep !== place) return;
    this.#asleep = undefined;
    place.wake();
    const isShort = monotonicMs() - startMs < SHORT_SLEEP_MS;
    this.#awakeMs = isShort ? Math.min(2 * this.#awakeMs, AWAKE_MS_MAX) : AWAKE_MS_MIN;
    if (!isRung) this.#lookForHost();
    this.#turn();
  }

  #lookForHost(): void {
    const isOrphaned = this.#clientId !== HOST_CLIENT &&
      hasThreadEnded(clientThread(this.#pool, HOST_CLIENT));
    if (isOrphaned) setStoreState(this.#pool, StoreState.ORPHANED);
  }

  #hasWaiting(): boolean {
    for (const watch of this.#watches) if (watch.isWaiting) return true;
    return false;
  }
}
