/**
 * Histories that are linearizable by construction: clients of a key that takes one operation at a
 * time, each somewhere between the operation's call and its return.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { ABSENT, type Operation, OperationKind } from "./operation.ts";

/** What to simulate. */
export interface SimulatedPlan {
  readonly operationCount: number;
  readonly clientCount: number;
  /** Kinds to draw from; one that is there twice is twice as likely. */
  readonly kinds: readonly number[];
  /** Of how many changes one stays pending, done or not. */
  readonly changesPerDeath?: number;
  /** Of how many operations one finds that the key has just been evicted. */
  readonly operationsPerEviction?: number;
}

const { GET, GET_ENTRY, HAS, PUT, DELETE, COMPARE_AND_SET, INCREMENT } = OperationKind;
const { TOUCH, COMPARE_AND_DELETE, TAKE } = OperationKind;

/** Everything that a key with values of any kind can do. */
export const REGISTER_KINDS: readonly number[] = [
  ...[GET, GET, GET, GET_ENTRY, GET_ENTRY, HAS],
  ...[PUT, PUT, PUT, DELETE, COMPARE_AND_SET, COMPARE_AND_SET],
];
/** The same, and what takes or touches what is there. */
export const TAKEN_KINDS: readonly number[] = [
  ...[...REGISTER_KINDS, PUT, PUT],
  ...[TOUCH, COMPARE_AND_DELETE, TAKE, TAKE],
];
/** A key that is a counter. */
export const COUNTER_KINDS: readonly number[] = [INCREMENT, INCREMENT, INCREMENT, GET, GET_ENTRY];

/** An operation on its way. */
interface Call {
  readonly client: number;
  readonly kind: number;
  readonly input: number;
  readonly callAt: number;
  version: number;
  output: number;
  isApplied: boolean;
}

/** Simulates a history; the operations are in the order of their ends. */
export function simulateHistory(random: Random, plan: SimulatedPlan): Operation[] {
  const { operationCount, clientCount, kinds, changesPerDeath = 0 } = plan;
  const { operationsPerEviction = 0 } = plan;
  const operations: Operation[] = [];
  const calls: (Call | undefined)[] = new Array(clientCount).fill(undefined);
  const clients = calls.map((_, index) => index);
  const key = new SimulatedKey();
  let now = 0;
  let begun = 0;
  while (operations.length < operationCount) {
    const at = random.below(clientCount);
    const call = calls[at];
    if (call === undefined) {
      if (begun === operationCount) continue;
      begun += 1;
      calls[at] = key.call(random, clients[at]!, random.pick(kinds), ++now);
      continue;
    }
    const dies = changesPerDeath > 0 && isChange(call.kind) && random.below(changesPerDeath) === 0;
    if (!dies && !call.isApplied) {
      if (operationsPerEviction > 0 && random.below(operationsPerEviction) === 0) key.evict();
      key.apply(random, call);
      continue;
    }
    const { client, kind, input, version, output, callAt } = call;
    const returnAt = dies ? Infinity : ++now;
    operations.push({ client, kind, input, version, output, callAt, returnAt });
    if (kind === GET_ENTRY && output !== ABSENT) key.learn(version);
    calls[at] = undefined;
    // A client that died is replaced by one with a name of its own.
    if (dies) clients[at] = client + clientCount;
  }
  return operations;
}

function isChange(kind: number): boolean {
  return kind !== GET && kind !== GET_ENTRY && kind !== HAS;
}

/** A key, and what its clients know about it. */
class SimulatedKey {
  #value = ABSENT;
  #version = 1;
  #versionSeen = ABSENT;
  #valuesWritten = 0;

  call(random: Random, client: number, kind: number, callAt: number): Call {
    const expected = random.below(4) === 0 ? ABSENT : this.#versionSeen;
    const version = kind === COMPARE_AND_SET
      ? expected
      : kind === COMPARE_AND_DELETE
      ? Math.max(0, this.#versionSeen)
      : 0;
    const writes = kind === PUT || kind === COMPARE_AND_SET;
    const input = writes ? ++this.#valuesWritten : kind === INCREMENT ? 1 : 0;
    return { client, kind, input, version, output: 0, callAt, isApplied: false };
  }

  apply(random: Random, call: Call): void {
    call.isApplied = true;
    const isPresent = this.#value !== ABSENT;
    switch (call.kind) {
      case GET:
        call.output = this.#value;
        return;
      case GET_ENTRY:
        call.output = this.#value;
        if (!isPresent) return;
        call.version = this.#version;
        return;
      case HAS:
        call.output = isPresent ? 1 : 0;
        return;
      case PUT:
        return this.#write(random, call.input);
      case DELETE:
        call.output = isPresent ? 1 : 0;
        if (isPresent) this.#write(random, ABSENT);
        return;
      case COMPARE_AND_SET: {
        const isMet = call.version === ABSENT
          ? !isPresent
          : isPresent && call.version === this.#version;
        call.output = isMet ? 1 : 0;
        if (isMet) this.#write(random, call.input);
        return;
      }
      case COMPARE_AND_DELETE:
        call.output = isPresent && call.version === this.#version ? 1 : 0;
        if (call.output === 1) this.#write(random, ABSENT);
        return;
      case TOUCH:
        call.output = isPresent ? 1 : 0;
        if (isPresent) this.#write(random, this.#value);
        return;
      case TAKE:
        call.output = this.#value;
        if (isPresent) this.#write(random, ABSENT);
        return;
      default:
        call.output = (isPresent ? this.#value : 0) + call.input;
        this.#write(random, call.output);
    }
  }

  /** The store drops the key. What is written next has a larger version all the same. */
  evict(): void {
    this.#value = ABSENT;
  }

  /** A client learns the version that a getEntry has returned. */
  learn(version: number): void {
    this.#versionSeen = version;
  }

  #write(random: Random, value: number): void {
    this.#value = value;
    this.#version += random.between(1, 3);
  }
}
