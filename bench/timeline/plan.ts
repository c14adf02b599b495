/**
 * What happens on a timeline, and how long it takes.
 *
 * @module
 */
import type { Size } from "../options.ts";

/** What is done to the store at the beginning of a phase. */
export type Act =
  | { kind: "none" }
  | { kind: "scale"; nodes: number }
  | { kind: "kill" };

export interface TimelinePlan {
  /** Load that is not counted: code is compiled meanwhile. */
  warmUpMs: number;
  phaseMs: number;
  windowMs: number;
  /** Runs, of which the one with the median throughput is shown: other work disturbs some. */
  runCount: number;
}

export const TIMELINE_PLANS: Record<Size, TimelinePlan> = {
  smoke: { warmUpMs: 50, phaseMs: 150, windowMs: 50, runCount: 1 },
  quick: { warmUpMs: 500, phaseMs: 1000, windowMs: 50, runCount: 1 },
  full: { warmUpMs: 1000, phaseMs: 2000, windowMs: 50, runCount: 5 },
};

/** One act for each phase. */
export const ACTS: readonly Act[] = [
  { kind: "none" },
  { kind: "scale", nodes: 2 },
  { kind: "scale", nodes: 4 },
  { kind: "kill" },
  { kind: "scale", nodes: 1 },
];

/** KNs at the beginning. */
export const NODE_COUNT = 1;

export function actTitle(act: Act): string {
  if (act.kind === "scale") return `scale(${act.nodes})`;
  return act.kind === "kill" ? "a KN dies" : `${NODE_COUNT} KN`;
}
