/**
 * Small histories with random answers: as good as never what a store would do, but legal often
 * enough to judge a checker by.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { ABSENT, type Operation, OperationKind } from "./operation.ts";

const { GET, GET_ENTRY, HAS, PUT, DELETE, COMPARE_AND_SET, INCREMENT } = OperationKind;
const { TOUCH, COMPARE_AND_DELETE, TAKE } = OperationKind;
const UNIQUE_KINDS = [GET, GET_ENTRY, HAS, PUT, PUT, DELETE, COMPARE_AND_SET];
const TAKEN_KINDS = [GET, GET_ENTRY, PUT, PUT, DELETE, TOUCH, COMPARE_AND_DELETE, TAKE, TAKE];
const COUNTER_KINDS = [INCREMENT, INCREMENT, GET, GET_ENTRY, PUT, DELETE, COMPARE_AND_SET];

/** Makes a history of up to `operationsMax` operations, in the order of their calls. */
export function randomHistory(random: Random, operationsMax: number): Operation[] {
  const count = random.between(1, operationsMax);
  const isCounting = random.below(3) === 0;
  const isTaking = random.below(2) === 0;
  // From hardly any overlap to everything at once.
  const lengthMax = random.between(1, count * 3);
  const operations: Operation[] = [];
  let callAt = 0;
  for (let i = 0; i < count; i++) {
    callAt += random.between(1, 3);
    const kind = random.pick(isCounting ? COUNTER_KINDS : isTaking ? TAKEN_KINDS : UNIQUE_KINDS);
    const isWriting = kind === PUT || kind === COMPARE_AND_SET;
    const small = random.between(1, 3);
    // Different for each write, or any of a few numbers.
    const input = kind === INCREMENT || (isWriting && isCounting) ? small : isWriting ? i + 1 : 0;
    const returnAt = random.below(6) === 0 ? Infinity : callAt + random.between(1, lengthMax) + 0.5;
    const output = outputOf(random, kind, count);
    const version = versionOf(random, kind, callAt, operations);
    operations.push({ client: i, kind, input, version, output, callAt, returnAt });
  }
  return operations;
}

function outputOf(random: Random, kind: number, count: number): number {
  switch (kind) {
    case GET:
    case GET_ENTRY:
    case TAKE:
      return random.below(3) === 0 ? ABSENT : random.between(1, Math.min(4, count));
    case INCREMENT:
      return random.between(1, 5);
    case PUT:
      return 0;
    default:
      return random.below(2);
  }
}

/** A compareAndSet expects what a getEntry has told before, or what none will ever tell. */
function versionOf(
  random: Random,
  kind: number,
  callAt: number,
  before: readonly Operation[],
): number {
  if (kind === GET_ENTRY) return random.between(1, 3);
  if (kind !== COMPARE_AND_SET && kind !== COMPARE_AND_DELETE) return 0;
  const told = before
    .filter((other) => other.kind === GET_ENTRY && other.returnAt < callAt)
    .filter(({ output }) => output !== ABSENT);
  if (told.length > 0 && random.below(4) > 0) return random.pick(told).version;
  return kind === COMPARE_AND_SET && random.below(3) > 0 ? ABSENT : 100 + callAt;
}
