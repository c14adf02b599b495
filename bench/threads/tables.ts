/**
 * The figures of several threads as tables: for a terminal, and for a page of the documentation.
 *
 * @module
 */
import { runtimeTitle } from "../report/chart_data.ts";
import { alignColumns, formatRate, threeDigits } from "../report/format.ts";
import { markdownTable } from "../report/markdown.ts";
import type { Durations, FailoverFigures } from "./failover.ts";
import type { ReadFigures } from "./reads.ts";
import type { ThreadsResults } from "./results.ts";
import type { VisibilityFigures } from "./visibility.ts";

/**
 * A title, the heads of the columns, and lines of cells: the first says what the others are about.
 */
interface Table {
  title: string;
  head: string[];
  lines: string[][];
}

const READ_HEAD = ["one thread", "two threads", "ratio", "of the best"];
const readCells = ({ oneThread, twoThreads, ratio, bestRatio }: ReadFigures) => [
  formatRate(oneThread),
  formatRate(twoThreads),
  threeDigits(ratio),
  threeDigits(bestRatio),
];

const VISIBILITY_HEAD = ["p50", "p99", "a message takes"];
const visibilityCells = ({ oneWay, messageRatio }: VisibilityFigures) => [
  threeDigits(oneWay.p50Us),
  threeDigits(oneWay.p99Us),
  `${threeDigits(messageRatio)} x`,
];

const FAILOVER_HEAD = ["kills", "settled", "noticed", "recovered", "failed", "lost or doubled"];
const failoverCells = (figures: FailoverFigures) => [
  `${figures.killCount}, ${figures.terminatedCount} terminated`,
  formatDurations(figures.settled),
  formatDurations(figures.noticed),
  formatDurations(figures.recovered),
  `${figures.failedCount} of ${formatRate(figures.operationCount)}`,
  String(figures.lostOrDoubledCount),
];

/** All tables of one run, as text. */
export function formatThreads(results: ThreadsResults): string {
  return tablesOf([results])
    .map(({ title, head, lines }) => `${title}\n${alignColumns([["", ...head], ...lines])}`)
    .join("\n\n");
}

/** A page of the documentation with the figures of all runtimes, and a chart of them. */
export function formatThreadsPage(all: readonly ThreadsResults[], chart: string): string {
  const { environment: { cpu, coreCount }, startedAt } = all[0];
  const tables = tablesOf(all).map(({ title, head, lines }) =>
    `## ${title}\n\n${markdownTable([["", ...head], ...lines])}\n`
  );
  return `# Figures of several threads

Written by \`npm run bench:threads -- --size full\`: medians of interleaved repetitions, on ${coreCount}
cores of ${cpu} that do other work, too, ${startedAt.slice(0, 10)}.

${tables.join("\n")}
"Nothing shared" is arithmetic that each thread does on its own: the ratio that the machine allowed at
the time. "Of the best" is the ratio of the best repetitions, those that other work has disturbed
least. A message is \`postMessage\` between the same two threads, whose event loops do nothing else.

"Settled" is the time from the death of a KN until everything was settled, in three threads, that was
pending at that moment; "noticed", until its slots had another owner; "recovered", from then until
nothing was left of it. With \`help: false\`, requests wait for the thread of the new KN to start.

![From the call until another thread sees the value](${chart})
`;
}

function tablesOf(all: readonly ThreadsResults[]): Table[] {
  const lines = (linesOf: (results: ThreadsResults) => string[][]) =>
    all.flatMap((results) =>
      linesOf(results).map(([name, ...cells]) => [`${runtimeTitle(results)}: ${name}`, ...cells])
    );
  return [
    {
      title: "Reads, operations per second of attached threads",
      head: READ_HEAD,
      lines: lines(({ reads }) => reads.map((row) => [row.work, ...readCells(row)])),
    },
    {
      title: "From the call to put until another thread sees the value, in us",
      head: VISIBILITY_HEAD,
      lines: lines(({ visibility }) => visibility.map((row) => [row.way, ...visibilityCells(row)])),
    },
    {
      title: "KNs killed under load: median / p99 / max in ms",
      head: FAILOVER_HEAD,
      lines: lines(({ failover }) =>
        failover.map((row) => [`help: ${row.help}`, ...failoverCells(row)])
      ),
    },
  ];
}

function formatDurations({ medianMs, p99Ms, maxMs }: Durations): string {
  return [medianMs, p99Ms, maxMs].map(threeDigits).join(" / ");
}
