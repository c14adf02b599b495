/**
 * The page of the documentation about the experiments.
 *
 * @module
 */
import { threeDigits } from "../../report/format.ts";
import { markdownTable } from "../../report/markdown.ts";
import { type Cost, COSTS } from "../model/costs.ts";
import { type CheckedFigures, THREAD_CHECK } from "../model/thread_check.ts";
import { CACHE_SHARE, CLIENTS_PER_NODE, EXPERIMENT_PLANS } from "../plan.ts";
import type { ExperimentResults } from "../results.ts";
import {
  balanceSection,
  cachingSection,
  elasticitySection,
  failureSection,
  headlineSection,
  hottestShare,
  percent,
  roundTripsSection,
  throughputSection,
} from "./sections.ts";

/** The whole page. */
export function formatExperimentsPage(results: ExperimentResults): string {
  return [
    introduction(results),
    headlineSection(results),
    throughputSection(results),
    roundTripsSection(results),
    cachingSection(results),
    elasticitySection(results),
    balanceSection(results),
    failureSection(results),
    costModel(),
    threadCheck(),
    limits(),
  ].join("\n");
}

function introduction({ size, seed }: ExperimentResults): string {
  const { steady, headline } = EXPERIMENT_PLANS[size];
  return `# The paper's experiments, in virtual time

Written by \`npm run experiments -- --size ${size}\`, seed ${seed}. Two cores cannot show 16 KNs, so time is
virtual. No clock is read, so the same seed gives the same figures.

**What is real.** Dinomo's KNs are the store's own: \`FarNode\` with its rings, cache, log and unmerged records, the
\`LogMerger\`, the index, the assignment of slots and their moves, over one pool with real records. Each read is
checked to have found its key's value.

**What is modelled.** How long it all takes: a thread of a KN is busy with a step for the processor's time that its
lookups and writes were measured to take, and for the round trips (RTs) that its verbs have counted, one after the
other. Links, threads, DPM processors and Clover's metadata server are servers with queues.
[The cost model](#the-cost-model) names every constant and its source.

**The systems.** _Dinomo_ caches as the paper's DAC does. _Dinomo-S_ caches shortcuts only. _Dinomo-N_ is shared-nothing:
a slot that gets another owner is copied. _Clover_ (Tsai, Shan, Zhang, ATC '20) is shared-everything; it is a model of
its protocol, after the code that the authors of DINOMO measured
([clover.ts](../bench/experiments/systems/clover/clover.ts) says what of it is left out, all in its favour).

**The setting** is the paper's, with fewer keys: keys of 8 bytes, values of 1 KiB, RTs of 2 µs, 56 Gbit/s, ${COSTS.threadsPerNode.value} threads
for each KN, which caches ${
    percent(CACHE_SHARE)
  } of the data; ${CLIENTS_PER_NODE} clients for each KN in a closed loop. ${
    withCommas(steady.keyCount)
  } keys, and
${
    withCommas(headline.keyCount)
  } in the first table. A popular key weighs more the fewer there are: ${
    hottestShare(steady.keyCount)
  } of all operations go
to the most popular of ${withCommas(steady.keyCount)} at Zipf 0.99, ${
    hottestShare(headline.keyCount)
  } of ${withCommas(headline.keyCount)}, and ${
    hottestShare(PAPER_KEY_COUNT)
  } of 30 million, which is
what the reference implementation has room for.
`;
}

function withCommas(count: number): string {
  return count.toLocaleString("en-US");
}

const PAPER_KEY_COUNT = 30_000_000;

function costModel(): string {
  const lines = Object.values(COSTS as Record<string, Cost>).map((
    { what, value, unit, source },
  ) => [
    what,
    `${threeDigits(value)} ${unit}`,
    source,
  ]);
  return `## The cost model

${markdownTable([["what", "value", "source"], ...lines])}

Both ends of an RT are occupied for the bytes of the message, and the DPM's NIC for the message as such. Threads wait
for their RTs: they do one thing at a time. A KN's thread takes up to 64 waiting requests in one step, and what that
writes is logged by one RT.
`;
}

function threadCheck(): string {
  const cells = (figures: CheckedFigures) => [
    threeDigits(figures.roundTripsPerOperation),
    percent(figures.valueHitShare),
    percent(figures.shortcutHitShare),
  ];
  const lines = THREAD_CHECK.flatMap(({ nodeCount, threads, virtual }) => [
    [`${nodeCount} KNs, real threads`, ...cells(threads)],
    [`${nodeCount} KNs, virtual time`, ...cells(virtual)],
  ]);
  return `## Against real threads

The same load on a far store whose KNs have threads of this machine, by \`npm run experiments:check\`: 95/5 update, Zipf 0.99,
16k keys. How many round trips operations take, and what the caches hit, must not depend on whose time it is. What
they last is not compared: two cores are too few for two KNs, their clients and a DPM processor.

${markdownTable([["", "RTs/op", "value hits", "shortcut hits"], ...lines])}
`;
}

function limits(): string {
  return `## What is not shown

- **How long it takes to share a key**, and to find out that it is hot: it happens during the warm-up. Adding and removing
  KNs is scripted.
- **Cells held for longer.** Threads take writes of a shared key in a step of their own here. The store's far KNs take requests in
  the order of their rings, so they hold a cell for all of a step. And what reading a cell costs a processor is assumed:
  as much as a read by a shortcut costs more than one of a cached value.
- **More than 64 KNs of one pool**: see above.
- **Times of real threads**: see above.
- **Cleaning**: the pool has room for all that is written.
- **Other processors.** Where one thread of a KN is the limit, throughput is in inverse proportion to what that thread
  takes for its operations. So it depends on the processor, and on this store being written in TypeScript; Clover's, where
  the link is the limit, does not. The costs above were measured on a machine that did other work, too.
- Of the paper's own figures only the one that its abstract states stands beside ours.
`;
}
