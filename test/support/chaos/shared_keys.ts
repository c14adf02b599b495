/**
 * Operations on the keys that all clients share, recorded for the checker of linearizability.
 *
 * @module
 */
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../../lib/core/limits.ts";
import type { Slot } from "../../../lib/core/brands.ts";
import type { Pool } from "../../../lib/pool/pool.ts";
import { loadOwner, ownerOf } from "../../../lib/routing/ownership.ts";
import type { Entry, Store } from "../../../mod.ts";
import { wallClockMs } from "../faults.ts";
import type { HistoryRecorder } from "../linearizability/history_recorder.ts";
import { ABSENT, OperationKind } from "../linearizability/operation.ts";
import type { Random } from "../random.ts";
import { COUNTER_KEYS, PAYLOAD_KEYS, type Workload } from "./chaos_settings.ts";
import { outcomeOf } from "./outcomes.ts";
import { idOf, payloadOf, writeId } from "./payloads.ts";
import { noteEnd, type SlowList } from "./slow_operations.ts";
import { applied } from "../versions.ts";

/** Longer than any round. */
const TTL_MS = 3_600_000;
/** Some keys are as long as hardly any is. */
const LONG_KEY_EVERY = 5;
const LONG_KEY_CHARS = 300;

/** Where keys are evicted: so many are in use at one time, for so long. */
const WINDOW_KEYS = 3;
const WINDOW_MS = 100;

/** What their names begin with. */
export const SHARED_PREFIX = "shared/";

/** Names of the shared keys, by number. */
export const SHARED_KEYS: readonly string[] = Array.from(
  { length: PAYLOAD_KEYS + COUNTER_KEYS },
  (_, key) =>
    `${SHARED_PREFIX}${key}${key % LONG_KEY_EVERY === 0 ? "-".repeat(LONG_KEY_CHARS) : ""}`,
);

/** What a client issues operations with. */
export interface SharedKeysOptions {
  readonly store: Store<unknown>;
  readonly pool: Pool;
  readonly client: number;
  readonly random: Random;
  readonly workload: Workload;
  readonly recorder: HistoryRecorder;
  readonly slow: SlowList;
}

/** Issues operations for one client. */
export class SharedKeys {
  readonly #options: SharedKeysOptions;
  readonly #slots: readonly Slot[];
  /** By key: what getEntry has said last, for compareAndSet. */
  readonly #versions = new Map<number, number | null>();
  #writeCount = 0;

  /** Prepares a client. */
  constructor(options: SharedKeysOptions) {
    this.#options = options;
    const encoder = new KeyEncoder(...options.pool.hashKey);
    this.#slots = SHARED_KEYS.map((key) => (encoder.encode(key) >>> SLOT_SHIFT) as Slot);
  }

  /** One operation, whose end is not waited for by whoever issues it. */
  issue(): Promise<void> {
    const { random, store } = this.#options;
    const key = this.#pickKey();
    const name = SHARED_KEYS[key]!;
    if (key >= PAYLOAD_KEYS) return this.#issueOnCounter(key);
    switch (random.below(14)) {
      case 12:
        return this.#change(key);
      case 0:
      case 1:
        return this.#read(key, OperationKind.GET, () => store.get(name));
      case 2:
      case 3:
        return this.#readEntry(key);
      case 4:
        return this.#ask(key, OperationKind.HAS, () => store.has(name));
      case 5:
        return this.#ask(key, OperationKind.DELETE, () => store.delete(name));
      case 6:
      case 7:
        return this.#compareAndSet(key);
      default:
        return this.#put(key);
    }
  }

  /** One operation that blocks until it has ended. */
  issueSync(): void {
    const { random, store } = this.#options;
    const key = this.#pickKey() % PAYLOAD_KEYS;
    const name = SHARED_KEYS[key]!;
    const { GET, GET_ENTRY, HAS, PUT, DELETE } = OperationKind;
    switch (random.below(12)) {
      case 0:
      case 1:
      case 5:
      case 6:
      case 7:
      case 8:
        return this.#now(key, GET, 0, () => idOf(store.getSync(name)));
      case 2:
        return this.#now(key, GET_ENTRY, 0, () => store.getEntrySync(name));
      case 3:
        return this.#now(key, HAS, 0, () => Number(store.hasSync(name)));
      case 4:
        return this.#now(key, DELETE, 0, () => Number(store.deleteSync(name)));
      default: {
        const id = this.#nextId();
        const payload = payloadOf(id, random.pick(this.#options.workload.valueBytes));
        return this.#now(key, PUT, id, () => store.putSync(name, payload));
      }
    }
  }

  /** Reads every key once, so that what is left in the end is part of the history. */
  async readAll(): Promise<void> {
    const { store } = this.#options;
    for (const key of SHARED_KEYS.keys()) {
      if (key < PAYLOAD_KEYS) await this.#readEntry(key);
      else await this.#read(key, OperationKind.GET, () => store.get(SHARED_KEYS[key]!));
    }
  }

  /**
   * Any key; where keys are evicted one of a few, by the time of day, so that the others are not
   * read for long.
   */
  #pickKey(): number {
    const { random, workload } = this.#options;
    if (!workload.evicts) return random.below(SHARED_KEYS.length);
    const first = Math.floor(Date.now() / WINDOW_MS) * WINDOW_KEYS;
    return (first + random.below(WINDOW_KEYS)) % SHARED_KEYS.length;
  }

  #issueOnCounter(key: number): Promise<void> {
    const { random, store } = this.#options;
    const name = SHARED_KEYS[key]!;
    if (random.below(3) === 0) return this.#read(key, OperationKind.GET, () => store.get(name));
    const by = random.between(1, 9);
    const options = random.pick([{}, { ttl: TTL_MS }, { ttlIfNew: TTL_MS }, { ttl: Infinity }]);
    return this.#run(key, OperationKind.INCREMENT, by, 0, () => store.increment(name, by, options));
  }

