/**
 * What has to be known of a history before the search walks through it: the order of its calls and
 * returns, how much happens at once, and what its values tell.
 *
 * @module
 */
import { isReading } from "./key_register.ts";
import { type KeyHistory, OperationKind } from "./operation.ts";

/** A history's calls and returns in order. */
export interface HistoryEvents {
  /** Operations by the time of their call, without those that are pending and only read. */
  readonly calls: Int32Array;
  /** Operations that return, by the time when they do. */
  readonly returns: Int32Array;
  /** Operations in progress at once, at most. */
  readonly overlapMax: number;
  /**
   * Whether no value can be written twice, so that a value tells which write it is from, and has
   * one version.
   */
  readonly isUnique: boolean;
  /**
   * Whether the only changes are increments by more than 0, so that the value never becomes
   * smaller.
   */
  readonly isGrowing: boolean;
  /**
   * For each pending operation the one called before it that nothing can tell from it, or -1;
   * undefined when nothing is pending.
   */
  readonly twinBefore: Int32Array | undefined;
}

/** Sorts the events of a history. An operation that is called when another returns overlaps it. */
export function eventsOf(history: KeyHistory): HistoryEvents {
  const { count, callAt, returnAt } = history;
  const all = Int32Array.from({ length: count }, (_, index) => index);
  const calls = all
    .filter((index) => returnAt[index] !== Infinity || !isReading(history, index))
    .sort((a, b) => callAt[a] - callAt[b]);
  const returns = calls
    .filter((index) => returnAt[index] !== Infinity)
    .sort((a, b) => returnAt[a] - returnAt[b]);
  const hasPending = returns.length < calls.length;
  const isUnique = hasUniqueValues(history);
  return {
    calls,
    returns,
    overlapMax: countOverlap(history, calls, returns),
    isUnique,
    isGrowing: isGrowing(history),
    twinBefore: hasPending ? findTwins(history, calls, isUnique) : undefined,
  };
}

function countOverlap(history: KeyHistory, calls: Int32Array, returns: Int32Array): number {
  const { callAt, returnAt } = history;
  let overlapMax = 0;
  let ended = 0;
  for (let begun = 0; begun < calls.length; begun++) {
    const now = callAt[calls[begun]];
    while (ended < returns.length && returnAt[returns[ended]] < now) ended += 1;
    overlapMax = Math.max(overlapMax, begun + 1 - ended);
  }
  return overlapMax;
}

function isGrowing(history: KeyHistory): boolean {
  for (let index = 0; index < history.count; index++) {
    if (history.kind[index] === OperationKind.INCREMENT) {
      if (history.input[index] <= 0) return false;
    } else if (!isReading(history, index)) return false;
  }
  return true;
}

function hasUniqueValues(history: KeyHistory): boolean {
  const values = new Set<number>();
  for (let index = 0; index < history.count; index++) {
    const kind = history.kind[index];
    // A touch gives a value another version: it does not tell which one it has.
    if (kind === OperationKind.INCREMENT || kind === OperationKind.TOUCH) return false;
    if (kind !== OperationKind.PUT && kind !== OperationKind.COMPARE_AND_SET) continue;
    if (values.has(history.input[index])) return false;
    values.add(history.input[index]);
  }
  return true;
}

/**
 * Groups pending operations by their effect: those of a group can take each other's place, so the
 * search needs to try only the first. Where values are told apart by reads only, those that no read
 * returned are as good as equal.
 */
function findTwins(
  history: KeyHistory,
  calls: Int32Array,
  isUnique: boolean,
): Int32Array {
  const { kind, input, version, output, returnAt } = history;
  const seen = new Set<number>();
  for (const index of calls) {
    if (isReading(history, index) || kind[index] === OperationKind.TAKE) seen.add(output[index]);
  }
  const lastOf = new Map<string, number>();
  const twinBefore = new Int32Array(history.count).fill(-1);
  for (const index of calls) {
    if (returnAt[index] !== Infinity) continue;
    const value = isUnique && !seen.has(input[index]) ? "unseen" : input[index];
    const effect = `${kind[index]} ${value} ${version[index]}`;
    twinBefore[index] = lastOf.get(effect) ?? -1;
    lastOf.set(effect, index);
  }
  return twinBefore;
}
