/**
 * Accounts between which clients move money by atomic commits and transactions, in a near store
 * that keeps everything: the sum of what they hold never changes, whoever dies in the middle of a
 * commit. And pairs of keys among them that are there together, or not at all.
 *
 * @module
 */
import { ConflictError, type Store } from "../../../mod.ts";
import type { Random } from "../random.ts";
import { outcomeOf } from "./outcomes.ts";

/** What all names begin with. */
export const ACCOUNT_PREFIX = "account/";

const ACCOUNTS = 24;
const PAIRS = 6;
const BALANCE = 1000;
const AMOUNT_MAX = 50;

/** Names of the accounts, which exist all the time, in their order. */
const ACCOUNT_KEYS: readonly string[] = Array.from(
  { length: ACCOUNTS },
  (_, i) => `${ACCOUNT_PREFIX}${String(i).padStart(2, "0")}`,
);
/**
 * Names of two keys that are put and deleted together, one near the beginning and one near the end.
 */
const PAIR_KEYS: readonly (readonly [string, string])[] = Array.from(
  { length: PAIRS },
  (_, i) => [`${ACCOUNT_KEYS[i]}/pair`, `${ACCOUNT_KEYS[ACCOUNTS - 1 - i]}/pair`],
);

/** All keys of accounts and pairs. */
export const TRADED_KEYS: readonly string[] = [...ACCOUNT_KEYS, ...PAIR_KEYS.flat()];

/** Words in which all clients of a round count together. */
export const Traded = {
  /** Commits and transactions that were made. */
  COMMITS: 0,
  /** Reads of all accounts at one moment. */
  SUMS: 1,
  /** Ranges that were read from their beginning to their end. */
  SCANS: 2,
} as const;

/** Makes the words of a round; structured-cloneable. */
export function makeTradedWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * Object.keys(Traded).length));
}

/** Opens the accounts, before there are other clients. */
export async function openAccounts(store: Store<unknown>): Promise<void> {
  await store.putMany(ACCOUNT_KEYS.map((key) => [key, BALANCE]));
}

/** What a client trades with. */
export interface AccountsOptions {
  readonly store: Store<unknown>;
  readonly random: Random;
  readonly traded: Int32Array;
  /** Whether the store knows the order of its keys. */
  readonly isOrdered: boolean;
}

/** One client's trading. */
export class Accounts {
  readonly #options: AccountsOptions;

  /** Prepares a client, for accounts that are open. */
  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** Commits, or looks; rejects if it has seen what cannot be. */
  async turn(): Promise<void> {
    const { random } = this.#options;
    switch (random.below(10)) {
      case 0:
      case 1:
        return await this.#change(() => this.#moveChecked());
      case 2:
      case 3:
        return await this.#change(() => this.#moveBlindly());
      case 4:
        return await this.#change(() => this.#moveInTransaction());
      case 5:
      case 6:
        return await this.#change(() => this.#changePair());
      case 7:
        return await this.#look(() => this.checkSums());
      case 8:
        return await this.#look(() => this.#checkOneAfterTheOther());
      default:
        return await this.#look(() => this.#scan());
    }
  }

  /** Reads everything at one moment; rejects unless it is as it must be at every moment. */
  async checkSums(): Promise<void> {
    const { store, traded } = this.#options;
    const found = await store.getMany(TRADED_KEYS, { consistent: true });
    const balances = found.slice(0, ACCOUNTS) as (number | undefined)[];
    const sum = balances.reduce<number>((total, balance) => total + (balance ?? NaN), 0);
    if (sum !== ACCOUNTS * BALANCE) {
      throw new Error(`accounts must hold ${ACCOUNTS * BALANCE}, got ${sum}: ${balances}`);
    }
    for (let i = ACCOUNTS; i < found.length; i += 2) {
      if (found[i] === found[i + 1]) continue;
      throw new Error(`a pair must be whole, got ${TRADED_KEYS[i]} ${found[i]}, ${found[i + 1]}`);
    }
    Atomics.add(traded, Traded.SUMS, 1);
  }