  /** Touches a key, takes its value, or deletes it if it has not changed. */
  #change(key: number): Promise<void> {
    const { random, store } = this.#options;
    const name = SHARED_KEYS[key]!;
    const { TOUCH, TAKE, COMPARE_AND_DELETE } = OperationKind;
    const version = this.#versions.get(key) ?? null;
    const kind = random.pick(version === null ? [TOUCH, TAKE] : [TOUCH, TAKE, COMPARE_AND_DELETE]);
    switch (kind) {
      case TOUCH: {
        const ttl = random.pick([TTL_MS, Infinity]);
        return this.#run(key, kind, 0, 0, () => applied(store.touch(name, { ttl })));
      }
      case TAKE:
        return this.#run(key, kind, 0, 0, async () => idOf(await store.getAndDelete(name)));
      default:
        return this.#run(key, kind, 0, version!, () => store.compareAndDelete(name, version!));
    }
  }

  #put(key: number): Promise<void> {
    const { random, store, workload } = this.#options;
    const id = this.#nextId();
    const payload = payloadOf(id, random.pick(workload.valueBytes));
    return this.#run(key, OperationKind.PUT, id, 0, () => store.put(SHARED_KEYS[key]!, payload));
  }

  #compareAndSet(key: number): Promise<void> {
    const { random, store, workload } = this.#options;
    const id = this.#nextId();
    const payload = payloadOf(id, random.pick(workload.valueBytes));
    const version = this.#versions.get(key) ?? null;
    const change = () => applied(store.compareAndSet(SHARED_KEYS[key]!, version, payload));
    return this.#run(key, OperationKind.COMPARE_AND_SET, id, version ?? ABSENT, change);
  }

  #ask(key: number, kind: number, ask: () => Promise<boolean>): Promise<void> {
    return this.#run(key, kind, 0, 0, ask);
  }

  #read(key: number, kind: number, read: () => Promise<unknown>): Promise<void> {
    const isCounter = key >= PAYLOAD_KEYS;
    return this.#run(key, kind, 0, 0, async () => {
      const value = await read();
      return isCounter ? counterOf(value) : idOf(value);
    });
  }

  #readEntry(key: number): Promise<void> {
    const { store } = this.#options;
    return this.#run(key, OperationKind.GET_ENTRY, 0, 0, async () => {
      const entry = await store.getEntry(SHARED_KEYS[key]!);
      this.#versions.set(key, entry?.version ?? null);
      return entry;
    });
  }

  async #run(
    key: number,
    kind: number,
    input: number,
    version: number,
    operate: () => Promise<unknown>,
  ): Promise<void> {
    const { recorder, slow, workload } = this.#options;
    const node = this.#ownerOf(key);
    const beginMs = wallClockMs();
    const row = recorder.begin(kind, key, input, version);
    try {
      const output = await operate();
      this.#end(row, kind, output);
    } catch (error) {
      const outcome = outcomeOf(error, workload.evicts);
      if (outcome === "refused" || isRead(kind)) recorder.discard(row);
    }
    noteEnd(slow, beginMs, node);
  }

  #now(key: number, kind: number, input: number, operate: () => unknown): void {
    const { recorder, slow, workload } = this.#options;
    const node = this.#ownerOf(key);
    const beginMs = wallClockMs();
    const row = recorder.begin(kind, key, input);
    try {
      this.#end(row, kind, operate());
    } catch (error) {
      const outcome = outcomeOf(error, workload.evicts);
      if (outcome === "refused" || isRead(kind)) recorder.discard(row);
    }
    noteEnd(slow, beginMs, node);
  }

  #end(row: number, kind: number, output: unknown): void {
    const { recorder } = this.#options;
    if (kind !== OperationKind.GET_ENTRY) return recorder.end(row, Number(output ?? 0));
    const entry = output as Entry<unknown> | undefined;
    // The value is looked at when the time of the return has been taken; it is a copy.
    recorder.endEntry(row, idOf(entry?.value), entry?.version);
  }

  #ownerOf(key: number): number {
    return ownerOf(loadOwner(this.#options.pool, this.#slots[key]!));
  }

  #nextId(): number {
    return writeId(this.#options.client, ++this.#writeCount);
  }
}

function counterOf(value: unknown): number {
  if (value === undefined) return ABSENT;
  if (typeof value !== "number") throw new Error(`a counter must be a number, got ${typeof value}`);
  return value;
}

function isRead(kind: number): boolean {
  const { GET, GET_ENTRY, HAS } = OperationKind;
  return kind === GET || kind === GET_ENTRY || kind === HAS;
}
