/**
 * The definition of linearizability, word for word: tries every order of the operations that agrees
 * with real time, with every choice of the pending ones. For a handful of operations, to judge the
 * checker by.
 *
 * It shares nothing with the checker. Versions are not part of a state here: an order makes a list
 * of writes, and what the operations say about the versions of these writes is gathered and then
 * has to fit.
 *
 * @module
 */
import { ABSENT, type Operation, OperationKind } from "./operation.ts";

/** A value, or its absence, from one change to the next, and what is known about its version. */
interface Write {
  readonly value: number;
  readonly versions: Set<number>;
  readonly otherVersions: Set<number>;
}

/** The key of a store that evicts is dropped. */
const EVICTION = Symbol("eviction");

type Step = Operation | typeof EVICTION;

/** Whether any order explains all answers, with evictions in between if the store evicts. */
export function hasAnyOrder(operations: readonly Operation[], evicts = false): boolean {
  return extendOrder([], [...operations], evicts);
}

function extendOrder(
  order: readonly Step[],
  rest: readonly Operation[],
  evicts: boolean,
): boolean {
  // What does not explain a beginning does not explain the whole.
  if (!explains(order)) return false;
  if (rest.every(({ returnAt }) => returnAt === Infinity)) return true;
  return rest.some((operation) => {
    const others = rest.filter((other) => other !== operation);
    if (others.some(({ returnAt }) => returnAt < operation.callAt)) return false;
    return extendOrder([...order, operation], others, evicts) ||
      (evicts && extendOrder([...order, EVICTION, operation], others, evicts));
  });
}

function explains(order: readonly Step[]): boolean {
  const writes: Write[] = [makeWrite(ABSENT)];
  return order.every((step) => explainsOne(writes, step)) && areVersionsPossible(writes);
}

function makeWrite(value: number): Write {
  return { value, versions: new Set(), otherVersions: new Set() };
}

function explainsOne(writes: Write[], operation: Step): boolean {
  if (operation === EVICTION) return writes.push(makeWrite(ABSENT)) > 0;
  const { kind, input, version, output, returnAt } = operation;
  const current = writes.at(-1)!;
  const isPresent = current.value !== ABSENT;
  const isPending = returnAt === Infinity;
  const isYes = output === 1;
  switch (kind) {
    case OperationKind.GET:
      return isPending || current.value === output;
    case OperationKind.GET_ENTRY:
      if (isPending) return true;
      if (isPresent) current.versions.add(version);
      return current.value === output;
    case OperationKind.HAS:
      return isPending || isPresent === isYes;
    case OperationKind.PUT:
      writes.push(makeWrite(input));
      return true;
    case OperationKind.DELETE:
      if (isPresent) writes.push(makeWrite(ABSENT));
      return isPending || isPresent === isYes;
    case OperationKind.INCREMENT: {
      const sum = (isPresent ? current.value : 0) + input;
      writes.push(makeWrite(sum));
      return isPending || sum === output;
    }
    case OperationKind.TOUCH:
      if (isPresent) writes.push(makeWrite(current.value));
      return isPending || isPresent === isYes;
    case OperationKind.TAKE:
      if (isPresent) writes.push(makeWrite(ABSENT));
      return isPending || current.value === output;
    default:
      // Where a pending one does nothing it may as well be left out of the order.
      if (!isPending && !isYes) {
        if (version !== ABSENT) current.otherVersions.add(version);
        return version !== ABSENT || isPresent;
      }
      if (version !== ABSENT) current.versions.add(version);
      writes.push(makeWrite(kind === OperationKind.COMPARE_AND_SET ? input : ABSENT));
      return isPresent === (version !== ABSENT);
  }
}

/**
 * Each write has at most one version, none that it was said not to have, and a larger one than
 * those before.
 */
function areVersionsPossible(writes: readonly Write[]): boolean {
  let newest = -1;
  for (const { versions, otherVersions, value } of writes) {
    if (versions.size > 1) return false;
    for (const version of versions) {
      if (version <= newest || (value !== ABSENT && otherVersions.has(version))) return false;
      newest = version;
    }
  }
  return true;
}
