/**
 * What the store must hold: a model of each key, fed with the operations as they are issued and as
 * they end.
 *
 * A key is written by one client only, and the requests of one client and slot apply in the order
 * in which they were issued (I4), so what an operation comes to follows from those before it; only
 * whether a time to live had passed when the KN looked can be open. The model applies an operation
 * when it has ended. In between it knows what a read may return: the state that the ended
 * operations have left, or one that an operation still on its way may have made.
 *
 * In a pool that evicts a key may vanish at any moment. What is known to be gone must not come
 * back: after a read that misses the key while no operation on it is on its way, or a delete that
 * says that it is not there, it does not exist.
 *
 * @module
 */
import { Status } from "../../lib/rings/ring_layout.ts";
import type { SimKey } from "./sim_keys.ts";

/** What an operation does. */
export type OperationKind = "put" | "put-absent" | "put-version" | "touch" | "delete" | "clear";

/** An operation on its way, or ended. */
export interface SimOperation {
  readonly kind: OperationKind;
  /** Position among all operations of the simulation; the value carries it. */
  readonly number: number;
  readonly expiresAtMs: number;
  readonly expectedVersion: number;
  readonly issuedAtMs: number;
  /** How it ended; undefined before. */
  status: number | undefined;
}

/** The newest record of a key. */
interface KeyState {
  readonly operation: number;
  readonly version: number;
  readonly expiresAtMs: number;
}

/** What a read returned; undefined operation: no such key. */
export interface SeenRecord {
  readonly operation: number;
  readonly version: number;
}

/** A read that has begun. */
export interface BegunRead {
  readonly state: KeyState | undefined;
  /** Operations from here on may still be applied. */
  readonly from: number;
  readonly versionSeen: number;
  /** Operations from here on had not been issued when the read ended; none, if it ends now. */
  readonly to?: number;
}

/** Throws with the number of the broken invariant. */
export function require(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(rule);
}

/** One key and its operations. */
export class KeyModel {
  readonly key: SimKey;
  readonly #mayVanish: boolean;
  /** Operations on the key in the order of issue; the first `endedCount` have ended. */
  readonly operations: SimOperation[] = [];
  endedCount = 0;
  state: KeyState | undefined;
  /** Newest version that was read or written. */
  versionSeen = 0;
  #versionWritten = 0;

  /** A key that does not exist, and may vanish when it does. */
  constructor(key: SimKey, mayVanish = false) {
    this.key = key;
    this.#mayVanish = mayVanish;
  }

  /**
   * Whether the key's record may have been there, or gone, when a KN looked between the two times.
   */
  mayExist(fromMs: number): boolean {
    return this.state !== undefined && this.state.expiresAtMs > fromMs;
  }

  /** See {@linkcode mayExist}. */
  mayBeAbsent(toMs: number): boolean {
    return this.#mayVanish || this.state === undefined || this.state.expiresAtMs <= toMs;
  }

  /**
   * Takes the end of the key's oldest operation. One that found the pool full has changed nothing,
   * and may end before those that were issued before it.
   */
  end(operation: SimOperation, status: number, version: number, nowMs: number): void {
    while (isRefused(this.operations[this.endedCount])) this.endedCount += 1;
    if (isRefused(operation)) return;
    require(
      this.operations[this.endedCount] === operation,
      `I4: operation ${operation.number} on ${this.key.text} ended out of order`,
    );
    this.endedCount += 1;
    const { kind, issuedAtMs } = operation;
    const what = `${kind} ${operation.number} of ${this.key.text}`;
    require(status === Status.OK || status === Status.UNMET, `${what} ended with ${status}`);
    const isOk = status === Status.OK;
    switch (kind) {
      case "put":
        require(isOk, `${what} was not applied`);
        break;
      case "put-absent":
        require(
          isOk ? this.mayBeAbsent(nowMs) : this.mayExist(issuedAtMs),
          `I4: ${what} ended with ${status}, the key holds ${this.state?.operation}`,
        );
        break;
      case "put-version": {
        const matches = this.state?.version === operation.expectedVersion;
        require(
          isOk ? matches && this.mayExist(issuedAtMs) : !matches || this.mayBeAbsent(nowMs),
          `I4: ${what} expected version ${operation.expectedVersion} and ended with ${status}, ` +
            `the key has ${this.state?.version}`,
        );
        break;
      }
      case "touch":
        require(
          isOk ? this.mayExist(issuedAtMs) : this.mayBeAbsent(nowMs),
          `I4: ${what} ended with ${status}, the key holds ${this.state?.operation}`,
        );
        break;
      case "delete":
        require(
          isOk ? this.mayExist(issuedAtMs) : this.mayBeAbsent(nowMs),
          `I4: ${what} ended with ${status}, the key holds ${this.state?.operation}`,
        );
        // A delete of an expired record says that there was none; the sweeper removes it.
        if (isOk) this.state = undefined;
        else this.#notePassed(nowMs);
        return;
      case "clear":
        this.state = undefined;
        return;
    }
    if (!isOk) return;
    require(
      version > this.#versionWritten,
      `I9: ${what} got version ${version} after ${this.#versionWritten}`,
    );
    this.#versionWritten = version;
    this.versionSeen = Math.max(this.versionSeen, version);
    // A touch leaves the value as it is.
    const number = kind === "touch" ? this.state!.operation : operation.number;
    this.state = { operation: number, version, expiresAtMs: operation.expiresAtMs };
  }

