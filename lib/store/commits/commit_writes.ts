/**
 * Atomic commits as they are issued: their checks and changes are encoded one by one, and become
 * one request (rings/commit_words.ts).
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import { type Completion, errorOf } from "../../client/completions.ts";
import type { GarbageMeter } from "../../client/garbage_meter.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import {
  draftDerived,
  draftOfKey,
  draftPut,
  type RequestDraft,
} from "../../client/request_draft.ts";
import type { ValueCodec } from "../../codec/codec.ts";
import type { Slot } from "../../core/brands.ts";
import { CommitTooLargeError } from "../../core/commit_errors.ts";
import {
  describe,
  type DinomoError,
  InvalidArgumentError,
  NotANumberError,
} from "../../core/errors.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { COMMIT_KEYS_MAX, SLOT_SHIFT } from "../../core/limits.ts";
import { RecordKey } from "../../log/record_key.ts";
import { FLAG_BINARY_KEY, keyEquals, RECORD_META } from "../../log/record_layout.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import {
  commitRequest,
  entryBehind,
  EntryBuffer,
  firstEntry,
  versionLeft,
} from "../../rings/commit_words.ts";
import { DerivationWords } from "../../rings/derivation_words.ts";
import {
  Condition,
  Operation,
  packOperation,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
  Status,
} from "../../rings/ring_layout.ts";
import { askToAdd, expiryOf, mustSyncOf, versionOf } from "../arguments/arguments.ts";
import { CommitTurns, hasQueue } from "./commit_turns.ts";
import type {
  Commit,
  CommitIncrementOptions,
  CommitOptions,
  EntryLifetime,
} from "../arguments/commit_options.ts";
import { assertOptions } from "../arguments/option_names.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { OperationParts } from "../parts/store_parts.ts";
import type { UsedPool } from "../parts/used_pool.ts";

const PUT_OPTIONS = ["ttl", "expiresAt"];
const INCREMENT_OPTIONS = [...PUT_OPTIONS, "ttlIfNew", "min", "max"];

/** What a commit is to do about one key. */
interface KeyChange {
  /** As it was given. Only errors name it: an array may hold other bytes by now. */
  readonly key: Key;
  /** The slot, and what it is sorted by. */
  readonly hash: number;
  /** Where the request is that the change would be alone; a PAD as long as there is none. */
  at: number;
  condition: number;
  expectedVersion: number;
  /** Which of the changes it is, from 0; -1 as long as the key is only checked. */
  number: number;
}

/** Keys from which on they are looked up by their hashes: most commits have few. */
const LOOKED_UP_MIN = 16;
/** The memory of commits up to so many words is used again. */
const MEMORY_WORDS_MAX = 4096;
const NO_MEMORY = new Int32Array(0);

/** What is collected for a commit that has not been issued. */
export class CommitDraft {
  /** What is to be done about each key. */
  readonly keys: KeyChange[] = [];
  /** Their requests, until it is issued. */
  buffer: EntryBuffer;
  /** The same by hash, a list where several keys have the same one; once there are many. */
  byHash: Map<number, KeyChange[]> | undefined;
  changeCount = 0;
  isIssued = false;

  /** Collects in a buffer that is empty. */
  constructor(buffer: EntryBuffer) {
    this.buffer = buffer;
  }
}

/** Issues the atomic commits of one thread. */
export class CommitWrites<V> {
  #pool: UsedPool;
  #client: Client;
  #codec: ValueCodec<V>;
  #garbage: GarbageMeter;
  #queues: KeyQueues;
  #counters: OperationCounters;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  /** The store's durability, one of `DurabilityLevel`. */
  readonly #level: number;
  /** Memory of commits that have been issued, for the next ones. */
  #buffer: EntryBuffer | undefined;
  #words: Int32Array = NO_MEMORY;

  /** Writes with a store's parts. */
  constructor(parts: OperationParts<V>) {
    this.#pool = parts.pool;
    this.#client = parts.client;
    this.#codec = parts.codec;
    this.#garbage = parts.garbage;
    this.#queues = parts.queues;
    this.#counters = parts.counters;
    this.#key = parts.key;
    this.#lifetime = parts.lifetime;
    this.#level = parts.pool.facts.level;
  }

  /** Begins a commit. */
  begin(method: string): CommitDraft {
    this.#lifetime.assertOpen();
    this.#pool.assertCommits(method);
    const buffer = this.#buffer ?? new EntryBuffer();
    this.#buffer = undefined;
    return new CommitDraft(buffer);
  }

  /** Adds the condition that a key has a version, or that it does not exist. */
  check(draft: CommitDraft, key: Key, version: number | null): void {
    const expected = versionOf(version);
    this.#begin(draft);
    this.#key.encode(key);
    const change = this.#find(draft) ??
      this.#add(draft, key, this.#write(draft, draftOfKey(Operation.PAD, this.#key)));
    if (change.condition !== Condition.NONE) throw twice("checked", key);
    change.condition = expected === null ? Condition.ABSENT : Condition.VERSION;
    change.expectedVersion = expected ?? 0;
  }

