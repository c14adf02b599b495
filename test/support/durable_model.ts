/**
 * What a logged store must still hold when it is opened again: a model of each key, fed with
 * operations as they are issued and as they end, and with what was made durable in between.
 *
 * A key is written by one client, whose requests apply in the order in which they were issued (I4).
 * So of a key there is one state that nothing may undo, and the operations after it, each of which
 * may be what is found.
 *
 * In a pool that evicts a key may vanish at any moment. It may be there again, as it was, when the
 * store is opened the next time; but not in the same life, and never if a delete was acknowledged
 * since, also one that found nothing to delete.
 *
 * @module
 */
import { Status } from "../../lib/rings/ring_layout.ts";
import type { SimKey } from "./sim_keys.ts";
import { require } from "./sim_model.ts";

/** An operation on its way, or ended. */
export interface DurableOperation {
  readonly kind: "put" | "delete" | "clear";
  /** Position among all operations of the world; values carry it. */
  readonly number: number;
  readonly expiresAtMs: number;
  /** Whether it was to be synced before it was acknowledged. */
  readonly mustSync: boolean;
  /** How it ended; undefined before. */
  status: number | undefined;
  /** The version that it was acknowledged with; 0 if that is not known. */
  version: number;
}

/** What a read returned; undefined stands for no such key. */
export interface FoundRecord {
  readonly operation: number;
  readonly version: number;
}

/** How much of the past must be found. */
export type Kept = "acknowledged" | "durable";

const NOTHING: DurableOperation = {
  kind: "delete",
  number: 0,
  expiresAtMs: Infinity,
  mustSync: false,
  status: Status.OK,
  version: 0,
};

/** One key. */
export class DurableKey {
  readonly key: SimKey;
  /** The operation that has made the state that nothing may undo any more. */
  #floor = NOTHING;
  /** What was issued after it, in this order, without what is known to have changed nothing. */
  #operations: DurableOperation[] = [];
  #versionSeen = 0;
  readonly #mayVanish: boolean;
  /** The put whose record has vanished in this life of the store; 0 if none has. */
  #vanished = 0;

  /** A key that does not exist yet, and may vanish when it does. */
  constructor(key: SimKey, mayVanish = false) {
    this.key = key;
    this.#mayVanish = mayVanish;
  }

  /** Notes an operation that has been issued. */
  issue(operation: DurableOperation): void {
    this.#operations.push(operation);
  }

  /** Notes how an operation has ended; its status and version are set. */
  end(operation: DurableOperation): void {
    const { kind, status, version } = operation;
    if (status === Status.NOT_DURABLE) return;
    if (this.#mayVanish && kind === "delete" && status === Status.UNMET) {
      operation.status = Status.OK;
    } else if (status !== Status.OK) {
      this.#operations = this.#operations.filter((other) => other !== operation);
      return;
    }
    if (kind === "put") {
      const seen = this.#versionSeen;
      require(version > seen, `I9: ${this.key.text} had version ${seen}, has ${version}`);
      this.#versionSeen = version;
    }
    if (operation.mustSync) this.#raiseFloor(operation);
  }

  /** Everything that has been acknowledged is durable. */
  raiseFloor(): void {
    this.#raiseFloor(this.#newest);
  }

  /** Checks what the running store says: what was acknowledged last, or something on its way. */
  checkVisible(found: FoundRecord | undefined, nowMs: number): void {
    const isVanished = found !== undefined && found.operation === this.#vanished;
    require(!isVanished, `I4: ${this.key.text} has vanished, and come back`);
    const isSettled = this.#operations.every((operation) => operation.status !== undefined);
    if (this.#mayVanish && found === undefined && isSettled && this.#newest.kind === "put") {
      this.#vanished = this.#newest.number;
    }
    this.#check(found, nowMs, [
      this.#newest,
      ...this.#operations.filter((operation) => operation.status === undefined),
    ]);
  }

  /** Checks what was found when the store was opened again; that is where it goes on from. */
  recover(found: FoundRecord | undefined, nowMs: number, kept: Kept): void {
    const first = kept === "durable" ? this.#floor : this.#newest;
    const later = this.#operations.slice(this.#operations.indexOf(first) + 1);
    const source = this.#check(found, nowMs, [first, ...later]);
    if (kept === "durable") this.#versionSeen = this.#floor.version;
    this.#floor = NOTHING;
    this.#operations = [];
    this.#vanished = 0;
    if (found === undefined) return;
    this.#versionSeen = Math.max(this.#versionSeen, found.version);
    this.#floor = { ...source, status: Status.OK, version: found.version };
  }

  /** The operation acknowledged last. */
  get #newest(): DurableOperation {
    return this.#operations.findLast((operation) => operation.status === Status.OK) ?? this.#floor;
  }

  #raiseFloor(operation: DurableOperation): void {
    this.#floor = operation;
    this.#operations = this.#operations.slice(this.#operations.indexOf(operation) + 1);
  }

  /** Checks that one of the candidates has made what was found; returns it. */
  #check(
    found: FoundRecord | undefined,
    nowMs: number,
    candidates: readonly DurableOperation[],
  ): DurableOperation {
    const isSource = (candidate: DurableOperation) => {
      const exists = candidate.kind === "put" && candidate.expiresAtMs > nowMs;
      if (found === undefined && this.#mayVanish) return true;
      if (found === undefined || !exists) return (found === undefined) === !exists;
      return candidate.number === found.operation &&
        (candidate.version === 0 || candidate.version === found.version);
    };
    const source = candidates.find(isSource);
    const story = candidates.map(({ kind, number, status, version }) =>
      `${kind} ${number} (status ${status}, version ${version})`
    );
    const what = found === undefined ? "nothing" : `${found.operation} (version ${found.version})`;
    require(
      source !== undefined,
      `I3: ${this.key.text} is ${what}, not one of ${story.join(", ")}`,
    );
    return source;
  }
}