  /** A transfer that is made if neither account has changed since it was read. */
  async #moveChecked(): Promise<boolean> {
    const { store } = this.#options;
    const [from, to, amount] = this.#draw();
    const [giver, taker] = await store.getEntries([from, to]);
    const commit = await store.atomic()
      .check(from, giver!.version)
      .check(to, taker!.version)
      .put(from, Number(giver!.value) - amount)
      .put(to, Number(taker!.value) + amount)
      .commit();
    return commit !== null;
  }

  /** A transfer that has not read anything. */
  async #moveBlindly(): Promise<boolean> {
    const { store } = this.#options;
    const [from, to, amount] = this.#draw();
    const commit = store.atomic().increment(from, -amount).increment(to, amount);
    if (await commit.commit() === null) throw new Error("a commit without checks was refused");
    return true;
  }

  async #moveInTransaction(): Promise<boolean> {
    const [from, to, amount] = this.#draw();
    await this.#options.store.transaction(async (tx) => {
      const [giver, taker] = await tx.getMany([from, to]);
      tx.put(from, Number(giver) - amount);
      tx.put(to, Number(taker) + amount);
    });
    return true;
  }

  /** Puts both keys of a pair, or deletes them. */
  async #changePair(): Promise<boolean> {
    const { random, store } = this.#options;
    const [one, other] = random.pick(PAIR_KEYS);
    const value = random.below(2 ** 31);
    const commit = random.below(2) === 0
      ? store.atomic().delete(one).delete(other)
      : store.atomic().put(one, value).put(other, value);
    return await commit.commit() !== null;
  }

  /** Two accounts, and what one gives to the other. */
  #draw(): [from: string, to: string, amount: number] {
    const { random } = this.#options;
    const from = random.below(ACCOUNTS);
    const to = (from + random.between(1, ACCOUNTS - 1)) % ACCOUNTS;
    return [ACCOUNT_KEYS[from]!, ACCOUNT_KEYS[to]!, random.between(1, AMOUNT_MAX)];
  }

  /**
   * Reads a pair one after the other: if the first has not changed in between, nor has the second.
   */
  async #checkOneAfterTheOther(): Promise<void> {
    const { random, store } = this.#options;
    const [one, other] = random.pick(PAIR_KEYS);
    const before = await store.getEntry(one);
    const after = await store.getEntry(other);
    const again = await store.getEntry(one);
    if (before?.version !== again?.version || before === undefined) return;
    if (before.value !== after?.value) {
      throw new Error(`${other} must be ${before.value} with ${one}, got ${after?.value}`);
    }
  }

  /** Reads a range: each account in it is there once, and in an ordered store in its order. */
  async #scan(): Promise<void> {
    const { random, store, isOrdered, traded } = this.#options;
    const [first, last] = [random.below(ACCOUNTS), random.below(ACCOUNTS)].sort((a, b) => a - b);
    const expected = isOrdered ? ACCOUNT_KEYS.slice(first, last! + 1) : ACCOUNT_KEYS;
    const reverse = isOrdered && random.below(2) === 0;
    const seen: string[] = [];
    const range = isOrdered
      ? { gte: ACCOUNT_KEYS[first!]!, lte: ACCOUNT_KEYS[last!]!, reverse }
      : { prefix: ACCOUNT_PREFIX };
    for await (const [key, value] of store.entries(range)) {
      if (typeof value !== "number") throw new Error(`${key} must be a number, got ${value}`);
      seen.push(String(key));
    }
    if (reverse) seen.reverse();
    const isAscending = seen.every((key, i) => i === 0 || key > seen[i - 1]!);
    const isRight = isOrdered ? isAscending : new Set(seen).size === seen.length;
    const stable = seen.filter((key) => expected.includes(key));
    if (isRight && (!isOrdered || stable.join() === expected.join())) {
      Atomics.add(traded, Traded.SCANS, 1);
      return;
    }
    throw new Error(`a range of ${expected[0]} to ${expected.at(-1)} was read as ${seen}`);
  }

  async #change(change: () => Promise<boolean>): Promise<void> {
    try {
      if (await change()) Atomics.add(this.#options.traded, Traded.COMMITS, 1);
    } catch (error) {
      // Others were faster, again and again.
      if (!(error instanceof ConflictError)) outcomeOf(error, false);
    }
  }

  async #look(look: () => Promise<void>): Promise<void> {
    await look().catch((error) => outcomeOf(error, false));
  }
}