  /** Adds a put. */
  put(draft: CommitDraft, key: Key, value: V, options: EntryLifetime | undefined): void {
    if (options !== undefined) assertOptions(options, PUT_OPTIONS);
    const expiresAtMs = expiryOf(options);
    this.#lifetime.assertWritable("put");
    const codec = this.#codec;
    codec.encode(value);
    // Behind the value, whose getters may have issued the commit.
    this.#begin(draft);
    this.#key.encode(key);
    const bytes = codec.end - codec.start;
    this.#garbage.count(bytes);
    this.#change(draft, key, draftPut(this.#key, codec, expiresAtMs, Condition.NONE, 0, false));
    this.#counters.put(bytes);
  }

  /** Adds a delete. */
  delete(draft: CommitDraft, key: Key): void {
    this.#begin(draft);
    this.#lifetime.assertWritable("delete");
    this.#key.encode(key);
    this.#change(draft, key, draftOfKey(Operation.DELETE, this.#key));
    this.#counters.delete();
  }

  /** Adds an addition to a number. */
  increment(
    draft: CommitDraft,
    key: Key,
    by: number | undefined,
    options: CommitIncrementOptions | undefined,
  ): void {
    if (options !== undefined) assertOptions(options, INCREMENT_OPTIONS);
    const asked = new DerivationWords();
    askToAdd(asked, this.#codec.numberForm, by ?? 1, options);
    this.#begin(draft);
    this.#lifetime.assertWritable("increment");
    this.#key.encode(key);
    this.#change(draft, key, draftDerived(Operation.ADD, this.#key, asked, false));
    this.#counters.update();
  }

  /**
   * Checks the options of a commit: whether it must be synced although the store does not do that.
   */
  mustSync(options: CommitOptions | undefined): boolean {
    if (options !== undefined) assertOptions(options, ["durability"]);
    return mustSyncOf(options, this.#level);
  }

  /** Issues a commit, which is used up by that. */
  commit(draft: CommitDraft, options: CommitOptions | undefined): Promise<Commit | null> {
    try {
      const mustSync = this.mustSync(options);
      this.#begin(draft);
      draft.isIssued = true;
      if (draft.keys.length === 0) return Promise.resolve({ versions: [] });
      return this.#issue(draft, mustSync);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #issue(draft: CommitDraft, mustSync: boolean): Promise<Commit | null> {
    const { buffer, changeCount } = draft;
    const changes = sortByHash(draft.keys);
    const slots: Slot[] = [];
    let last = -1;
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i]!;
      finishEntry(buffer.words, change);
      const slot = change.hash >>> SLOT_SHIFT;
      if (slot !== last) slots.push(slot as Slot);
      last = slot;
    }
    const completion = new CommitCompletion(changes, changeCount);
    // While it is issued, other commits may be: this one's memory is not theirs.
    const words = commitRequest(buffer, changes, mustSync, this.#words);
    this.#words = NO_MEMORY;
    buffer.clear();
    if (this.#queues.count === 0) this.#client.commit(slots, words, completion);
    else this.#issueInTurn(slots, words, completion);
    if (words.length <= MEMORY_WORDS_MAX) this.#words = words;
    if (buffer.words.length <= MEMORY_WORDS_MAX) this.#buffer = buffer;
    return completion.promise;
  }

  /** Issues a commit some of whose keys may be being updated. */
  #issueInTurn(slots: readonly Slot[], words: Int32Array, completion: CommitCompletion): void {
    const client = this.#client;
    const keys = keysOf(words, this.#key);
    if (!hasQueue(this.#queues, keys, this.#key)) return client.commit(slots, words, completion);
    const own = words.slice();
    const turns = new CommitTurns(this.#queues, completion, (sequence) => {
      client.commit(slots, own, completion, sequence);
    });
    turns.take(keys, this.#key);
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    const gone = undefined as never;
    this.#pool =
      this.#client =
      this.#codec =
      this.#garbage =
      this.#queues =
      this.#counters =
        gone;
  }

  #begin(draft: CommitDraft): void {
    this.#lifetime.assertOpen();
    if (!draft.isIssued) return;
    throw new InvalidArgumentError(
      "an atomic commit must be used before its commit(), got a call after it: begin another one",
    );
  }

  /** What is collected for the encoded key, if there is anything. */
  #find(draft: CommitDraft): KeyChange | undefined {
    const { hash, words, start, byteLength } = this.#key;
    const requests = draft.buffer.words;
    const candidates = draft.byHash === undefined ? draft.keys : draft.byHash.get(hash) ?? [];
    for (let i = 0; i < candidates.length; i++) {
      const change = candidates[i]!;
      const isSame = change.hash === hash &&
        keyEquals(requests, change.at + REQUEST_RECORD, words, start, byteLength);
      if (isSame) return change;
    }
    return undefined;
  }

  /** Begins with the encoded key. */
  #add(draft: CommitDraft, key: Key, at: number): KeyChange {
    if (draft.keys.length === COMMIT_KEYS_MAX) {
      throw new CommitTooLargeError(
        `an atomic commit must have at most ${COMMIT_KEYS_MAX} keys, got one more`,
      );
    }
    const { hash } = this.#key;
    const condition = Condition.NONE;
    const change = { key, hash, at, condition, expectedVersion: 0, number: -1 };
    draft.keys.push(change);
    if (draft.keys.length >= LOOKED_UP_MIN) noteByHash(draft, change);
    return change;
  }

  /** Adds a change of the encoded key. */
  #change(draft: CommitDraft, key: Key, request: RequestDraft): void {
    const at = this.#write(draft, request);
    const change = this.#find(draft) ?? this.#add(draft, key, at);
    if (change.number !== -1) throw twice("changed", key);
    change.number = draft.changeCount++;
    change.at = at;
  }

  #write(draft: CommitDraft, request: RequestDraft): number {
    return this.#client.writeEntry(request, draft.buffer);
  }
}

