/**
 * The option `standby` of `open`.
 *
 * @module
 */
import { isSignal } from "../arguments/abort.ts";
import { requireThat, wholeNumber } from "./option_rules.ts";

/**
 * How `open` waits for a pool that another process, or thread, has open. With the option
 * `processes` it does not wait, so `waitMs` and `signal` cannot be given: the store uses the other
 * process, and reads its files ahead to take its place.
 */
export interface StandbyOptions {
  /**
   * How long it waits at most, in milliseconds; Infinity for as long as it takes.
   * @default 60000
   */
  waitMs?: number | undefined;
  /**
   * How often the files are read again meanwhile, in milliseconds, 10 to 3600000. It is done more
   * rarely where that would take more than a tenth of a processor.
   * @default 1000
   */
  refreshMs?: number | undefined;
  /**
   * Called once, when the files have been read for the first time: from now on the store is there
   * soon after the other one has closed. Not called if the pool is free. What it throws is an
   * uncaught exception, and ends neither the waiting nor the reading. @default none
   */
  onWarm?: (() => void) | undefined;
  /** Ends the waiting when it is aborted: `open` rejects with its `reason`. @default none */
  signal?: AbortSignal | undefined;
}

/** {@linkcode StandbyOptions}, validated. */
export interface ResolvedStandby {
  readonly waitMs: number;
  readonly refreshMs: number;
  readonly onWarm: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

const WAIT_MS_DEFAULT = 60_000;
const REFRESH_MS_DEFAULT = 1000;
const REFRESH_MS_MIN = 10;
const REFRESH_MS_MAX = 3_600_000;
const NAMES = ["waitMs", "refreshMs", "onWarm", "signal"];
/** Those of an opening that does not wait, as it uses the process that has the pool open. */
const NAMES_OF_PROCESSES = ["refreshMs", "onWarm"];

/**
 * Validates the option.
 *
 * @throws {InvalidOptionError} naming what is wrong with it
 */
export function standbyOf(
  value: boolean | StandbyOptions | undefined,
  { path, readOnly, processes }: {
    readonly path?: unknown;
    readonly readOnly?: boolean | undefined;
    readonly processes?: boolean | undefined;
  },
): ResolvedStandby | undefined {
  if (value === undefined || value === false) return undefined;
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  requireThat(value === true || isObject, "standby", "must be a boolean or an object", value);
  requireThat(path !== undefined, "standby", "must be false without a path", value);
  requireThat(readOnly !== true, "standby", "must be false with readOnly", value);
  const given = value === true ? {} : value;
  const names = processes === true ? NAMES_OF_PROCESSES : NAMES;
  const rule = `may have ${names.join(", ")} only${processes === true ? " with processes" : ""}`;
  for (const name of Object.keys(given)) requireThat(names.includes(name), "standby", rule, name);
  const { waitMs = WAIT_MS_DEFAULT, refreshMs = REFRESH_MS_DEFAULT, onWarm, signal } = given;
  const isWait = typeof waitMs === "number" && waitMs >= 0;
  requireThat(isWait, "standby.waitMs", "must be a number of milliseconds from 0 on", waitMs);
  const isCallback = onWarm === undefined || typeof onWarm === "function";
  requireThat(isCallback, "standby.onWarm", "must be a function", onWarm);
  const canStop = signal === undefined || isSignal(signal);
  requireThat(canStop, "standby.signal", "must be an AbortSignal", signal);
  return {
    waitMs,
    refreshMs: wholeNumber("standby.refreshMs", refreshMs, REFRESH_MS_MIN, REFRESH_MS_MAX),
    onWarm,
    signal,
  };
}
