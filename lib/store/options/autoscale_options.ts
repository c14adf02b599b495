/**
 * The option `autoscale` of `open`, and its validation.
 *
 * @module
 */
import { describe, InvalidOptionError } from "../../core/errors.ts";
import { NODE_COUNT_MAX } from "../../core/limits.ts";
import type { PolicySettings } from "../../mnode/autoscale_policy.ts";
import type { AutoscaleDecision } from "../../mnode/autoscaler.ts";

/**
 * Bounds of latency, in microseconds, from the issue of a request to its acknowledgement. At least
 * one of them is given.
 */
export interface LatencyObjective {
  /** Mean latency. @default any */
  meanMicros?: number | undefined;
  /** Latency of 99 of 100 requests. @default any */
  p99Micros?: number | undefined;
}

/** Bounds of how occupied KNs are, as shares of a period from 0 to 1. */
export interface OccupancyBounds {
  /** A KN below it is one too many while the SLO is met; no more than `upper`. @default 0.15 */
  lower?: number | undefined;
  /** If all KNs are above it while the SLO is violated, there is one too few. @default 0.2 */
  upper?: number | undefined;
}

/** When the number of KNs is changed, and by which rules. */
export interface AutoscaleOptions {
  /** Fewest KNs, 1 to 64. @default 1 */
  min?: number | undefined;
  /** Most KNs, `min` to 64. */
  max: number;
  /** The latency that requests should have. */
  slo: LatencyObjective;
  /** Milliseconds from one decision to the next, 10 to 3,600,000. @default 1000 */
  periodMs?: number | undefined;
  /**
   * Milliseconds after a change in which nothing else is changed, 0 to 86,400,000.
   * @default 5000
   */
  graceMs?: number | undefined;
  /**
   * Periods in a row in which the same has to be called for until it is done, 1 to 100.
   * @default 2
   */
  confirmations?: number | undefined;
  /** Bounds of how occupied KNs are. @default { lower: 0.15, upper: 0.2 } */
  occupancy?: OccupancyBounds | undefined;
  /**
   * A key is hot if its frequency is so many standard deviations above the mean, 0 to 100.
   * @default 3
   */
  hotKeySds?: number | undefined;
  /**
   * A key that KNs share is cold if its frequency is so many standard deviations below the mean, 0
   * to 100.
   * @default 1
   */
  coldKeySds?: number | undefined;
  /**
   * Fewest latencies that have to be measured in a period for the SLO to count as violated, 1 to
   * 1,000,000.
   * @default 32
   */
  samplesMin?: number | undefined;
  /** Whether decisions are reported only, and nothing is changed. @default false */
  dryRun?: boolean | undefined;
  /**
   * Called with each decision, as one line of text and as it is; what it throws is an uncaught
   * exception.
   * @default none
   */
  log?: ((line: string, decision: AutoscaleDecision) => void) | undefined;
}

/** The option after validation. */
export interface ResolvedAutoscale {
  readonly settings: PolicySettings;
  readonly periodMs: number;
  readonly isDryRun: boolean;
  readonly log: ((line: string, decision: AutoscaleDecision) => void) | undefined;
}

const KNOWN = new Set<string>(
  [
    "min",
    "max",
    "slo",
    "periodMs",
    "graceMs",
    "confirmations",
    "occupancy",
    "hotKeySds",
    "coldKeySds",
    "samplesMin",
    "dryRun",
    "log",
  ] satisfies (keyof AutoscaleOptions)[],
);
const KNOWN_SLO = new Set(["meanMicros", "p99Micros"]);
const KNOWN_OCCUPANCY = new Set(["lower", "upper"]);

const PERIOD_MS_MIN = 10;
const HOUR_MS = 3_600_000;

/**
 * Validates the option `autoscale`.
 *
 * @throws {InvalidOptionError} naming the part, its rule and what was received
 */
export function resolveAutoscale(value: AutoscaleOptions): ResolvedAutoscale {
  assertParts("autoscale", value, KNOWN);
  const {
    min = 1,
    max,
    slo,
    periodMs = 1000,
    graceMs = 5000,
    confirmations = 2,
    occupancy = {},
    hotKeySds = 3,
    coldKeySds = 1,
    samplesMin = 32,
    dryRun = false,
    log,
  } = value;
  assertParts("autoscale.slo", slo, KNOWN_SLO);
  const { meanMicros, p99Micros } = slo;
  if (meanMicros === undefined && p99Micros === undefined) {
    throw new InvalidOptionError(
      "autoscale.slo must have meanMicros or p99Micros, got neither of them",
    );
  }
  assertParts("autoscale.occupancy", occupancy, KNOWN_OCCUPANCY);
  const { lower = 0.15, upper = 0.2 } = occupancy;
  const occupancyUpper = within("occupancy.upper", upper, 0, 1);
  const nodesMin = whole("min", min, 1, NODE_COUNT_MAX);
  requireThat(typeof dryRun === "boolean", "dryRun", "must be a boolean", dryRun);
  requireThat(
    log === undefined || typeof log === "function",
    "log",
    "must be a function",
    log,
  );
  return {
    settings: {
      min: nodesMin,
      max: whole("max", max, nodesMin, NODE_COUNT_MAX),
      meanMicrosMax: micros("slo.meanMicros", meanMicros),
      p99MicrosMax: micros("slo.p99Micros", p99Micros),
      occupancyLower: within("occupancy.lower", lower, 0, occupancyUpper),
      occupancyUpper,
      hotKeySds: within("hotKeySds", hotKeySds, 0, 100),
      coldKeySds: within("coldKeySds", coldKeySds, 0, 100),
      samplesMin: whole("samplesMin", samplesMin, 1, 1_000_000),
      confirmations: whole("confirmations", confirmations, 1, 100),
      graceMs: within("graceMs", graceMs, 0, 24 * HOUR_MS),
    },
    periodMs: within("periodMs", periodMs, PERIOD_MS_MIN, HOUR_MS),
    isDryRun: dryRun,
    log,
  };
}

function requireThat(condition: boolean, part: string, rule: string, value: unknown): void {
  if (!condition) {
    throw new InvalidOptionError(`autoscale.${part} ${rule}, got ${describe(value)}`);
  }
}

function assertParts(name: string, value: unknown, known: ReadonlySet<string>): void {
  if (typeof value !== "object" || value === null) {
    throw new InvalidOptionError(`${name} must be an object, got ${describe(value)}`);
  }
  for (const part of Object.keys(value)) {
    if (!known.has(part)) {
      throw new InvalidOptionError(
        `${name} must have parts among ${[...known].join(", ")}, got ${describe(part)}`,
      );
    }
  }
}

function within(part: string, value: unknown, min: number, max: number): number {
  const isValid = typeof value === "number" && value >= min && value <= max;
  requireThat(isValid, part, `must be a number from ${min} to ${max}`, value);
  return value as number;
}

function whole(part: string, value: unknown, min: number, max: number): number {
  const isValid = Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  requireThat(isValid, part, `must be a whole number from ${min} to ${max}`, value);
  return value as number;
}

/** A bound of latency; Infinity if there is none. */
function micros(part: string, value: unknown): number {
  if (value === undefined) return Infinity;
  const isValid = typeof value === "number" && value > 0 && value < Infinity;
  requireThat(isValid, part, "must be a number above 0", value);
  return value as number;
}
