/**
 * Searches an order in which the operations on a key may have taken effect: just-in-time
 * linearization (Lowe, "Testing for linearizability", 2017), breadth first.
 *
 * The search walks through the calls and returns of a history by time, and keeps all configurations
 * in which the key may be. An operation takes effect as late as possible: when one returns and has
 * not yet taken effect, it does so now, after any others in progress that it may need;
 * configurations in which that is impossible are dropped, and when none is left the history is not
 * linearizable. Walking breadth first keeps only what one moment needs: memory grows with what is
 * in progress and not with the history, there is nothing to go back to, and wherever the key is
 * quiet only its possible states remain.
 *
 * Four facts keep the configurations few:
 *
 * 1. An operation that only reads takes effect as soon as the state is the one that it saw. It
 *    leaves the state as it is, so taking it out of the place where it comes later leaves an order
 *    that is as good. The same holds when a getEntry tells the version of a write, if its value
 *    tells the write.
 * 2. A put that was in progress when another put took effect, or a delete that found the key and
 *    does not tell what it found, may have taken effect just before, where nothing saw it. From
 *    then on it is optional: it may take effect later, or have done so. Pending operations are
 *    optional from the beginning.
 * 3. Before another operation a put is tried only where something in progress needs its value: if
 *    nothing sees it before the next put it is optional anyway.
 * 4. Of pending operations with the same effect only the first is tried, and where nothing but
 *    increments change the key it never comes back to a smaller number.
 *
 * Where keys are evicted, each of them may become absent just before any operation takes effect,
 * and the search tries both. That is never of use to operations that do not see it, so it is not
 * tried by itself; and two of the facts are a little different:
 *
 * - 2: a put that was in progress when something was written to an absent key may have taken effect
 *   just before, and have been evicted at once.
 * - 4: where increments begin anew, sums come back to smaller numbers.
 *
 * @module
 */
import { ConfigurationSet } from "./configuration_set.ts";
import { eventsOf, type HistoryEvents } from "./history_events.ts";
import { evict, register, setRegister, startRegister, step } from "./key_register.ts";
import { ABSENT, type KeyHistory, OperationKind } from "./operation.ts";
import { clearBit, hasBit, OpenOperations, setBit } from "./open_operations.ts";

/** Where a search has found that there is no order. */
export interface SearchFailure {
  /** The operation that could not have taken effect before it returned. */
  readonly operation: number;
  /**
   * The time of the last call before which nothing was in progress, apart from pending operations.
   */
  readonly quietAt: number;
  /** Values that the key may have had just before, ABSENT among them. */
  readonly values: readonly number[];
}

/**
 * Searches an order for a history, of a store that evicts or not; returns undefined if there is
 * one.
 */
export function searchOrder(history: KeyHistory, evicts: boolean): SearchFailure | undefined {
  return new KeySearch(history, evicts).run();
}

class KeySearch {
  readonly #history: KeyHistory;
  readonly #evicts: boolean;
  readonly #events: HistoryEvents;
  readonly #open: OpenOperations;
  /**
   * Slot of each operation in progress; -1 for pending ones that are known to have taken effect.
   */
  readonly #slotOf: Int32Array;
  #current: ConfigurationSet;
  #next: ConfigurationSet;
  /**
   * Configurations on the way to the return of an operation, in which it has not taken effect yet.
   */
  readonly #work: ConfigurationSet;
  /**
   * Slots of operations that are not puts and have not taken effect in the configuration being
   * explored.
   */
  readonly #waiting: Int32Array;
  #waitingCount = 0;
  readonly #done: Int32Array;
  readonly #optional: Int32Array;
  readonly #doneBefore: Int32Array;
  readonly #optionalBefore: Int32Array;

  constructor(history: KeyHistory, evicts: boolean) {
    this.#history = history;
    this.#evicts = evicts;
    this.#events = eventsOf(history);
    this.#open = new OpenOperations(this.#events.overlapMax);
    this.#slotOf = new Int32Array(history.count);
    this.#waiting = new Int32Array(this.#events.overlapMax);
    const { words } = this.#open;
    this.#current = new ConfigurationSet(words, evicts);
    this.#next = new ConfigurationSet(words, evicts);
    this.#work = new ConfigurationSet(words, evicts);
    this.#done = new Int32Array(words);
    this.#optional = new Int32Array(words);
    this.#doneBefore = new Int32Array(words);
    this.#optionalBefore = new Int32Array(words);
  }

