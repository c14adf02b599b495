/**
 * The figures of charts as flat records, which is what vega-lite draws.
 *
 * @module
 */
import { BASELINE_PEER_ID, DINOMO_PEER_ID } from "../peers/all.ts";
import { YCSB_CLIENT_COUNT } from "../workloads/ycsb.ts";
import { formatValueSize } from "./format.ts";
import type { Results, Row } from "./results.ts";

/** One peer's figures for one workload. */
export interface ChartRecord {
  /** Groups the workloads that were run on the same dataset. */
  dataset: string;
  workload: string;
  peer: string;
  operationsPerSecond: number;
  usPerOperation: number;
  keyCount: number;
  p50Us?: number;
  p99Us?: number;
}

/** Dinomo against the baseline under one runtime. */
export interface RatioRecord {
  workload: string;
  runtime: string;
  ratio: number;
}

/** Dinomo's records come last, so that they are drawn over the others. */
export function chartRecords(results: Results, sections: readonly string[]): ChartRecord[] {
  const rows = results.rows.filter((row) => sections.includes(row.section));
  const isDinomo = (row: Row) => row.peer === DINOMO_PEER_ID;
  return [...rows.filter((row) => !isDinomo(row)), ...rows.filter(isDinomo)].map((row) => ({
    dataset: datasetName(row),
    workload: row.workloadTitle,
    peer: peerName(results, row.peer),
    operationsPerSecond: row.operationsPerSecond,
    usPerOperation: 1e6 / row.operationsPerSecond,
    keyCount: row.keyCount,
    ...row.latency,
  }));
}

export function ratioRecords(all: readonly Results[]): RatioRecord[] {
  return all.flatMap((results) => {
    const compared = results.rows.filter((row) => row.section !== "growth");
    return compared.filter((row) => row.peer === DINOMO_PEER_ID).flatMap((row) => {
      const baseline = compared.find((other) =>
        other.peer === BASELINE_PEER_ID && other.workload === row.workload &&
        other.valueBytes === row.valueBytes
      );
      return baseline === undefined ? [] : {
        workload: `${row.workloadTitle}, ${formatValueSize(row.valueBytes)}`,
        runtime: runtimeTitle(results),
        ratio: row.operationsPerSecond / baseline.operationsPerSecond,
      };
    });
  });
}

export function runtimeTitle({ environment }: Pick<Results, "environment">): string {
  const { runtime, runtimeVersion } = environment;
  return `${runtime[0].toUpperCase()}${runtime.slice(1)} ${runtimeVersion}`;
}

/** The names of the peers, in the order in which they were measured. */
export function peerNames(results: Results): string[] {
  return results.peers.map((peer) => peer.name);
}

function peerName(results: Results, id: string): string {
  return results.peers.find((peer) => peer.id === id)?.name ?? id;
}

function datasetName({ section, valueBytes }: Row): string {
  const size = `values of ${formatValueSize(valueBytes)}`;
  return section === "ycsb" ? `YCSB, ${YCSB_CLIENT_COUNT} clients, ${size}` : `One thread, ${size}`;
}
