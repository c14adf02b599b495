/**
 * The timeline in figures: for a terminal, and for a page of the documentation.
 *
 * @module
 */
import { runtimeTitle } from "../report/chart_data.ts";
import { alignColumns, formatRate, threeDigits } from "../report/format.ts";
import { markdownTable } from "../report/markdown.ts";
import type { TimelineResults } from "./timeline.ts";

const HEAD = ["took, ms", "before, /s", "slowest window, /s", "below half, ms"];

/** One run, as text. */
export function formatTimeline(results: TimelineResults): string {
  return `${alignColumns([["", ...HEAD], ...linesOf(results)])}\n${sumOf(results)}`;
}

/** A page of the documentation with the figures of all runtimes, and a chart of them. */
export function formatTimelinePage(all: readonly TimelineResults[], chart: string): string {
  const { environment: { cpu, coreCount }, startedAt, runCount } = all[0];
  return `# A timeline on real threads

Written by \`npm run bench:timeline -- --size full\`, on ${coreCount} cores of ${cpu},
${startedAt.slice(0, 10)}.

Two attached threads put and get values of 100 bytes, with 16 operations under way each, while the
host's thread adds KNs, lets one die in the middle of a step, and removes all but one. Each thread
knows what its reads must return. Of ${runCount} runs under each runtime this is the one with the median
number of operations.

![Throughput and latency while KNs come, die, and go](${chart})

${markdownTable([["", ...HEAD], ...all.flatMap(linesOf)])}

${all.map((results) => `- ${sumOf(results)}`).join("\n")}

"Took" is the time until \`scale\` has resolved, or until nothing was left of the KN that died; most
of \`scale\` is starting threads, which holds nothing up. "Before" is the median of the windows before
it, "slowest window" the lowest one during it and right after it, "below half" how many milliseconds
had less than half the throughput before. Two threads under load keep two cores busy, so more KNs
do not make this faster: what the picture shows is that changing them costs little.
`;
}

function linesOf(results: TimelineResults): string[][] {
  return results.run.events.map((event) => [
    `${runtimeTitle(results)}: ${event.title}`,
    threeDigits(event.durationMs),
    formatRate(event.beforePerSecond),
    formatRate(event.slowestPerSecond),
    String(event.dipMs),
  ]);
}

function sumOf(results: TimelineResults): string {
  const { operationCount, failedCount, wrongCount } = results.run;
  return `${runtimeTitle(results)}: ${
    formatRate(operationCount)
  } operations, ${failedCount} failed, ` +
    `${wrongCount} reads that were wrong.`;
}
