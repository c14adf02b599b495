/**
 * The state of the control stream after one of its messages, as a part of a message: who begins
 * with it need not read what was before.
 *
 * It says what the messages up to there add up to, which is the same for all who have read them. So
 * it is true whoever has written it, and however late it is stored.
 *
 * @module
 */
import { NODE_ID_COUNT, SLOT_COUNT } from "../../core/limits.ts";
import {
  type Barrier,
  type Fenced,
  type Floor,
  isBelow,
  isList,
  isPairs,
  isTail,
  isWhole,
  type Settings,
  type Tail,
} from "./command_rules.ts";

/** Slots, one behind the other, of which the same is known. */
export type SlotRun = readonly [
  count: number,
  owner: number,
  assignedAt: number,
  keeperNode: number,
  keeperSequence: number,
];
/** A lease; without a holder it is free. */
export type LeasePicture = readonly [
  node: number,
  sequence: number,
  term: number,
  holder: string | null,
  address: string | null,
];
/** What the slots of an owner need. */
export type NeedsPicture = readonly [
  owner: number,
  tails: readonly Tail[],
  floors: readonly Floor[],
];
/** A node's last checkpoint. */
export type PositionPicture = readonly [
  node: number,
  sequence: number,
  term: number,
  index: number,
];

/** A state. */
export interface StatePicture {
  readonly mapSequence: number;
  readonly settings: Settings | null;
  readonly slots: readonly SlotRun[];
  readonly leases: readonly LeasePicture[];
  readonly barriers: readonly Barrier[];
  readonly unfenced: readonly Fenced[];
  readonly needs: readonly NeedsPicture[];
  readonly positions: readonly PositionPicture[];
}

/** Puts slots of which the same is known together. */
export function runsOf(rows: Iterable<readonly number[]>): SlotRun[] {
  const runs: [number, ...number[]][] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    if (last !== undefined && row.every((value, i) => value === last[i + 1])) last[0] += 1;
    else runs.push([1, ...row]);
  }
  return runs as unknown as SlotRun[];
}

/** Whether something that was read is a picture, as far as that can be seen. */
export function isPicture(
  value: unknown,
  isSettings: (value: Record<string, unknown>) => boolean,
): value is StatePicture {
  if (typeof value !== "object" || value === null) return false;
  const { mapSequence, settings, slots, leases, barriers, unfenced, needs, positions } =
    value as Record<keyof StatePicture, unknown>;
  const isNode = (node: unknown) => isBelow(node, NODE_ID_COUNT);
  const isNodeOrNone = (node: unknown) => node === -1 || isNode(node);
  const isPlace = (node: unknown, sequence: unknown) => isNode(node) && isWhole(sequence);
  return isWhole(mapSequence) &&
    (settings === null || isSettings(settings as Record<string, unknown>)) &&
    isList(
      slots,
      5,
      ([count, owner, at, keeper, sequence]) =>
        isWhole(count) && isNodeOrNone(owner) && isWhole(at) && isNodeOrNone(keeper) &&
        isWhole(sequence),
    ) &&
    (slots as readonly SlotRun[]).reduce((sum, [count]) => sum + count, 0) === SLOT_COUNT &&
    isList(
      leases,
      5,
      ([node, sequence, term, holder, address]) =>
        isPlace(node, sequence) && isWhole(term) && isTextOrNone(holder) &&
        isTextOrNone(address),
    ) &&
    isPairs(barriers, isPlace) && isPairs(unfenced, isPlace) &&
    isList(
      needs,
      3,
      ([owner, tails, floors]) =>
        isNodeOrNone(owner) && Array.isArray(tails) && tails.every(isTail) &&
        isPairs(floors, (stream, at) => typeof stream === "string" && isWhole(at)),
    ) &&
    isList(
      positions,
      4,
      ([node, sequence, term, index]) => isPlace(node, sequence) && isWhole(term) && isWhole(index),
    );
}

function isTextOrNone(value: unknown): boolean {
  return value === null || typeof value === "string";
}
