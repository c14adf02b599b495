/**
 * Transactions: an application reads and changes keys as if it were alone.
 *
 * **Why it is safe.** A transaction is optimistic. While it runs it changes nothing; it remembers
 * which version each key had that it has read, or that there was none. In the end one atomic commit
 * checks all of them and makes the changes (node/atomic_commits.ts), so there is a moment at which
 * all that was read was current and all changes were made: transactions are strictly serializable,
 * together with all other operations. One that changes nothing needs no commit, since
 *
 * **what it has read is of one moment, at any time.** Whenever it reads keys, it looks afterwards
 * whether those that it has read before still are as they were: the same version, or absent without
 * a change of their slot (absence.ts). A version of a key is given once (I9), so all were current
 * when the new ones were read; and the new ones are looked at again, too, when they are several. If
 * one has changed, the run is over: the read is rejected, and the function is called again. So it
 * never sees a state that there has never been, and what it throws, it throws about a real one.
 *
 * **Why it ends.** A run fails only because another client has changed something meanwhile, so some
 * client goes on. One that is disturbed each time waits before it begins again, longer and longer,
 * and at random, and gives up after TRANSACTION_RUNS_MAX runs.
 *
 * @module
 */
import { ConflictError } from "../../core/commit_errors.ts";
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { TRANSACTION_RUNS_MAX } from "../../core/limits.ts";
import { sleep } from "../../platform/runtime.ts";
import { ownKey } from "../arguments/arguments.ts";
import type {
  CommitIncrementOptions,
  CommitOptions,
  EntryLifetime,
} from "../arguments/commit_options.ts";
import type { Entry } from "../arguments/entry.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { StoreReads } from "../reads/reads.ts";
import type { KeyRead, TransactionReads } from "../reads/transaction_reads.ts";
import type { CommitDraft, CommitWrites } from "./commit_writes.ts";

/** Longest wait before the second run; it doubles with each run, up to so many milliseconds. */
const BACKOFF_MS_MIN = 0.25;
const BACKOFF_MS_MAX = 16;

/** What transactions of one thread read and commit with. */
export interface TransactionParts<V> {
  readonly reads: StoreReads<V>;
  readonly key: KeyEncoder;
  readonly lifetime: StoreLifetime;
  readonly commits: CommitWrites<V>;
}

/** What a transaction is to do about a key. */
type KeyChange<V> =
  | { readonly key: Key; readonly kind: "put"; readonly value: V; readonly options?: EntryLifetime }
  | { readonly key: Key; readonly kind: "delete" }
  | {
    readonly key: Key;
    readonly kind: "increment";
    readonly by: number | undefined;
    readonly options: CommitIncrementOptions | undefined;
  };

/** Said by a run that is over, to end the function. */
class Disturbed extends ConflictError {
  constructor() {
    super("a transaction is run again, as a key has changed that it has read: let this error pass");
  }
}

