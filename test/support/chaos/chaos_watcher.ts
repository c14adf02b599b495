/**
 * Watches keys during a round of chaos: what it knows in the end is what they hold, and it never
 * learns of an older state after a newer one.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import type { Store } from "../../../mod.ts";

/** How long it may take until the last change has been told. */
const TOLD_MS_MAX = 15_000;

/** Two watches: of the keys, and of the prefix that they have. */
export class ChaosWatcher {
  readonly #store: Store<unknown>;
  readonly #keys: readonly string[];
  readonly #prefix: string;
  readonly #report: (error: unknown) => void;
  readonly #abort = new AbortController();
  /**
   * By key: the version that the watch of the keys has delivered last; undefined if it does not
   * exist.
   */
  #versions: (number | undefined)[] = [];
  readonly #highest: number[];
  /** By key: the version that it has by what was told of the prefix. */
  readonly #copy = new Map<string, { version: number; isThere: boolean }>();
  readonly #ended: Promise<unknown>;
  items = 0;
  resyncs = 0;

  /** Begins to watch keys, which are all that have a prefix. */
  constructor(
    store: Store<unknown>,
    keys: readonly string[],
    prefix: string,
    report: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#keys = keys;
    this.#prefix = prefix;
    this.#highest = keys.map(() => 0);
    this.#report = report;
    this.#ended = Promise.all(
      [this.#watchKeys(), this.#watchPrefix()].map((watching) =>
        watching.catch((error) => {
          if (!this.#abort.signal.aborted) report(error);
        })
      ),
    );
  }

  /** Compares what it knows with what the keys hold, and ends. */
  async end(): Promise<void> {
    const until = performance.now() + TOLD_MS_MAX;
    let difference = await this.#difference();
    while (difference !== undefined && performance.now() < until) {
      await setTimeout(20);
      difference = await this.#difference();
    }
    if (difference !== undefined) this.#report(`I13: ${difference}`);
    this.#abort.abort();
    await this.#ended;
  }

  async #watchKeys(): Promise<void> {
    const { signal } = this.#abort;
    for await (const entries of this.#store.watch(this.#keys, { signal })) {
      this.items += 1;
      this.#versions = entries.map((entry) => entry?.version);
      for (const [key, version] of this.#versions.entries()) {
        if (version === undefined) continue;
        if (version < this.#highest[key]!) this.#report(`I13: ${this.#keys[key]} went back`);
        this.#highest[key] = version;
      }
    }
  }

  async #watchPrefix(): Promise<void> {
    const { signal } = this.#abort;
    for await (const change of this.#store.watch({ prefix: this.#prefix }, { signal })) {
      if (change.kind !== "resync") {
        this.#copyOf(change.key, change.version, change.kind === "put");
        continue;
      }
      this.resyncs += 1;
      const entries = await this.#store.getEntries(this.#keys);
      for (const [i, entry] of entries.entries()) {
        const key = this.#keys[i]!;
        if (entry !== undefined) this.#copyOf(key, entry.version, true);
        else this.#copyOf(key, this.#copy.get(key)?.version ?? 0, false);
      }
    }
  }

  /** Versions only grow; a delete has that of what is gone. */
  #copyOf(key: string, version: number, isThere: boolean): void {
    const known = this.#copy.get(key);
    if (known !== undefined && version < known.version) return;
    this.#copy.set(key, { version, isThere });
  }

  async #difference(): Promise<string | undefined> {
    const entries = await this.#store.getEntries(this.#keys);
    for (const [i, entry] of entries.entries()) {
      const key = this.#keys[i]!;
      if (this.#versions[i] !== entry?.version) {
        return `a watch of ${key} knows version ${this.#versions[i]}, not ${entry?.version}`;
      }
      const copied = this.#copy.get(key);
      const version = copied?.isThere ? copied.version : undefined;
      if (version !== entry?.version) {
        return `by what was told of its prefix ${key} has version ${version}, not ${entry?.version}`;
      }
    }
    return undefined;
  }
}
