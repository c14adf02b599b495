/**
 * What the store holds of a queue, in a namespace of its own.
 *
 * | key | value |
 * |---|---|
 * | `j`, when the job is due, its id | {@linkcode JobRecord} |
 * | `d`, its id | {@linkcode DeadRecord} |
 *
 * When a job is due is in its key, so the first keys are the next jobs. Who has taken one is in its
 * value, under the key's version: to take a job is one compare-and-set, to end it one
 * compare-and-delete, and of all consumers one succeeds.
 *
 * @module
 */
import type { Namespace } from "../store/operations/store_operations.ts";

/** A job that has not ended. */
export interface JobRecord<T> {
  readonly value: T;
  /** How often it was taken. */
  readonly attempts: number;
  /** When it was added, in milliseconds since the epoch. */
  readonly addedAt: number;
  /** Until when a consumer has it; 0 if none has. */
  readonly leasedUntil: number;
}

/** A job that has failed for the last time. */
export interface DeadRecord<T> {
  readonly value: T;
  readonly attempts: number;
  readonly addedAt: number;
  readonly diedAt: number;
  readonly reason: string;
}

/** The namespace of a queue. */
export type QueueRecords<T> = Namespace<JobRecord<T> | DeadRecord<T>, string>;

/** What the keys of jobs begin with. */
export const JOB = "j";
/** What the keys of dead letters begin with. */
export const DEAD = "d";
/** More than the keys of all jobs. */
export const BEHIND_JOBS = "k";
/** Digits of a time in a key: of base 36, enough for 3,000 years. */
const TIME_DIGITS = 9;
/** More than every id, as keys sort. */
const BEHIND_IDS = "~";

/** The key of a job. */
export function jobKey(dueAt: number, id: string): string {
  return JOB + timeDigits(dueAt) + id;
}

/** A key behind those of all jobs that are due by then. */
export function behindDue(dueAt: number): string {
  return JOB + timeDigits(dueAt) + BEHIND_IDS;
}

/** When a job is due, by its key; in milliseconds since the epoch. */
export function dueOf(key: string): number {
  return parseInt(key.slice(JOB.length, JOB.length + TIME_DIGITS), 36);
}

/** The id of a job, by its key. */
export function idOf(key: string): string {
  return key.slice(JOB.length + TIME_DIGITS);
}

/** Digits of the last time that was asked for: of many jobs it is the same. */
const last = { ms: -1, digits: "" };

function timeDigits(dueAt: number): string {
  const ms = Math.ceil(dueAt);
  if (ms !== last.ms) {
    last.ms = ms;
    last.digits = ms.toString(36).padStart(TIME_DIGITS, "0");
  }
  return last.digits;
}
