/**
 * The tables that a run of the comparison prints.
 *
 * @module
 */
import { BASELINE_PEER_ID, DINOMO_PEER_ID } from "../peers/all.ts";
import {
  alignColumns,
  formatBytes,
  formatCount,
  formatRate,
  formatValueSize,
  threeDigits,
} from "./format.ts";
import type { MemoryFigures, Results, Row, ScaleFigures } from "./results.ts";

type Cell = (row: Row) => string | undefined;

const ABSENT = "-";

/** All tables of one run, as text. */
export function formatResults(results: Results): string {
  const { environment, rows } = results;
  const { runtime, runtimeVersion, cpu, coreCount, memoryBytes, system, loadAverage } = environment;
  const sections = [
    `${runtime} ${runtimeVersion}, ${cpu}, ${coreCount} cores, ${formatBytes(memoryBytes)}, ` +
    `${system}, load average before ${threeDigits(loadAverage)}`,
    results.peers.map((peer) => `  ${peer.id}: ${peer.name} ${peer.version}`).join("\n"),
    formatTable(
      "Operations per second, medians",
      rows,
      (row) => formatRate(row.operationsPerSecond),
    ),
    formatTable(
      "Latency in us, p50 / p99",
      rows.filter((row) => row.latency !== undefined),
      ({ latency }) => latency && `${threeDigits(latency.p50Us)} / ${threeDigits(latency.p99Us)}`,
    ),
    formatMultiplesOfBaseline(rows),
    formatDinomoMultiples(rows),
    results.scale && formatScale(results.scale),
    results.memory && formatMemory(results.memory),
    formatOmissions(results),
  ];
  return sections.filter((section) => section).join("\n\n");
}

/** One line per workload and dataset, one column per peer. */
function formatTable(title: string, rows: readonly Row[], cell: Cell): string {
  if (rows.length === 0) return "";
  const peers = [...new Set(rows.map((row) => row.peer))];
  const lines = new Map<string, string[]>();
  for (const row of rows) {
    const name = describeWorkload(row);
    const cells = lines.get(name) ?? peers.map(() => ABSENT);
    cells[peers.indexOf(row.peer)] = cell(row) ?? ABSENT;
    lines.set(name, cells);
  }
  const body = [...lines].map(([name, cells]) => [name, ...cells]);
  return `${title}\n${alignColumns([["", ...peers], ...body])}`;
}

function describeWorkload({ workloadTitle, valueBytes, keyCount, section }: Row): string {
  const size = `${workloadTitle}, ${formatValueSize(valueBytes)}`;
  return section === "growth" ? `${size}, ${formatCount(keyCount)} records` : size;
}

/** How many times as fast as the baseline each peer is; empty if the baseline was not measured. */
function formatMultiplesOfBaseline(rows: readonly Row[]): string {
  const title = `Throughput as a multiple of that of ${BASELINE_PEER_ID}`;
  return formatTable(title, rows.filter((row) => rowOf(BASELINE_PEER_ID, row, rows)), (row) => {
    const base = rowOf(BASELINE_PEER_ID, row, rows);
    return base && threeDigits(row.operationsPerSecond / base.operationsPerSecond);
  });
}

/** How many times as fast as each peer Dinomo is; empty if Dinomo was not measured. */
function formatDinomoMultiples(rows: readonly Row[]): string {
  const title = "Dinomo's throughput as a multiple of that of";
  return formatTable(title, rows.filter((row) => rowOf(DINOMO_PEER_ID, row, rows)), (row) => {
    const dinomo = rowOf(DINOMO_PEER_ID, row, rows);
    return dinomo && threeDigits(dinomo.operationsPerSecond / row.operationsPerSecond);
  });
}

/** The row of a peer for the same workload and dataset. */
function rowOf(peer: string, row: Row, rows: readonly Row[]): Row | undefined {
  return rows.find((other) =>
    other.peer === peer && other.section === row.section &&
    describeWorkload(other) === describeWorkload(row)
  );
}

function formatScale(scale: ScaleFigures): string {
  const steps = scale.steps.map((step) => [
    `${step.from} to ${step.to} KNs`,
    String(step.slotsMoved),
    formatBytes(step.bytesMoved),
    threeDigits(step.longestPauseMs),
    threeDigits(step.startMs),
    threeDigits(step.durationMs),
  ]);
  const header = ["", "slots moved", "bytes moved", "longest pause ms", "start ms", "total ms"];
  const rates = [
    scale.operationsPerSecondBefore,
    scale.operationsPerSecondDuring,
    scale.operationsPerSecondAfter,
  ].map(formatRate).join(", ");
  return `Scale under full load: ${scale.operationCount} operations, ${scale.failedCount} failed, ` +
    `${scale.lostCount} lost; longest wait of an operation ${
      threeDigits(scale.longestWaitMs)
    } ms\n` +
    `operations per second before, during, after: ${rates}\n` +
    alignColumns([header, ...steps]);
}

function formatMemory(memory: MemoryFigures): string {
  return "Memory\n" + alignColumns([
    ["bare runtime", formatBytes(memory.bareBytes)],
    ["with an empty store", formatBytes(memory.emptyStoreBytes)],
    ["empty store", formatBytes(memory.emptyStoreBytes - memory.bareBytes)],
    [`after ${formatCount(memory.readCount)} reads`, formatBytes(memory.usedStoreBytes)],
    [`index per record (${formatCount(memory.keyCount)})`, formatBytes(memory.indexBytesPerRecord)],
    ["header per record", formatBytes(memory.headerBytesPerRecord)],
  ]);
}

function formatOmissions({ omissions }: Results): string {
  if (omissions.length === 0) return "";
  const lines = omissions.map(({ peer, workload, reason }) =>
    `  ${peer}${workload === undefined ? "" : `, ${workload}`}: ${reason}`
  );
  return `Not measured\n${lines.join("\n")}`;
}
