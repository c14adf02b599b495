/**
 * What one thread does, recorded as it happens and without allocation.
 *
 * An operation is on the tape from before it begins, so what a thread was doing when it died is
 * known, and pending. The clock is read last when an operation begins and first when it has ended:
 * an operation that looks longer than it was overlaps more, and excuses more.
 *
 * @module
 */
import { type HistoryTape, KEYS_MAX } from "./history_tape.ts";
import { ABSENT } from "./operation.ts";
import type { SharedClock } from "./shared_clock.ts";

/**
 * Writes one thread's tape.
 *
 * @example
 * ```ts
 * const row = recorder.begin(OperationKind.PUT, key, writeId);
 * await store.put(`key ${key}`, writeId);
 * recorder.end(row);
 * ```
 */
export class HistoryRecorder {
  readonly #tape: HistoryTape;
  readonly #clock: SharedClock;
  #rowCount: number;

  /** Goes on where the tape ends. */
  constructor(tape: HistoryTape, clock: SharedClock) {
    this.#tape = tape;
    this.#clock = clock;
    this.#rowCount = Atomics.load(tape.rowCount, 0);
  }

  /** Operations that have begun. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Operations that the tape has room for. */
  get rowsLeft(): number {
    return this.#tape.kind.length - this.#rowCount;
  }

  /** Whether the tape has no row left. */
  get isFull(): boolean {
    return this.#rowCount === this.#tape.kind.length;
  }

  /**
   * Says that an operation begins now.
   *
   * @param kind one of OperationKind
   * @param input the value that it writes, or the number that it adds
   * @param version what compareAndSet expects, ABSENT for null
   * @returns the row, for {@linkcode end} or {@linkcode discard}; with neither the operation stays
   *   pending
   * @throws {Error} when the tape is full
   */
  begin(kind: number, key: number, input = 0, version = 0): number {
    const tape = this.#tape;
    const row = this.#rowCount;
    if (!(key >= 0 && key < KEYS_MAX)) throw new Error(`key must be below ${KEYS_MAX}, got ${key}`);
    if (this.isFull) throw new Error(`the tape holds only ${row} operations`);
    tape.key[row] = key;
    tape.kind[row] = kind;
    tape.input[row] = input;
    tape.version[row] = version;
    this.#rowCount = row + 1;
    tape.callTick[row] = this.#clock.tick();
    // Publishes the row to whoever reads the tape after this thread has died.
    Atomics.store(tape.rowCount, 0, row + 1);
    return row;
  }

  /** Says that an operation with a yes or no as its answer has ended now. */
  endWith(row: number, isTrue: boolean): void {
    this.end(row, isTrue ? 1 : 0);
  }

  /** Says that a getEntry has ended now, and what it returned. */
  endEntry(row: number, value = ABSENT, version = 0): void {
    const tick = this.#clock.tick();
    this.#tape.version[row] = version;
    this.#end(row, value, tick);
  }

  /**
   * Says that an operation has ended now.
   *
   * @param output the value that a read found, ABSENT for none; the sum of an increment
   */
  end(row: number, output = 0): void {
    this.#end(row, output, this.#clock.tick());
  }

  /** Says that an operation was refused and has certainly changed nothing. */
  discard(row: number): void {
    this.#tape.kind[row] = 0;
  }

  #end(row: number, output: number, tick: number): void {
    this.#tape.output[row] = output;
    // Publishes the output.
    Atomics.store(this.#tape.returnTick, row, tick);
  }
}
