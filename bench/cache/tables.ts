/**
 * The figures of the cache policies as tables: for a terminal, and for the documentation.
 *
 * @module
 */
import { markdownTable } from "../report/markdown.ts";
import { alignColumns } from "../report/format.ts";
import { type CacheResults, type CacheRow, summarize } from "./measure.ts";
import { POLICY_CHOICES } from "./simulate.ts";

const NAMES = POLICY_CHOICES.map(({ name }) => name);

/** 0.001 as "0.1 %". */
export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

function summaryLines(rows: readonly CacheRow[]): string[][] {
  return [
    ["policy", "of the best static, mean", "worst", "RTs per read, mean"],
    ...summarize(rows).map(({ name, meanRatio, worstRatio, meanRts }) => [
      name,
      meanRatio.toFixed(3),
      worstRatio.toFixed(3),
      meanRts.toFixed(3),
    ]),
  ];
}

function describeTrace({ sizes, kind, zipf, writeShare }: CacheRow): string {
  const writes = writeShare === 0 ? "reads only" : `${formatShare(writeShare)} writes`;
  return `Zipf ${zipf}, ${kind}, ${writes}, values ${sizes}`;
}

function rowLines(rows: readonly CacheRow[]): string[][] {
  return [
    ["trace", "cache", ...NAMES],
    ...rows.map((row) => [
      describeTrace(row),
      formatShare(row.budgetShare),
      ...NAMES.map((name) => row.figures[name].rtsPerRead.toFixed(3)),
    ]),
  ];
}

function hitLines(rows: readonly CacheRow[]): string[][] {
  return [
    ["cache", ...NAMES],
    ...rows.map((row) => [
      formatShare(row.budgetShare),
      ...NAMES.map((name) => {
        const { valueHitRatio, shortcutHitRatio } = row.figures[name];
        return `${(valueHitRatio * 100).toFixed(0)} + ${(shortcutHitRatio * 100).toFixed(0)}`;
      }),
    ]),
  ];
}

/** All tables of a run, as text. */
export function formatCaches({ rows }: CacheResults): string {
  return `RTs per read\n${alignColumns(rowLines(rows))}\n\nAll traces\n${
    alignColumns(summaryLines(rows))
  }`;
}

/** A page of the documentation with the figures, and the chart of them. */
export function formatCachesPage(results: CacheResults, chart: string): string {
  const { rows, seed } = results;
  const typical = rows.filter(({ sizes, writeShare }) => sizes === "1 KiB" && writeShare === 0.05);
  const zipfian = typical.filter(({ kind, zipf }) => kind === "steady" && zipf === 0.99);
  return `# Figures of the cache policies

Written by \`npm run bench:cache -- --size full\`, from the seed ${seed}: ${rows.length} pairs of trace and budget.
[Caching](caching.md) says what the policies do, and how this is measured.

![RTs per read by size of the cache](${chart})

## All traces

The round trips of the best static policy for the same trace and budget, divided by those of the
policy: more than 1 is better than every static one.

${markdownTable(summaryLines(rows))}

## Hits, Zipf 0.99, 5 % writes, values of 1 KiB

Percent of the reads: value hits + shortcut hits.

${markdownTable(hitLines(zipfian))}

## Round trips per read, 5 % writes, values of 1 KiB

${markdownTable(rowLines(typical))}
`;
}
