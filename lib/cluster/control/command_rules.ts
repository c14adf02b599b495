/**
 * What stands in commands, and its rules.
 *
 * @module
 */
import { NODE_ID_COUNT, SLOT_COUNT } from "../../core/limits.ts";

/** A slot and the node that is to own it. */
export type Move = readonly [slot: number, node: number];
/** A node's log, and the sequence up to which a new owner has to have read it. */
export type Barrier = readonly [node: number, sequence: number];
/** A node whose lease was ended, and the sequence of the message that ended it. */
export type Fenced = readonly [node: number, term: number];

/** A log, the sequence up to which it need not be read, and the term that counts there. */
export type Tail = readonly [node: number, sequence: number, term: number];
/** A stream, and the sequence of the first message in it that is needed. */
export type Floor = readonly [stream: string, sequence: number];

/**
 * What a node is asked for: requests a second; sequence of the last command that changed owners
 * when that was measured, by which the node serves all of its slots, 0 while it does not; and in
 * how many windows it was measured since.
 */
export type Load = readonly [perSecond: number, map: number, windows: number];

/**
 * Slots that a node is going to give away, under a number that no other offer of the node has: who
 * is to get them may read ahead.
 */
export interface Offer {
  readonly number: number;
  readonly moves: readonly Move[];
}

/**
 * Whose offer a node reads ahead for, its number, and whether it has read all but the last of it.
 */
export type Ahead = readonly [giver: number, number: number, isRead: boolean];

/** What all who use a cluster must have alike. The first command of this kind counts, for ever. */
export interface Settings {
  readonly kind: "settings";
  /** Key of the hash that finds the slot of a key. */
  readonly hashKey: readonly [number, number];
  /** Types of the keys. */
  readonly keys: string;
  /** Name of the codec. */
  readonly codec: string;
  /** How many servers keep each stream. */
  readonly replicas: number;
  /** How long a lease is, in milliseconds. */
  readonly leaseMs: number;
  /** What only who knows the secret can make; empty if there is none. */
  readonly proof: string;
  /** How values are kept: `STREAM_FORMAT`, or what another release has; left out: 1. */
  readonly format?: number;
  /** Bytes of a message, at most; from format 3 on. */
  readonly messageBytes?: number;
}

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

/** Whether it is the load of a node. */
export function isLoad(value: unknown): value is Load {
  return Array.isArray(value) && value.length === 3 && Number.isFinite(value[0]) &&
    value[0] >= 0 && isWhole(value[1]) && isWhole(value[2]);
}

/** Whether it is an offer. */
export function isOffer(value: unknown): value is Offer {
  if (typeof value !== "object" || value === null) return false;
  const { number, moves } = value as Record<string, unknown>;
  return isWhole(number) && isMoves(moves);
}

/** Whether it says whose offer is read ahead for. */
export function isAhead(value: unknown): value is Ahead {
  return Array.isArray(value) && value.length === 3 && isBelow(value[0], NODE_ID_COUNT) &&
    isWhole(value[1]) && typeof value[2] === "boolean";
}

/** Whether it is a list of slots, each with a node. */
export function isMoves(value: unknown): boolean {
  return isPairs(value, (slot, to) => isBelow(slot, SLOT_COUNT) && isBelow(to, NODE_ID_COUNT));
}

/** Whether it is from where a log has to be read. */
export function isTail(value: unknown): value is Tail {
  return Array.isArray(value) && value.length === 3 && isBelow(value[0], NODE_ID_COUNT) &&
    isWhole(value[1]) && isWhole(value[2]);
}
