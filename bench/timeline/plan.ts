/**
 * What happens on a timeline, and how long it takes.
 *
 * @module
 */
import type { OpenOptions } from "../../mod.ts";
import type { Size } from "../options.ts";

/** What is done at the beginning of a phase. */
export type Act =
  | { kind: "none"; title: string }
  | { kind: "scale"; nodes: number }
  | { kind: "kill" }
  /** From now on so many of 100 operations are on one key. */
  | { kind: "heat"; percent: number }
  | { kind: "replicate"; owners: number };

/** A store, and what happens to it: one act for each phase. */
export interface Scenario {
  name: string;
  title: string;
  options: Pick<OpenOptions, "nodes" | "placement" | "roundTripMicros" | "cache">;
  acts: readonly Act[];
  /** File name of its chart. */
  chart: string;
}

export interface TimelinePlan {
  /** Load that is not counted: code is compiled meanwhile. */
  warmUpMs: number;
  phaseMs: number;
  windowMs: number;
  /**
   * Runs of each scenario, of which the one with the median throughput is shown: other work
   * disturbs some.
   */
  runCount: number;
}

export const TIMELINE_PLANS: Record<Size, TimelinePlan> = {
  smoke: { warmUpMs: 50, phaseMs: 150, windowMs: 50, runCount: 1 },
  quick: { warmUpMs: 500, phaseMs: 1000, windowMs: 50, runCount: 1 },
  full: { warmUpMs: 1000, phaseMs: 2000, windowMs: 50, runCount: 5 },
};

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "near",
    title: "KNs come, die, and go",
    options: { nodes: 1 },
    acts: [
      { kind: "none", title: "1 KN" },
      { kind: "scale", nodes: 2 },
      { kind: "scale", nodes: 4 },
      { kind: "kill" },
      { kind: "scale", nodes: 1 },
    ],
    chart: "timeline.svg",
  },
  {
    name: "far",
    title: "A far pool: a key becomes hot, and gets two owners",
    options: { nodes: 1, placement: "far", roundTripMicros: 2, cache: "1MiB" },
    acts: [
      { kind: "none", title: "1 KN" },
      { kind: "scale", nodes: 2 },
      { kind: "heat", percent: 80 },
      { kind: "replicate", owners: 2 },
      { kind: "kill" },
      { kind: "replicate", owners: 1 },
    ],
    chart: "timeline-replication.svg",
  },
];

export function actTitle(act: Act): string {
  switch (act.kind) {
    case "none":
      return act.title;
    case "scale":
      return `scale(${act.nodes})`;
    case "kill":
      return "a KN dies";
    case "heat":
      return `${act.percent} % one key`;
    case "replicate":
      return `replicate(key, ${act.owners})`;
  }
}
