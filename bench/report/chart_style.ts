/**
 * What the charts have in common: colours, fonts, titles, logarithmic axes.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import type { Runtime } from "../../scripts/runtimes.ts";
import { peerNames, runtimeTitle } from "./chart_data.ts";
import type { Results } from "./results.ts";

/** Dinomo stands out; the others keep their colours whichever of them take part. */
const PEER_COLORS: Record<string, string> = {
  "Dinomo": "#d62728",
  'Dinomo, "os"': "#f08080",
  'Dinomo, "disk"': "#7f0000",
  "Map (one thread)": "#999999",
  "LMDB noSync, structures": "#08306b",
  "LMDB noSync": "#1f77b4",
  "LMDB": "#6baed6",
  "SQLite (bun:sqlite)": "#2ca02c",
  "SQLite (node:sqlite)": "#2ca02c",
  "SQLite (better-sqlite3)": "#74c476",
  "SharedMap": "#9467bd",
  "Redis (ioredis)": "#ff7f0e",
};

export const RUNTIME_COLORS: Record<Runtime, string> = {
  bun: "#f472b6",
  deno: "#222222",
  node: "#3c873a",
};

export const CONFIG: NonNullable<TopLevelSpec["config"]> = {
  background: "white",
  font: "sans-serif",
  axis: { labelFontSize: 12, titleFontSize: 12, labelLimit: 260, gridColor: "#e4e4e4" },
  legend: { labelFontSize: 12, titleFontSize: 12, symbolSize: 90, labelLimit: 260 },
  title: { fontSize: 15, subtitleFontSize: 12, anchor: "start", offset: 12 },
  header: { labelFontSize: 12, titleFontSize: 12 },
};

interface LogAxis {
  scale: { type: "log"; nice: false; domain: number[] };
  axis: { title: string; format: string; values: number[] };
}

interface Title {
  text: string;
  subtitle: string[];
}

interface PeerColor {
  field: "peer";
  type: "nominal";
  title: null;
  sort: string[];
  scale: { domain: string[]; range: string[] };
}

export function title(text: string, results: Results, subtitle: string): Title {
  const { environment, startedAt } = results;
  const { cpu, coreCount } = environment;
  const machine = `${cpu}, ${coreCount} cores, ${startedAt.slice(0, 10)}`;
  return { text: `${text}, ${runtimeTitle(results)}`, subtitle: [subtitle, machine] };
}

/** Labels at powers of ten if the figures span several of them, else also at their multiples. */
function logTicks(low: number, high: number): number[] {
  const multiples = high / low > 500 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++) {
    ticks.push(...multiples.map((multiple) => multiple * 10 ** decade));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** A logarithmic axis with some room on both sides. */
export function logAxis(figures: readonly number[], axisTitle: string, format: string): LogAxis {
  const low = Math.min(...figures) * 0.8;
  const high = Math.max(...figures) * 1.25;
  return {
    scale: { type: "log", nice: false, domain: [low, high] },
    axis: { title: axisTitle, format, values: logTicks(low, high) },
  };
}

export function unique(values: string[]): string[] {
  return [...new Set(values)];
}

export function peerColor(results: Results): PeerColor {
  const domain = peerNames(results);
  return {
    field: "peer",
    type: "nominal",
    title: null,
    sort: domain,
    scale: { domain, range: domain.map((name) => PEER_COLORS[name] ?? "#000000") },
  };
}