/** The keys of a commit, as the application writes them. */
function keysOf(words: Int32Array, encoder: KeyEncoder): Key[] {
  const keys: Key[] = [];
  const record = new RecordKey();
  const end = words[REQUEST_LENGTH]!;
  for (let at = firstEntry(words); at < end; at = entryBehind(words, at)) {
    const { hash, start, byteLength } = record.show(words, at + REQUEST_RECORD);
    const isBinary = (words[at + REQUEST_RECORD + RECORD_META]! & FLAG_BINARY_KEY) !== 0;
    encoder.take(words, start, byteLength, isBinary, hash);
    keys.push(encoder.key);
  }
  return keys;
}

/** Enters a key that was added, or, for the first time, all of them. */
function noteByHash(draft: CommitDraft, added: KeyChange): void {
  const isFirst = draft.byHash === undefined;
  const byHash = draft.byHash ??= new Map<number, KeyChange[]>();
  for (const change of isFirst ? draft.keys : [added]) {
    const others = byHash.get(change.hash);
    if (others === undefined) byHash.set(change.hash, [change]);
    else others.push(change);
  }
}

/** Sorts keys in place; for the few that most commits have that is sooner done than called for. */
function sortByHash(keys: KeyChange[]): KeyChange[] {
  if (keys.length >= LOOKED_UP_MIN) {
    return keys.sort((one, other) => (one.hash >>> 0) - (other.hash >>> 0));
  }
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!;
    let to = i;
    for (; to > 0 && keys[to - 1]!.hash >>> 0 > key.hash >>> 0; to--) keys[to] = keys[to - 1]!;
    keys[to] = key;
  }
  return keys;
}

/** Adds to an entry what its key is checked for. */
function finishEntry(words: Int32Array, { at, condition, expectedVersion }: KeyChange): void {
  words[at + REQUEST_OPERATION] = packOperation(words[at + REQUEST_OPERATION], condition);
  words[at + REQUEST_VERSION_LOW] = expectedVersion | 0;
  words[at + REQUEST_VERSION_HIGH] = Math.floor(expectedVersion / 2 ** 32);
}

function twice(done: string, key: Key): InvalidArgumentError {
  return new InvalidArgumentError(
    `key must be ${done} once in an atomic commit, got ${describe(key)} twice`,
  );
}

/** Settles the promise of a commit, which is not made before it is asked for. */
class CommitCompletion implements Completion {
  /** In the order of their slots. */
  readonly changes: readonly KeyChange[];
  readonly #changeCount: number;
  #promise: Promise<Commit | null> | undefined;
  #resolve: ((commit: Commit | null | PromiseLike<never>) => void) | undefined;

  constructor(changes: readonly KeyChange[], changeCount: number) {
    this.changes = changes;
    this.#changeCount = changeCount;
  }

  get promise(): Promise<Commit | null> {
    return this.#promise ??= new Promise((resolve) => this.#resolve = resolve);
  }

  settle(
    status: number,
    detail: number,
    low: number,
    _high: number,
    ring: Int32Array,
    requestAt: number,
  ): void {
    const error = status === Status.NOT_A_NUMBER ? this.#notANumber(low) : errorOf(status, detail);
    if (error !== undefined) return this.fail(error);
    if (status === Status.UNMET) return this.#end(null);
    const versions: (number | undefined)[] = [];
    for (let number = 0; number < this.#changeCount; number++) versions.push(undefined);
    for (let entry = 0; entry < this.changes.length; entry++) {
      const { number } = this.changes[entry]!;
      if (number === -1) continue;
      const version = versionLeft(ring, requestAt, entry);
      versions[number] = version === 0 ? undefined : version;
    }
    this.#end({ versions });
  }

  fail(error: unknown): void {
    if (this.#resolve === undefined) this.#promise = Promise.reject(error);
    else this.#resolve(Promise.reject(error));
  }

  #end(commit: Commit | null): void {
    if (this.#resolve === undefined) this.#promise = Promise.resolve(commit);
    else this.#resolve(commit);
  }

  #notANumber(entry: number): DinomoError {
    const key = this.changes[entry]?.key;
    return new NotANumberError(
      `increment must add to a number and stay finite, got a value with which it does not at ${
        describe(key)
      }; nothing of the commit was made`,
    );
  }
}
