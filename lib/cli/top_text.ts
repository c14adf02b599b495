/**
 * The figures of `dinomo top` as text: a table for a terminal, a line for everything else.
 *
 * @module
 */
import { formatBytes } from "../core/units.ts";
import { formatCount } from "./pool_access.ts";
import type { TopFigures } from "./top_figures.ts";

/** Widths of the columns of the table of KNs. */
const COLUMNS = [4, 8, 12, 14, 12] as const;

/** A table, as lines. */
export function topTable(figures: TopFigures, title: string): string[] {
  const { segments } = figures;
  const full = percent(figures.liveBytes / figures.liveBytesMax);
  return [
    `${title}   ${new Date(figures.timeMs).toISOString().slice(11, 19)} UTC`,
    `keys ${formatCount(figures.keys)}   live ${formatBytes(figures.liveBytes)} of ` +
    `${formatBytes(figures.liveBytesMax)} (${full})   index ${formatBytes(figures.indexBytes)}   ` +
    `capacity ${formatBytes(figures.capacityBytes)}`,
    `segments ${segments.free} free, ${segments.open} open, ${segments.sealed} sealed, ` +
    `${segments.cleaning} cleaning   threads ${figures.threads}   pending ${figures.pending}`,
    `durability ${durabilityOf(figures)}, ${formatBytes(figures.unsyncedBytes)} not synced`,
    `reads/s ${rate(figures.readsPerSecond)}   hits ${percent(figures.hitShare)}   ` +
    `cache hits ${percent(figures.cacheHitShare)}   writes/s ${rate(figures.writesPerSecond)}   ` +
    `mean ${micros(figures.meanMicros)}   p99 ${micros(figures.p99Micros)}`,
    "",
    row("KN", "slots", "occupancy", "requests/s", "helped/s"),
    ...figures.nodes.map(({ id, slots, occupancy, requestsPerSecond, helpedPerSecond }) =>
      row(
        String(id),
        formatCount(slots),
        percent(occupancy),
        rate(requestsPerSecond),
        rate(helpedPerSecond),
      )
    ),
  ];
}

/** One line, of names and values. */
export function topLine(figures: TopFigures): string {
  const { segments, nodes } = figures;
  const occupancies = nodes.map(({ occupancy }) => percent(occupancy)).join("/");
  return [
    new Date(figures.timeMs).toISOString(),
    `keys=${figures.keys}`,
    `live=${percent(figures.liveBytes / figures.liveBytesMax)}`,
    `reads/s=${Math.round(figures.readsPerSecond)}`,
    `writes/s=${Math.round(figures.writesPerSecond)}`,
    `hits=${percent(figures.hitShare)}`,
    `mean=${micros(figures.meanMicros)}`,
    `p99=${micros(figures.p99Micros)}`,
    `nodes=${nodes.length}`,
    `occupancy=${occupancies}`,
    `segments=${segments.free}/${segments.open}/${segments.sealed}/${segments.cleaning}`,
    `durability=${durabilityOf(figures)}`,
  ].map((part) => part.replaceAll(" ", "")).join(" ");
}

function durabilityOf({ durability, failure }: TopFigures): string {
  return failure === null ? durability : `lost (${failure})`;
}

function row(...cells: string[]): string {
  return cells.map((cell, i) => cell.padStart(COLUMNS[i]!)).join("");
}

function rate(perSecond: number): string {
  return formatCount(Math.round(perSecond));
}

function percent(share: number | null): string {
  return share === null || Number.isNaN(share) ? "-" : `${Math.round(share * 100)} %`;
}

function micros(value: number | null): string {
  return value === null ? "-" : `${value < 10 ? value.toFixed(1) : Math.round(value)} us`;
}
