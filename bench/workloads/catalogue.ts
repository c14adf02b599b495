/**
 * All workloads, in the order of tables and charts.
 *
 * @module
 */
import { awaitedWorkloads } from "./awaited.ts";
import { groupedWorkloads } from "./grouped.ts";
import { synchronousWorkloads } from "./synchronous.ts";
import type { Workload } from "./workload.ts";
import { ycsbWorkloads } from "./ycsb.ts";

/** Run with small and with large values. */
export const BASIC_WORKLOADS: readonly Workload[] = [
  ...awaitedWorkloads,
  ...synchronousWorkloads,
  ...groupedWorkloads,
];

/** Run with large values, as YCSB's records are; the one that inserts runs last. */
export const YCSB_WORKLOADS: readonly Workload[] = ycsbWorkloads;

const ALL_WORKLOADS = [...BASIC_WORKLOADS, ...YCSB_WORKLOADS];

export function findWorkload(id: string): Workload {
  const workload = ALL_WORKLOADS.find((candidate) => candidate.id === id);
  if (workload === undefined) {
    const known = ALL_WORKLOADS.map((candidate) => candidate.id).join(", ");
    throw new RangeError(`workload: must be one of ${known}, got "${id}"`);
  }
  return workload;
}
