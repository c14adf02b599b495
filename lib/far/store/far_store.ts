/**
 * A store whose pool is a far one: reads are requests to the KNs that own the keys.
 *
 * @module
 */
import { monotonicMs, sleep } from "../../core/runtime.ts";
import { BatchCompletion, type Completion } from "../../client/completions.ts";
import { ReadCompletion, type RoutedReads } from "../client/routed_reads.ts";
import type { ValueCodec } from "../../codec/codec.ts";
import type { DinomoError } from "../../core/errors.ts";
import type { Slot } from "../../core/brands.ts";
import { type Key, KeyEncoder } from "../../core/key_encoder.ts";
import { NODE_COUNT_MAX, SLOT_COUNT, UNAVAILABLE_AFTER_MS } from "../../core/limits.ts";
import { unaskedLogs } from "../log/unasked_logs.ts";
import { hasUnmerged } from "../log/log_merger.ts";
import type { Pool } from "../../pool/pool.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import { nodeOfAgent, NodeState, nodeStateOf } from "../../routing/node_directory.ts";
import { loadOwner, ownerOf } from "../../routing/ownership.ts";
import { iterable, type IterationOptions, ownKey } from "../../store/arguments.ts";
import { LoopTurn } from "../../store/loop_turn.ts";
import type { Entry } from "../../store/entry.ts";
import { Store, type StoreParts } from "../../store/store.ts";
import type { PendingRead } from "../../store/update_turn.ts";

/** The parts of such a store. */
export interface FarStoreParts<V> extends StoreParts<V> {
  /** What comes back for reads. */
  readonly reads: RoutedReads;
}

/** Lets a thread wait for many requests. */
class CountCompletion implements Completion {
  error: DinomoError | undefined;
  #openCount = 0;

  get isSettled(): boolean {
    return this.#openCount === 0;
  }

  expect(): void {
    this.#openCount += 1;
  }

  settle(): void {
    this.#openCount -= 1;
  }

  fail(error: DinomoError): void {
    this.error ??= error;
    this.#openCount -= 1;
  }
}

/** Keys of an iteration that KNs are asked for at one time: each alone would cost a round trip. */
const KEYS_PER_BURST = 64;
/** The same of a `getMany`: enough to keep KNs busy, and few enough to leave the event loop its turns. */
const KEYS_PER_READ = 256;
/** How often to look whether logs have been merged that nobody is asked for. */
const UNASKED_LOOK_MS = 1;

/** Waits until the M-node has merged the logs of KNs that own no slot, such as those that are gone; not for ever. */
class UnaskedLogs {
  readonly #pool: Pool;
  readonly #deadlineMs = monotonicMs() + UNAVAILABLE_AFTER_MS;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Whether that is so: a zombie may keep its log from being merged, and its changes from being seen here. */
  get isSettled(): boolean {
    return unaskedLogs(this.#pool).length === 0 || monotonicMs() > this.#deadlineMs;
  }
}

/**
 * Made by `open` and `attach` for a far pool.
 *
 * What looks at the index as a whole (`count`, iteration) first has the KNs merge what they have logged. Values are decoded when the
 * answers have been taken from the rings: decoding may need another read.
 */
export class FarStore<V> extends Store<V> {
  #pool: Pool;
  #parts: FarStoreParts<V>;
  #codec: ValueCodec<V>;
  readonly #key: KeyEncoder;

  /** Used by `open` and `attach` only. */
  constructor(parts: FarStoreParts<V>) {
    super(parts);
    this.#parts = parts;
    this.#pool = parts.pool;
    this.#codec = parts.codec;
    this.#key = new KeyEncoder(...parts.pool.hashKey);
  }

  protected override letGo(): void {
    super.letGo();
    this.#parts = this.#pool = this.#codec = undefined as never;
  }

  override get(key: Key): Promise<V | undefined> {
    return this.#readDecoded(key, true, ({ value }) => value && this.#decode(value));
  }

  override getSync(key: Key): V | undefined {
    const { value } = this.#readSync(key, true);
    return value && this.#decode(value);
  }

