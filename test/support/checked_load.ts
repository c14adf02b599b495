/**
 * What a process does to a store that others use, too, and how it checks every answer, until it is
 * told to end.
 *
 * Keys with its own number are changed by it alone, so it knows exactly what each operation has to
 * find.
 *
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import type { Store } from "../../mod.ts";
import { heard } from "./child.ts";
import { type LoadMessage, SHARED_COUNT, UNIQUE_COUNT } from "./load_messages.ts";

/** What differs from store to store. */
export interface LoadRules {
  /** Longer times without an answer are told. */
  readonly gapMsMin: number;
  /**
   * Whether a read may find what was put behind it: where the pool is, reads wait for all of it.
   */
  readonly mayReadAhead: boolean;
  /** Codes of errors that say that it does not know what has become of what it was doing. */
  readonly goneCodes: readonly string[];
  /** What it does in a round beside the usual. */
  readonly more: (load: CheckedLoad, round: number) => readonly Promise<void>[];
}

/** Additions to each number at one time. */
const ADDITIONS = 8;

/** One process of several. */
export class CheckedLoad {
  readonly store: Store<number>;
  readonly id: number;
  readonly #rules: LoadRules;
  #isWanted = true;
  #answeredAtMs = Date.now();
  #own = 0;
  #link: { version: number; value: number } | undefined;

  constructor(store: Store<number>, id: number, rules: LoadRules) {
    this.store = store;
    this.id = id;
    this.#rules = rules;
  }

  /** Goes on until it is told to end, and ends this process. */
  async run(): Promise<never> {
    void this.#listen();
    this.say({ kind: "open" });
    try {
      for (let round = 0; this.#isWanted; round++) await this.#go(round);
      const held = await this.store.get(`own ${this.id}`);
      this.check((held ?? 0) === this.#own, `own number is ${held} instead of ${this.#own}`);
      await this.store.close();
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      const kind = this.#rules.goneCodes.includes(code!) ? "gone" : "wrong";
      this.say({ kind, what: `process ${this.id}: ${code}: ${message}` });
    }
    this.say({ kind: "closed" });
    process.exit(0);
  }

  /** Tells the test that runs this process something. */
  say(message: LoadMessage): void {
    writeSync(1, `@dinomo ${JSON.stringify(message)}\n`);
  }

  /** Notes that something was answered. */
  answered<T>(result: T): T {
    const nowMs = Date.now();
    const fromMs = this.#answeredAtMs;
    if (nowMs - fromMs >= this.#rules.gapMsMin) this.say({ kind: "gap", fromMs, toMs: nowMs });
    this.#answeredAtMs = nowMs;
    return result;
  }

  /** Tells if something is not right. */
  check(isRight: boolean, what: string): void {
    if (!isRight) this.say({ kind: "wrong", what: `process ${this.id}: ${what}` });
  }

  async #listen(): Promise<void> {
    for await (const _ of heard()) this.#isWanted = false;
    this.#isWanted = false;
  }

  async #go(round: number): Promise<void> {
    await Promise.all([
      this.#addToShared(round),
      this.#addToOwn(),
      this.#putUnique(round),
      this.#goOnWithChain(),
      this.#goOnWithSharedChain(),
      this.#keepOrder(round),
      this.#deleteOwn(),
      ...this.#rules.more(this, round),
    ]);
  }

  #add(key: string): Promise<number[]> {
    const add = () => this.store.increment(key).then((sum) => this.answered(sum));
    return Promise.all(Array.from({ length: ADDITIONS }, add));
  }

  async #addToShared(round: number): Promise<void> {
    const key = `shared ${round % SHARED_COUNT}`;
    this.say({ kind: "adding", key, count: ADDITIONS });
    await this.#add(key);
    this.say({ kind: "added", key, count: ADDITIONS });
  }

  async #addToOwn(): Promise<void> {
    for (const sum of await this.#add(`own ${this.id}`)) {
      this.check(sum === ++this.#own, `sum ${sum} instead of ${this.#own}`);
    }
  }

  async #putUnique(round: number): Promise<void> {
    const { store, id } = this;
    const keys = Array.from({ length: UNIQUE_COUNT }, (_, i) => `unique ${id} ${round} ${i}`);
    const value = (i: number) => round * UNIQUE_COUNT + i;
    const put = (key: string, i: number) => store.put(key, value(i)).then(() => this.answered(i));
    await Promise.all(keys.map(put));
    this.say({ kind: "put", round });
    const read = await store.getMany(keys);
    read.forEach((found, i) => this.check(found === value(i), `${keys[i]} is ${found}`));
  }

  async #goOnWithChain(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      const value = (this.#link?.value ?? 0) + 1;
      const before = this.#link?.version ?? null;
      const key = `chain ${this.id}`;
      const version = this.answered(await this.store.compareAndSet(key, before, value));
      this.check(version !== undefined, `link ${value} of a chain was not put`);
      if (version !== undefined) this.#link = { version, value };
    }
  }

  async #goOnWithSharedChain(): Promise<void> {
    const entry = await this.store.getEntry("chain");
    const value = (entry?.value ?? 0) + 1;
    const before = entry?.version ?? null;
    this.say({ kind: "linking", value });
    const version = this.answered(await this.store.compareAndSet("chain", before, value));
    if (version !== undefined) this.say({ kind: "linked", value });
  }

  /** What is read was put before it, and nothing behind it, unless reads may be ahead. */
  async #keepOrder(round: number): Promise<void> {
    const key = `order ${this.id}`;
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < 4; i++) {
      const value = round * 4 + i;
      ends.push(this.store.put(key, value));
      const compare = (read: number | undefined) => {
        const isAhead = this.#rules.mayReadAhead && read !== undefined && read > value;
        this.check(read === value || isAhead, `${key} is ${read}, not ${value}`);
      };
      ends.push(this.store.get(key).then(compare));
    }
    await Promise.all(ends);
  }

  async #deleteOwn(): Promise<void> {
    const { store } = this;
    const key = `gone ${this.id}`;
    const [, isDeleted, isDeletedAgain, read] = await Promise.all([
      store.put(key, 1),
      store.delete(key),
      store.delete(key),
      store.get(key),
    ]);
    this.answered(undefined);
    this.check(isDeleted && !isDeletedAgain, `${key} was deleted ${isDeleted}, ${isDeletedAgain}`);
    this.check(read === undefined, `${key} is ${read} after its deletion`);
  }
}