/**
 * One run of a transaction: see `Store.transaction`. What it reads is of one moment; what it
 * changes is seen by its own reads, and by nobody else before the end.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export class Transaction<V, K extends Key = string> {
  readonly #parts: TransactionParts<V>;
  readonly #source: TransactionReads<V>;
  readonly #reads = new Map<string, KeyRead<V>>();
  readonly #changes = new Map<string, KeyChange<V>>();
  #isOver = false;
  #isDisturbed = false;

  /** Used by the store only. */
  constructor(parts: TransactionParts<V>) {
    this.#parts = parts;
    parts.lifetime.assertOpen();
    this.#source = parts.reads.forTransactions();
  }

  /** Reads a value; undefined if the key does not exist. */
  async get(key: K): Promise<V | undefined> {
    return (await this.getMany([key]))[0];
  }

  /** Whether a key exists. */
  async has(key: K): Promise<boolean> {
    const own = this.#changes.get(this.#nameOf(key));
    if (own !== undefined) return own.kind !== "delete";
    return (await this.#readAll([key]))[0] !== undefined;
  }

  /** Reads many values, in the order of the keys. */
  async getMany(keys: Iterable<K>): Promise<(V | undefined)[]> {
    const list = Array.from(keys, ownKey);
    const entries = await this.#readAll(list);
    return list.map((key, i) => {
      const own = this.#changes.get(this.#nameOf(key));
      if (own === undefined) return entries[i]?.value;
      if (own.kind === "increment") throw unknownSum(key);
      return own.kind === "put" ? own.value : undefined;
    });
  }

  /** Stores a value in the end, instead of what was to be done about the key before. */
  put(key: K, value: V, options?: EntryLifetime): void {
    this.#change(key, { key: ownKey(key), kind: "put", value, ...(options && { options }) });
  }

  /** Deletes a key in the end, instead of what was to be done about it before. */
  delete(key: K): void {
    this.#change(key, { key: ownKey(key), kind: "delete" });
  }

  /**
   * Adds to a number in the end. The sum is not known before: a read of the key is refused. If it
   * is not within `min` and `max` then, the transaction is rejected with a `ConflictError`.
   *
   * @throws {InvalidArgumentError} when the transaction has changed the key already
   */
  increment(key: K, by?: number, options?: CommitIncrementOptions): void {
    if (this.#changes.has(this.#nameOf(key))) {
      throw new InvalidArgumentError(
        `key must not be changed before it is incremented in a transaction, got ${describe(key)}`,
      );
    }
    this.#change(key, { key: ownKey(key), kind: "increment", by, options });
  }

  /** Ends the run; false if it is to be run again. */
  async end(options: CommitOptions | undefined): Promise<boolean> {
    this.#isOver = true;
    if (this.#isDisturbed) return false;
    if (this.#changes.size === 0) return true;
    const { commits } = this.#parts;
    const draft = commits.begin("transaction");
    for (const { key, entry } of this.#reads.values()) {
      commits.check(draft, key, entry?.version ?? null);
    }
    for (const change of this.#changes.values()) addChange(commits, draft, change);
    if (await commits.commit(draft, options) !== null) return true;
    // A version is given once: if all is as it was read, the checks of that have held.
    if (this.#hasBounds && await this.#source.check([...this.#reads.values()])) throw outOfBounds();
    return false;
  }

  /** Ends a run that has thrown; whether it was disturbed, and is to be run again. */
  giveUp(): boolean {
    this.#isOver = true;
    return this.#isDisturbed;
  }

  /** Whether the commit may be refused for a sum. */
  get #hasBounds(): boolean {
    return [...this.#changes.values()].some((change) =>
      change.kind === "increment" &&
      (change.options?.min !== undefined || change.options?.max !== undefined)
    );
  }

  #change(key: Key, change: KeyChange<V>): void {
    this.#assertRuns();
    this.#parts.lifetime.assertWritable(change.kind);
    this.#changes.set(this.#nameOf(key), change);
  }

  /** Reads what was not read before; undefined for keys that the transaction has changed itself. */
  async #readAll(keys: readonly Key[]): Promise<(Entry<V> | undefined)[]> {
    this.#assertRuns();
    this.#parts.lifetime.assertOpen();
    const wanted = new Map(keys.map((key) => [this.#nameOf(key), key]));
    const names = keys.map((key) => this.#nameOf(key));
    for (const name of wanted.keys()) {
      if (this.#reads.has(name) || this.#changes.has(name)) wanted.delete(name);
    }
    if (wanted.size > 0) await this.#readMore([...wanted.keys()], [...wanted.values()]);
    return names.map((name) => this.#reads.get(name)?.entry);
  }

  /** Reads keys; ends the run if one that was read before has changed since. */
  async #readMore(names: readonly string[], keys: readonly Key[]): Promise<void> {
    const source = this.#source;
    const known = [...this.#reads.values()];
    const { reads, isOfOneMoment } = await source.read(keys, known);
    this.#assertRuns();
    for (const [i, read] of reads.entries()) {
      // Another call may have read it meanwhile: the first read counts for both.
      if (!this.#reads.has(names[i]!)) this.#reads.set(names[i]!, read);
    }
    const isAlone = this.#reads.size === known.length + reads.length;
    let isRight = isOfOneMoment;
    if (isRight !== false && !(isRight === true && isAlone) && this.#reads.size > 1) {
      isRight = await source.check([...this.#reads.values()]);
      this.#assertRuns();
    }
    if (isRight !== false) return;
    this.#isDisturbed = true;
    throw new Disturbed();
  }

  #assertRuns(): void {
    if (this.#isDisturbed) throw new Disturbed();
    if (!this.#isOver) return;
    throw new InvalidArgumentError(
      "a transaction must be used by its own function only, got a call after that has ended",
    );
  }

  /** Says which key it is, whatever object it is written as. */
  #nameOf(key: Key): string {
    const { key: encoder } = this.#parts;
    encoder.encode(key);
    const { words, start, byteLength } = encoder;
    return `${byteLength}:${words.subarray(start, start + ((byteLength + 3) >>> 2)).join()}`;
  }
}

function addChange<V>(commits: CommitWrites<V>, draft: CommitDraft, change: KeyChange<V>): void {
  if (change.kind === "put") commits.put(draft, change.key, change.value, change.options);
  else if (change.kind === "delete") commits.delete(draft, change.key);
  else commits.increment(draft, change.key, change.by, change.options);
}

function unknownSum(key: Key): InvalidArgumentError {
  return new InvalidArgumentError(
    `key must not be read after it was incremented in the same transaction, got ${describe(key)}`,
  );
}

function outOfBounds(): ConflictError {
  return new ConflictError(
    "the sums of a transaction must be within the min and max of its increments, got one that is not",
  );
}

/** Runs a function as a transaction until it is made: see `Store.transaction`. */
export async function runTransaction<V, K extends Key, Result>(
  parts: TransactionParts<V>,
  run: (transaction: Transaction<V, K>) => Result | Promise<Result>,
  options: CommitOptions | undefined,
): Promise<Result> {
  // Where there are none, or not such ones, it is said before the function is called.
  parts.commits.begin("transaction");
  parts.commits.mustSync(options);
  for (let number = 1; number <= TRANSACTION_RUNS_MAX; number++) {
    const transaction = new Transaction<V, K>(parts);
    try {
      const result = await run(transaction);
      if (await transaction.end(options)) return result;
    } catch (error) {
      if (!transaction.giveUp()) throw error;
    }
    if (number < TRANSACTION_RUNS_MAX) await sleep(backOffMs(number));
  }
  throw new ConflictError(
    `a transaction must find what it has read unchanged when it ends, got a change by others in each of ${TRANSACTION_RUNS_MAX} runs`,
  );
}

/**
 * How long to wait after so many runs: a share of a time that doubles with each, long enough in the
 * end for many others.
 */
export function backOffMs(runs: number, share: number = Math.random()): number {
  return share * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** runs);
}