  override async getMany(keys: Iterable<Key>): Promise<(V | undefined)[]> {
    this.assertOpen();
    const list = Array.from(iterable<Key>("keys", keys), ownKey);
    const { client } = this.#parts;
    const operation = client.begin();
    try {
      const turn = new LoopTurn();
      const values: (V | undefined)[] = [];
      for (let at = 0; at < list.length; at += KEYS_PER_READ) {
        if (turn.isOver(at + KEYS_PER_READ - 1)) await turn.end();
        const burst = list.slice(at, at + KEYS_PER_READ);
        for (const { value } of await Promise.all(burst.map((key) => this.#issueRead(key, true)))) {
          values.push(value && this.#decode(value));
        }
      }
      return values;
    } finally {
      client.end(operation);
    }
  }

  override getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#readDecoded(key, true, (ended) => this.#entryOf(ended));
  }

  override getEntrySync(key: Key): Entry<V> | undefined {
    return this.#entryOf(this.#readSync(key, true));
  }

  protected override beginRead(key: KeyEncoder, wake: () => void): PendingRead<V> {
    const { client, reads } = this.#parts;
    const completion = new ReadCompletion(reads, wake);
    client.get(key, true, completion);
    return {
      get isSettled() {
        return completion.isSettled;
      },
      block: () => client.waitFor(completion),
      take: () => {
        if (completion.error) throw completion.error;
        return this.#entryOf(completion);
      },
    };
  }

  override has(key: Key): Promise<boolean> {
    return this.#readDecoded(key, false, ({ exists }) => exists);
  }

  override hasSync(key: Key): boolean {
    return this.#readSync(key, false).exists;
  }

  override async *entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    await this.#merge();
    yield* super.entries(options);
  }

  override async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    await this.#merge();
    let burst: Key[] = [];
    for await (const key of this.indexedKeys(options)) {
      if (burst.push(key) < KEYS_PER_BURST) continue;
      yield* await this.#existing(burst);
      burst = [];
    }
    yield* await this.#existing(burst);
  }

  override get count(): number {
    this.assertOpen();
    this.#parts.client.waitFor(new UnaskedLogs(this.#pool));
    const completion = new CountCompletion();
    for (const slot of this.#unmergedSlots()) {
      completion.expect();
      this.#parts.client.mergeSlot(slot, completion);
    }
    this.#parts.client.waitFor(completion);
    if (completion.error) throw completion.error;
    return this.countIndexed();
  }

  /** Those of some keys that exist. */
  async #existing(burst: readonly Key[]): Promise<Key[]> {
    this.assertOpen();
    const reads = await Promise.all(burst.map((key) => this.#issueRead(key, false)));
    return burst.filter((_, i) => reads[i]!.exists);
  }

  /** Resolves when everything that was acknowledged before is in the index. */
  async #merge(): Promise<void> {
    this.assertOpen();
    await this.#parts.client.whenIssuedEnded();
    const logs = new UnaskedLogs(this.#pool);
    while (!logs.isSettled) await sleep(UNASKED_LOOK_MS);
    this.assertOpen();
    const batch = new BatchCompletion();
    for (const slot of this.#unmergedSlots()) {
      batch.expect();
      this.#parts.client.mergeSlot(slot, batch);
    }
    batch.seal();
    await batch.promise;
  }

  /** The slots but for those of KNs that have nothing to merge. */
  #unmergedSlots(): Slot[] {
    const merged = new Set<number>();
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      const isActive = nodeStateOf(this.#pool, agent) === NodeState.ACTIVE;
      if (isActive && !hasUnmerged(this.#pool, agent)) merged.add(nodeOfAgent(this.#pool, agent));
    }
    const slots: Slot[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = ownerOf(loadOwner(this.#pool, slot as Slot));
      if (!merged.has(owner)) slots.push(slot as Slot);
    }
    return slots;
  }

  /** Reads a key; until it has been decoded, the operation is pending. */
  async #readDecoded<Result>(
    key: Key,
    withValue: boolean,
    decode: (ended: ReadCompletion) => Result,
  ): Promise<Result> {
    this.assertOpen();
    const { client } = this.#parts;
    const operation = client.begin();
    try {
      return decode(await this.#issueRead(key, withValue));
    } finally {
      client.end(operation);
    }
  }

  /** Issues a read, or has it wait for its turn. */
  #issueRead(key: Key, withValue: boolean): Promise<ReadCompletion> {
    return new Promise((resolve, reject) => {
      this.assertNotFailed();
      this.#key.encode(key);
      const completion = new ReadCompletion(this.#parts.reads, (ended) => {
        if (ended.error) reject(ended.error);
        else resolve(ended);
      });
      const { client } = this.#parts;
      const isQueued = this.queueRead(
        this.#key,
        ({ queue, sequence }) => client.get(queue.key, withValue, completion, sequence),
        reject,
      );
      if (!isQueued) client.get(this.#key, withValue, completion);
    });
  }

  #readSync(key: Key, withValue: boolean): ReadCompletion {
    this.assertOpen();
    this.#key.encode(key);
    // The functions of updates that are called by that may use the encoder.
    if (this.settleQueue(this.#key)) this.#key.encode(key);
    const completion = new ReadCompletion(this.#parts.reads);
    this.#parts.client.get(this.#key, withValue, completion);
    this.#parts.client.waitFor(completion);
    if (completion.error) throw completion.error;
    return completion;
  }

  #entryOf(completion: ReadCompletion): Entry<V> | undefined {
    if (completion.value === undefined) return undefined;
    const { version, expiresAtMs } = completion.value;
    const value = this.#decode(completion.value);
    return expiresAtMs === Infinity
      ? { value, version }
      : { value, version, expiresAt: expiresAtMs };
  }

  #decode({ bytes }: ReadValue): V {
    return this.#codec.decode(bytes, bytes.length);
  }
}
