/**
 * Latencies of one phase of the demo, and the table of all phases.
 *
 * @module
 */

/** Records how long each operation of a phase took. */
export class Latencies {
  readonly phase: string;
  /**
   * Time in which the operations were made; the sum of their latencies when they came one by one.
   */
  elapsedMs = 0;
  /** Operations made; more than were timed when one call makes many. */
  operationCount = 0;
  #latenciesMs = new Float64Array(1 << 16);
  #recorded = 0;

  /** Starts a phase; its name is the first column of its row. */
  constructor(phase: string) {
    this.phase = phase;
  }

  /** Records one call that made `operations` operations. */
  record(latencyMs: number, operations = 1): void {
    if (this.#recorded === this.#latenciesMs.length) {
      const larger = new Float64Array(2 * this.#recorded);
      larger.set(this.#latenciesMs);
      this.#latenciesMs = larger;
    }
    this.#latenciesMs[this.#recorded++] = latencyMs;
    this.operationCount += operations;
  }

  /** The phase in one line. */
  summary(): string {
    return `${this.phase}: ${formatCount(this.operationCount)} operations`;
  }

  /** The phase as a row of {@linkcode formatTable}. */
  row(): string[] {
    const sorted = this.#latenciesMs.subarray(0, this.#recorded).slice().sort();
    const quantile = (share: number) =>
      formatMicros(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] * 1000);
    return [
      this.phase,
      formatCount(this.operationCount),
      formatCount(this.operationCount / this.elapsedMs * 1000),
      quantile(0.5),
      quantile(0.99),
      quantile(1),
    ];
  }
}

/** All phases as a table. */
export function formatTable(phases: readonly Latencies[]): string {
  const header = ["phase", "operations", "per second", "p50 us", "p99 us", "longest us"];
  const lines = [header, ...phases.map((phase) => phase.row())];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ")
  ).join("\n");
}

/** 1234567 as "1,234,567". */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

function formatMicros(micros: number): string {
  return micros < 100 ? micros.toFixed(1) : formatCount(micros);
}