  run(): SearchFailure | undefined {
    const { calls, returns } = this.#events;
    const { callAt, returnAt } = this.#history;
    startRegister();
    this.#current.store(this.#current.count++, this.#done, this.#optional);
    let quietAt = 0;
    let called = 0;
    for (const operation of returns) {
      while (called < calls.length && callAt[calls[called]] <= returnAt[operation]) {
        if (this.#open.count === this.#open.pendingCount) quietAt = callAt[calls[called]];
        this.#call(calls[called++]);
      }
      const slot = this.#slotOf[operation];
      if (!this.#settle(operation, slot)) return { operation, quietAt, values: this.#values() };
      this.#open.remove(slot);
      if (this.#open.pendingCount > 0) this.#forgetDone();
    }
    return undefined;
  }

  /** An operation begins. */
  #call(operation: number): void {
    const slot = this.#open.add(this.#history, operation);
    this.#slotOf[operation] = slot;
    const isReading = hasBit(this.#open.reading, slot);
    const isPending = this.#history.returnAt[operation] === Infinity;
    if (!isReading && !isPending) return;
    for (let at = 0; at < this.#current.count; at++) {
      this.#current.load(at, this.#done, this.#optional);
      if (isPending) setBit(this.#optional, slot);
      else if (!this.#readNow(operation)) continue;
      else setBit(this.#done, slot);
      this.#current.store(at, this.#done, this.#optional);
    }
  }

  /**
   * An operation returns: replaces the configurations by those after it; false if there are none.
   */
  #settle(operation: number, slot: number): boolean {
    this.#next.clear();
    this.#work.clear();
    for (let at = 0; at < this.#current.count; at++) {
      this.#current.load(at, this.#done, this.#optional);
      if (hasBit(this.#done, slot)) {
        this.#keep(slot);
        continue;
      }
      this.#work.add(this.#done, this.#optional, this.#open.reading);
      if (hasBit(this.#optional, slot)) this.#keep(slot);
    }
    for (let at = 0; at < this.#work.count; at++) this.#explore(at, operation, slot);
    if (this.#next.count === 0) return false;
    const before = this.#current;
    this.#current = this.#next;
    this.#next = before;
    return true;
  }

  /** Lets an operation take effect in a configuration, or another one that it may need before. */
  #explore(at: number, operation: number, slot: number): void {
    this.#work.load(at, this.#doneBefore, this.#optionalBefore);
    const { value, version, isBound } = register;
    if (this.#apply(operation, slot)) this.#keep(slot);
    setRegister(value, version, isBound);
    if (this.#applyEvicted(operation, slot)) this.#keep(slot);
    setRegister(value, version, isBound);
    this.#findWaiting();
    if (this.#waitingCount === 0) return;
    for (let i = 0; i < this.#open.count; i++) {
      const other = this.#open.slots[i];
      if (other === slot || hasBit(this.#doneBefore, other) || this.#hasTwin(other)) continue;
      const isPut = hasBit(this.#open.puts, other);
      if (isPut && !this.#isNeeded(other)) continue;
      if (this.#apply(this.#open.operation[other], other)) this.#goOn(operation, slot);
      setRegister(value, version, isBound);
      if (this.#applyEvicted(this.#open.operation[other], other)) this.#goOn(operation, slot);
      setRegister(value, version, isBound);
    }
  }

  /**
   * Adds the configuration to those after the returning operation, or to those that are still on
   * the way.
   */
  #goOn(operation: number, slot: number): void {
    if (hasBit(this.#done, slot)) this.#keep(slot);
    else if (!this.#isTooFar(operation)) {
      this.#work.add(this.#done, this.#optional, this.#open.reading);
    }
  }

  /** The same as {@linkcode KeySearch.#apply}, with what the key holds evicted just before. */
  #applyEvicted(operation: number, slot: number): boolean {
    return this.#evicts && evict() && this.#apply(operation, slot);
  }

  /**
   * Lets an operation take effect after the loaded configuration; false if its answer does not
   * allow it.
   */
  #apply(operation: number, slot: number): boolean {
    const wasPresent = register.value !== ABSENT;
    if (!step(this.#history, operation)) return false;
    const isPut = hasBit(this.#open.puts, slot);
    const isDelete = this.#history.kind[operation] === OperationKind.DELETE;
    const isPresent = register.value !== ABSENT;
    const hides = isPut || (isDelete && wasPresent && !isPresent) ||
      (this.#evicts && !wasPresent && isPresent);
    const { words, puts } = this.#open;
    for (let w = 0; w < words; w++) {
      this.#done[w] = this.#doneBefore[w];
      this.#optional[w] = this.#optionalBefore[w];
      if (hides) this.#optional[w] |= puts[w] & ~this.#done[w];
    }
    setBit(this.#done, slot);
    clearBit(this.#optional, slot);
    this.#readAll();
    return true;
  }

  /**
   * Takes the returning operation out of the masks, and adds the configuration to those after it.
   */
  #keep(slot: number): void {
    clearBit(this.#done, slot);
    clearBit(this.#optional, slot);
    this.#next.addAndRemove(this.#done, this.#optional, this.#open.reading);
  }

  /** Lets everything that only reads, and saw the state as it is now, take effect. */
  #readAll(): void {
    const { words, reading, count, slots, operation } = this.#open;
    let isAnyLeft = false;
    for (let w = 0; w < words; w++) isAnyLeft ||= (reading[w] & ~this.#done[w]) !== 0;
    if (!isAnyLeft) return;
    for (let i = 0; i < count; i++) {
      const slot = slots[i];
      if (!hasBit(reading, slot) || hasBit(this.#done, slot)) continue;
      if (this.#readNow(operation[slot])) setBit(this.#done, slot);
    }
  }

  /** Lets an operation that only reads take effect, unless it should wait. */
  #readNow(operation: number): boolean {
    const { version, isBound } = register;
    if (!step(this.#history, operation)) return false;
    if (register.isBound === isBound || this.#events.isUnique) return true;
    // The same value may be written again, and the version may be that of the later write.
    setRegister(register.value, version, isBound);
    return false;
  }

  /** Lists what is not a put and has still to take effect in the configuration being explored. */
  #findWaiting(): void {
    const { words, others, slots, count } = this.#open;
    this.#waitingCount = 0;
    let isAnyWaiting = false;
    for (let w = 0; w < words; w++) isAnyWaiting ||= (others[w] & ~this.#doneBefore[w]) !== 0;
    if (!isAnyWaiting) return;
    for (let i = 0; i < count; i++) {
      const slot = slots[i];
      if (!hasBit(others, slot) || hasBit(this.#doneBefore, slot) || this.#hasTwin(slot)) continue;
      this.#waiting[this.#waitingCount++] = slot;
    }
  }

  /** Whether something could take effect after a put that cannot as well without it. */
  #isNeeded(put: number): boolean {
    const { value, version, isBound } = register;
    const { operation } = this.#open;
    let isNeeded = false;
    for (let i = 0; i < this.#waitingCount && !isNeeded; i++) {
      const next = operation[this.#waiting[i]];
      const isDelete = this.#history.kind[next] === OperationKind.DELETE;
      if (isDelete && value !== ABSENT) continue;
      setRegister(this.#history.input[operation[put]], version, 0);
      isNeeded = step(this.#history, next);
    }
    setRegister(value, version, isBound);
    return isNeeded;
  }

  /** Whether a value that only grows has passed the one that an operation saw. */
  #isTooFar(operation: number): boolean {
    if (!this.#events.isGrowing || this.#evicts) return false;
    const { kind, input, output } = this.#history;
    switch (kind[operation]) {
      case OperationKind.GET:
      case OperationKind.GET_ENTRY:
        return register.value > output[operation];
      case OperationKind.INCREMENT:
        return register.value > output[operation] - input[operation];
      default:
        return false;
    }
  }

  /** Whether an operation need not be tried, because one that does the same comes first. */
  #hasTwin(slot: number): boolean {
    const { twinBefore } = this.#events;
    if (twinBefore === undefined || !hasBit(this.#open.pending, slot)) return false;
    const twin = twinBefore[this.#open.operation[slot]];
    if (twin < 0 || this.#slotOf[twin] < 0) return false;
    return !hasBit(this.#doneBefore, this.#slotOf[twin]);
  }

  /** Frees the slots of pending operations that have taken effect whatever else has happened. */
  #forgetDone(): void {
    const { words, pending, slots, operation } = this.#open;
    const forgotten = this.#doneBefore;
    forgotten.set(pending);
    this.#current.keepDone(forgotten);
    let isAny = false;
    for (let w = 0; w < words; w++) isAny ||= forgotten[w] !== 0;
    if (!isAny) return;
    for (let at = 0; at < this.#current.count; at++) {
      this.#current.load(at, this.#done, this.#optional);
      for (let w = 0; w < words; w++) this.#done[w] &= ~forgotten[w];
      this.#current.store(at, this.#done, this.#optional);
    }
    for (let i = this.#open.count - 1; i >= 0; i--) {
      const slot = slots[i];
      if (!hasBit(forgotten, slot)) continue;
      this.#slotOf[operation[slot]] = -1;
      this.#open.remove(slot);
    }
  }

  #values(): number[] {
    const values = new Set<number>();
    for (let at = 0; at < this.#current.count; at++) {
      this.#current.load(at, this.#done, this.#optional);
      values.add(register.value);
    }
    return [...values];
  }
}
