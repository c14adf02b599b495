/**
 * The configurations in which a key may be at one moment, each once.
 *
 * A configuration is a state of the key, and what has become of every operation in progress. Each
 * of these has a slot, a bit in two masks: neither bit is set while the operation still has to take
 * effect; `done` when it has; `optional` when it may take effect or not.
 *
 * One configuration makes another redundant when it has the same state and can go on in every way
 * in which the other can. An optional operation can do what one in any other condition can. And an
 * operation that only reads is better done than not: what it does to the state, if it is there
 * still to be done, only makes it harder for others.
 *
 * Where keys are evicted, one in which the key is there can go on in every way in which the same
 * one can without it.
 *
 * @module
 */
import { register } from "./key_register.ts";
import { ABSENT } from "./operation.ts";

/**
 * More are a sign of a history that the checker is not made for, such as dozens of operations in
 * progress all the time, and take time that grows with their square.
 */
export const CONFIGURATIONS_MAX = 20_000;

/** A key may be in so many configurations that nobody can say whether its history is right. */
export class UndecidedError extends Error {
  constructor() {
    super(`undecided: the key may be in ${CONFIGURATIONS_MAX} configurations`);
  }
}

/** Configurations in columns; the masks have a fixed number of words each. */
export class ConfigurationSet {
  count = 0;
  readonly #words: number;
  readonly #evicts: boolean;
  #value = new Float64Array(16);
  #version = new Float64Array(16);
  #isBound = new Uint8Array(16);
  #done: Int32Array;
  #optional: Int32Array;

  /** An empty set. */
  constructor(words: number, evicts: boolean) {
    this.#words = words;
    this.#evicts = evicts;
    this.#done = new Int32Array(16 * words);
    this.#optional = new Int32Array(16 * words);
  }

  /** Removes all. */
  clear(): void {
    this.count = 0;
  }

  /** Copies one configuration to the register and into the masks. */
  load(at: number, done: Int32Array, optional: Int32Array): void {
    register.value = this.#value[at];
    register.version = this.#version[at];
    register.isBound = this.#isBound[at];
    const from = at * this.#words;
    for (let w = 0; w < this.#words; w++) {
      done[w] = this.#done[from + w];
      optional[w] = this.#optional[from + w];
    }
  }

  /** Copies the register and the masks over one configuration. */
  store(at: number, done: Int32Array, optional: Int32Array): void {
    this.#value[at] = register.value;
    this.#version[at] = register.version;
    this.#isBound[at] = register.isBound;
    const to = at * this.#words;
    for (let w = 0; w < this.#words; w++) {
      this.#done[to + w] = done[w];
      this.#optional[to + w] = optional[w];
    }
  }

  /**
   * Adds the configuration of the register and the masks at the end, unless one that is there makes
   * it redundant.
   *
   * @param reading slots of operations that only read
   */
  add(done: Int32Array, optional: Int32Array, reading: Int32Array): void {
    if (this.#isRedundant(done, optional, reading)) return;
    if (this.count === this.#value.length) this.#grow();
    this.store(this.count++, done, optional);
  }

  /**
   * The same, and removes those that the added one makes redundant; their places are taken by
   * others.
   */
  addAndRemove(done: Int32Array, optional: Int32Array, reading: Int32Array): void {
    if (this.#isRedundant(done, optional, reading)) return;
    for (let at = this.count - 1; at >= 0; at--) {
      if (!this.#isStateIncluded(at) || !this.#isCovered(at, done, optional, reading)) continue;
      this.count -= 1;
      this.#move(this.count, at);
    }
    if (this.count === this.#value.length) this.#grow();
    this.store(this.count++, done, optional);
  }

  /** Takes out of a mask what is not done in all configurations. */
  keepDone(mask: Int32Array): void {
    for (let i = 0; i < this.count * this.#words; i++) mask[i % this.#words] &= this.#done[i];
  }

  #isRedundant(done: Int32Array, optional: Int32Array, reading: Int32Array): boolean {
    for (let at = 0; at < this.count; at++) {
      if (this.#includesState(at) && this.#covers(at, done, optional, reading)) return true;
    }
    return false;
  }

  #hasState(at: number): boolean {
    return this.#value[at] === register.value && this.#version[at] === register.version &&
      this.#isBound[at] === register.isBound;
  }

  /** Whether a configuration has the state of the register, or one that eviction makes that. */
  #includesState(at: number): boolean {
    if (this.#hasState(at)) return true;
    return this.#evicts && register.value === ABSENT && this.#version[at] === register.version;
  }

  /** The same the other way round. */
  #isStateIncluded(at: number): boolean {
    if (this.#hasState(at)) return true;
    return this.#evicts && this.#value[at] === ABSENT && this.#version[at] === register.version;
  }

  #covers(at: number, done: Int32Array, optional: Int32Array, reading: Int32Array): boolean {
    const from = at * this.#words;
    for (let w = 0; w < this.#words; w++) {
      const ownDone = this.#done[from + w];
      const ownOptional = this.#optional[from + w];
      const different = (ownDone ^ done[w]) | (ownOptional ^ optional[w]);
      if ((different & ~ownOptional & ~(ownDone & reading[w])) !== 0) return false;
    }
    return true;
  }

  #isCovered(at: number, done: Int32Array, optional: Int32Array, reading: Int32Array): boolean {
    const from = at * this.#words;
    for (let w = 0; w < this.#words; w++) {
      const different = (this.#done[from + w] ^ done[w]) | (this.#optional[from + w] ^ optional[w]);
      if ((different & ~optional[w] & ~(done[w] & reading[w])) !== 0) return false;
    }
    return true;
  }

  #move(from: number, to: number): void {
    this.#value[to] = this.#value[from];
    this.#version[to] = this.#version[from];
    this.#isBound[to] = this.#isBound[from];
    for (let w = 0; w < this.#words; w++) {
      this.#done[to * this.#words + w] = this.#done[from * this.#words + w];
      this.#optional[to * this.#words + w] = this.#optional[from * this.#words + w];
    }
  }

  #grow(): void {
    if (this.count === CONFIGURATIONS_MAX) {
      throw new UndecidedError();
    }
    const capacity = Math.min(this.count * 2, CONFIGURATIONS_MAX);
    const value = new Float64Array(capacity);
    value.set(this.#value);
    this.#value = value;
    const version = new Float64Array(capacity);
    version.set(this.#version);
    this.#version = version;
    const isBound = new Uint8Array(capacity);
    isBound.set(this.#isBound);
    this.#isBound = isBound;
    const done = new Int32Array(capacity * this.#words);
    done.set(this.#done);
    this.#done = done;
    const optional = new Int32Array(capacity * this.#words);
    optional.set(this.#optional);
    this.#optional = optional;
  }
}
