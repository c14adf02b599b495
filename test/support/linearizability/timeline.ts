/**
 * Operations as a person reads them: a line for each, by the time of the call, with a bar that
 * shows what it overlaps.
 *
 * The bars are drawn over the order of events and not over time: which event comes first is all
 * that counts.
 *
 * @module
 */
import { describeOperation, type Operation } from "./operation.ts";

/** Draws operations; the marked one, if any, has an arrow. */
export function renderTimeline(operations: readonly Operation[], marked?: Operation): string {
  const sorted = [...operations].sort((a, b) => a.callAt - b.callAt);
  const times = new Set(sorted.flatMap(({ callAt, returnAt }) => [callAt, returnAt]));
  const ranks = new Map([...times].sort((a, b) => a - b).map((time, rank) => [time, rank]));
  const rows = sorted.map((operation) => {
    const { client, callAt, returnAt } = operation;
    const from = ranks.get(callAt)!;
    const to = ranks.get(returnAt)!;
    const end = returnAt === Infinity ? ">" : "]";
    const bar = `${" ".repeat(from)}[${"=".repeat(to - from - 1)}${end}`;
    return [
      operation === marked ? "->" : "",
      `client ${client}`,
      `${callAt}`,
      returnAt === Infinity ? "never" : `${returnAt}`,
      describeOperation(operation),
      bar,
    ];
  });
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths![column]!)).join("  ").trimEnd())
    .join("\n");
}