  /** Notes where a read begins. */
  beginRead(): BegunRead {
    return { state: this.state, from: this.endedCount, versionSeen: this.versionSeen };
  }

  /**
   * Checks what a read returned that began with `begun` and has ended now.
   *
   * @param seen the record, undefined if the read found none
   */
  endRead(begun: BegunRead, seen: SeenRecord | undefined, nowMs: number): void {
    if (seen === undefined) return this.#endMiss(begun, nowMs);
    const { state } = begun;
    const puts = this.#since(begun).filter(isPut);
    const isExpected = seen.operation === state?.operation ||
      puts.some((operation) => operation.number === seen.operation);
    const allowed = [state?.operation, ...puts.map((operation) => operation.number)];
    require(
      isExpected,
      `I4: a read of ${this.key.text} returned ${seen.operation}, allowed were ${allowed}`,
    );
    require(
      seen.version >= begun.versionSeen,
      `I9: a read of ${this.key.text} returned version ${seen.version} after ${begun.versionSeen}`,
    );
    this.versionSeen = Math.max(this.versionSeen, seen.version);
  }

  /**
   * The same for a listing of the slot's keys, which includes those that have expired. A key that
   * went and came back meanwhile may be listed twice.
   */
  endListing(begun: BegunRead, count: number, nowMs: number): void {
    if (count === 0) return this.#endMiss(begun, nowMs);
    if (count !== 1) this.#requireChange(begun, nowMs);
    require(
      begun.state !== undefined || this.#since(begun).some(isPut),
      `I4: a listing shows ${this.key.text}, which does not exist`,
    );
  }

  #endMiss(begun: BegunRead, nowMs: number): void {
    if (!this.#mayVanish) return this.#requireChange(begun, nowMs);
    const endedAtBegin = begun.from === this.endedCount && begun.to === undefined;
    if (endedAtBegin && this.operations.length === this.endedCount) this.#notePassed(nowMs);
  }

  /** The key was not there. One that has expired may still be listed; another one has vanished. */
  #notePassed(nowMs: number): void {
    if (this.#mayVanish && (this.state?.expiresAtMs ?? 0) > nowMs) this.state = undefined;
  }

  #requireChange(begun: BegunRead, nowMs: number): void {
    const isGone = (record: { readonly expiresAtMs: number } | undefined) =>
      record === undefined || record.expiresAtMs <= nowMs;
    require(
      isGone(begun.state) ||
        this.#since(begun).some((operation) => isRemoval(operation) || isGone(operation)),
      `I4: a read missed ${this.key.text}, or saw it twice, which holds ${begun.state?.operation}`,
    );
  }

  /** Operations that may have been applied after the read began. */
  #since(begun: BegunRead): SimOperation[] {
    return this.operations.slice(begun.from, begun.to).filter(mayHaveApplied);
  }
}

function mayHaveApplied(operation: SimOperation): boolean {
  return operation.status === undefined || operation.status === Status.OK;
}

function isRefused(operation: SimOperation | undefined): boolean {
  return operation?.status === Status.LOG_FULL || operation?.status === Status.INDEX_FULL;
}

function isRemoval({ kind }: SimOperation): boolean {
  return kind === "delete" || kind === "clear";
}

function isPut(operation: SimOperation): boolean {
  return !isRemoval(operation) && operation.kind !== "touch";
}
