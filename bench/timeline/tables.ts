/**
 * The timeline in figures: for a terminal, and for a page of the documentation.
 *
 * @module
 */
import { runtimeTitle } from "../report/chart_data.ts";
import { alignColumns, formatRate, threeDigits } from "../report/format.ts";
import { markdownTable } from "../report/markdown.ts";
import { type Scenario, SCENARIOS } from "./plan.ts";
import { runOf, type TimelineResults } from "./timeline.ts";

const HEAD = ["took, ms", "before, /s", "slowest window, /s", "below half, ms"];

/** The runs, as text. */
export function formatTimeline(results: TimelineResults): string {
  return SCENARIOS.map(({ name, title }) =>
    `${title}\n${alignColumns([["", ...HEAD], ...linesOf(results, name)])}\n${sumOf(results, name)}`
  ).join("\n\n");
}

/**
 * A page of the documentation with the figures of all runtimes, and charts of them, which are in a
 * folder.
 */
export function formatTimelinePage(all: readonly TimelineResults[], folder: string): string {
  const { environment: { cpu, coreCount }, startedAt, runCount } = all[0];
  return `# Timelines on real threads

Written by \`npm run bench:timeline -- --size full\`, on ${coreCount} cores of ${cpu},
${startedAt.slice(0, 10)}.

Two attached threads put and get values of 100 bytes, with 16 operations under way each, while the
host's thread acts: it adds KNs, lets one die in the middle of a step, removes some, or gives a key
that has become hot to two KNs. Each thread knows what its reads must return; of the hot key it knows
that nothing that was overwritten comes back. Of ${runCount} runs under each runtime these are the ones with
the median number of operations.

"Took" is the time until \`scale\` or \`replicate\` has resolved, or until nothing was left of the KN
that died; most of \`scale\` is starting threads, which holds nothing up. "Before" is the median of
the windows before it, "slowest window" the lowest one during it and right after it, "below half" how
many milliseconds had less than half the throughput before. Two threads under load keep two cores
busy, so more KNs do not make anything faster here; in the far pool, where KNs execute the reads,
too, a second KN is one more busy thread for the two cores, and makes it slower. What the pictures
show is what changing them costs. What more KNs, and more owners of a hot key, gain is shown in
[virtual time](experiments.md).

${SCENARIOS.map((scenario) => sectionOf(all, scenario, folder)).join("\n\n")}
`;
}

function sectionOf(all: readonly TimelineResults[], scenario: Scenario, folder: string): string {
  const { name, title, chart } = scenario;
  return `## ${title}

![Throughput and latency over time](${folder}/${chart})

${markdownTable([["", ...HEAD], ...all.flatMap((results) => linesOf(results, name))])}

${all.map((results) => `- ${sumOf(results, name)}`).join("\n")}`;
}

function linesOf(results: TimelineResults, scenario: string): string[][] {
  return runOf(results, scenario).events.map((event) => [
    `${runtimeTitle(results)}: ${event.title}`,
    threeDigits(event.durationMs),
    formatRate(event.beforePerSecond),
    formatRate(event.slowestPerSecond),
    String(event.dipMs),
  ]);
}

function sumOf(results: TimelineResults, scenario: string): string {
  const { operationCount, failedCount, wrongCount } = runOf(results, scenario);
  return `${runtimeTitle(results)}: ${
    formatRate(operationCount)
  } operations, ${failedCount} failed, ` +
    `${wrongCount} reads that were wrong.`;
}
