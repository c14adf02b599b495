/**
 * Rules of what stands in commands.
 *
 * @module
 */
import { NODE_ID_COUNT } from "../../core/limits.ts";
import type { Tail } from "./command.ts";

/** Whether something is a whole number from 0 on. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether it is one below a limit. */
export function isBelow(value: unknown, limit: number): value is number {
  return isWhole(value) && value < limit;
}

/** Whether it is a list of lists of some length, each of which keeps a rule. */
export function isList(
  value: unknown,
  length: number,
  isRow: (row: readonly unknown[]) => boolean,
): boolean {
  return Array.isArray(value) &&
    value.every((row) => Array.isArray(row) && row.length === length && isRow(row));
}

/** Whether it is a list of pairs that keep a rule. */
export function isPairs(
  value: unknown,
  isPair: (first: unknown, second: unknown) => boolean,
): boolean {
  return isList(value, 2, ([first, second]) => isPair(first, second));
}

/** Whether it is from where a log has to be read. */
export function isTail(value: unknown): value is Tail {
  return Array.isArray(value) && value.length === 3 && isBelow(value[0], NODE_ID_COUNT) &&
    isWhole(value[1]) && isWhole(value[2]);
}
