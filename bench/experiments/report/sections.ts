/**
 * The sections of the page about the experiments, one for each.
 *
 * @module
 */
import { unique } from "../../report/chart_style.ts";
import { formatRate, threeDigits } from "../../report/format.ts";
import { markdownTable } from "../../report/markdown.ts";
import { SHARING } from "../experiments/balance.ts";
import { CACHE_POLICIES } from "../experiments/caching.ts";
import { type KeyCountRow, SYSTEMS, type ThroughputRow } from "../experiments/throughput.ts";
import type { Timeline } from "../experiments/timeline.ts";
import { EXPERIMENT_PLANS } from "../plan.ts";
import type { ExperimentResults } from "../results.ts";

/** A share as a percentage. */
export function percent(share: number): string {
  return `${threeDigits(share * 100)} %`;
}

const rate = ({ operationsPerSecond }: { operationsPerSecond: number }) =>
  formatRate(operationsPerSecond);

function limitOf({ limit: { name, utilization } }: ThroughputRow): string {
  return `${name}, ${Math.round(Math.min(1, utilization) * 100)} %`;
}

/** What the abstract of the paper states. */
const PAPER_RATIO = 3.8;
const DINOMO = "Dinomo, the paper's DAC";

export function headlineSection({ headline, byKeyCount }: ExperimentResults): string {
  const { nodeCount } = headline[0];
  const mixes = unique(headline.map(({ mix }) => mix));
  const lines = mixes.flatMap((mix) => {
    const rows = headline.filter((row) => row.mix === mix);
    const clover = rows.find(({ system }) => system === "Clover")!;
    return rows.map((row) => [
      mix,
      row.system,
      rate(row),
      `${threeDigits(row.operationsPerSecond / clover.operationsPerSecond)} x`,
      threeDigits(row.roundTripsPerOperation),
      percent(row.valueHitShare),
      percent(row.shortcutHitShare),
      limitOf(row),
    ]);
  });
  const reached = mixes.map((mix) => {
    const of = (system: string) =>
      headline.find((row) => row.mix === mix && row.system === system)!.operationsPerSecond;
    const ratio = of(DINOMO) / of("Clover");
    return `${mix} ${threeDigits(ratio)} x${ratio < PAPER_RATIO ? ", which is less" : ""}`;
  });
  const head = [
    "mix",
    "system",
    "operations/s",
    "of Clover",
    "RTs/op",
    "value hits",
    "shortcut hits",
    "limited by",
  ];
  return `## ${nodeCount} KNs, Zipf 0.99

The paper reports at least ${PAPER_RATIO} times Clover's throughput at 16 KNs. Here: ${
    reached.join("; ")
  }.

${markdownTable([head, ...lines])}

"A KN's thread" is the thread that owns the most popular key: one key has one owner here, and that has one thread for
it. (With [selective replication](#load-balance) it has more.) Hits are shares of the reads; records that a KN finds
in its unmerged log count as values. The variants of Clover differ in the threads of the metadata server: those of
the authors of DINOMO, and those in Clover's own repository.

The share of the most popular key depends on how many keys there are:

${keyCountTable(byKeyCount)}
`;
}

function keyCountTable(rows: readonly KeyCountRow[]): string {
  const cases = unique(rows.map(({ keyCount, mix }) => `${keyCount}|${mix}`));
  const lines = cases.map((name) => {
    const [dinomo, clover] = rows.filter(({ keyCount, mix }) => `${keyCount}|${mix}` === name);
    return [
      dinomo.keyCount.toLocaleString("en-US"),
      hottestShare(dinomo.keyCount),
      dinomo.mix,
      rate(dinomo),
      limitOf(dinomo),
      rate(clover),
      limitOf(clover),
      `${threeDigits(dinomo.operationsPerSecond / clover.operationsPerSecond)} x`,
    ];
  });
  const head = [
    "keys",
    "most popular",
    "mix",
    "Dinomo",
    "limited by",
    "Clover",
    "limited by",
    "Dinomo / Clover",
  ];
  return markdownTable([head, ...lines]);
}

/** The share of operations that the most popular key gets at Zipf 0.99. */
export function hottestShare(keyCount: number): string {
  let sum = 0;
  for (let rank = 1; rank <= keyCount; rank++) sum += rank ** -0.99;
  return percent(1 / sum);
}

export function throughputSection({ throughput }: ExperimentResults): string {
  const counts = unique(throughput.map(({ nodeCount }) => String(nodeCount)))
    .map(Number)
    .sort((a, b) => a - b);
  const nodeCount = counts.includes(16) ? 16 : Math.max(...counts);
  const keys = unique(throughput.map((row) => `${row.exponent}|${row.mix}`));
  const lines = keys.map((key) => {
    const of = (system: string) =>
      throughput.find((row) =>
        row.system === system && row.nodeCount === nodeCount && `${row.exponent}|${row.mix}` === key
      )!;
    const [dinomo, dinomoS, clover] = SYSTEMS.map(of);
    return [
      `Zipf ${dinomo.exponent}, ${dinomo.mix}`,
      rate(dinomo),
      limitOf(dinomo),
      rate(dinomoS),
      limitOf(dinomoS),
      rate(clover),
      limitOf(clover),
      `${threeDigits(dinomo.operationsPerSecond / clover.operationsPerSecond)} x`,
    ];
  });
  const head = [
    "",
    "Dinomo",
    "limited by",
    "Dinomo-S",
    "limited by",
    "Clover",
    "limited by",
    "Dinomo / Clover",
  ];
  return `## Throughput by the number of KNs

![Throughput by the number of KNs](charts/experiments-throughput.svg)

The limit is what is always in use. A thread is in use, too, while it waits for a round trip; so it is named only if
nothing that it waits for is full.

- **Where "a KN's thread" is the limit**, it is the thread that owns the most popular keys. At Zipf 0.99 that is what
  stops Dinomo from scaling, with most threads idle: from 16 to 128 KNs, eight times as many, it gains a factor of 1.3 to
  1.7. Which other popular keys share that thread differs with the number of KNs; so it is no faster with 8 KNs than
  with 4 for some mixes, nor with 64 than with 32. At Zipf 2 it stops one KN already. Clover
  has no owners: any thread of any KN reads a popular key, so at Zipf 2 it reads more. Selective replication is the
  paper's answer; here it is off, and [below](#load-balance) it is on.
- **Where the DPM's link is the limit**, what counts is how many bytes an operation takes of it. Clover reads every
  value from the DPM, and after an update by another KN several old versions on the way to the newest: more, the
  more KNs there are.

At ${nodeCount} KNs:

${markdownTable([head, ...lines])}
${scaling(throughput, counts)}`;
}

/** Where adding KNs stops to help. */
function scaling(rows: readonly ThroughputRow[], counts: readonly number[]): string {
  const skewed = rows.filter(({ exponent }) => exponent === 0.99);
  const lines = unique(skewed.map(({ mix }) => mix)).flatMap((mix) =>
    SYSTEMS.map((system) => {
      const own = skewed.filter((row) => row.mix === mix && row.system === system);
      const cells = counts.map((count) => {
        const row = own.find(({ nodeCount }) => nodeCount === count);
        return row === undefined ? "" : rate(row);
      });
      return [`${mix}, ${system}`, ...cells, limitOf(own[own.length - 1])];
    })
  );
  const head = ["Zipf 0.99, operations/s", ...counts.map(String), "limited by, in the end"];
  return `
By the number of KNs:

${markdownTable([head, ...lines])}

A pool has room for 64 KNs (\`NODE_COUNT_MAX\`): each has an agent block of its own, and so has its merger, and a slot's
lock word has 8 bits to say which agent holds it. So 128 KNs of Dinomo are two pools behind one link and the same DPM
processors, each with 64 KNs and half of the keys
([dinomo_pools.ts](../bench/experiments/systems/dinomo/dinomo_pools.ts)). Clover's are one system.
`;
}

export function roundTripsSection({ throughput }: ExperimentResults): string {
  const rows = throughput.filter(({ exponent, mix }) => exponent === 0.99 && mix === "95/5 update");
  const counts = unique(rows.map(({ nodeCount }) => String(nodeCount)));
  const lines = SYSTEMS.map((system) => [
    system,
    ...counts.map((count) => {
      const row = rows.find((other) =>
        other.system === system && String(other.nodeCount) === count
      )!;
      return threeDigits(row.roundTripsPerOperation);
    }),
  ]);
  return `## Round trips per operation

95/5 update, Zipf 0.99, by the number of KNs. Wanted: below 1.0 for one KN, below 0.5 for 16, falling with every KN.

${markdownTable([["RTs/op", ...counts], ...lines])}

![Round trips per operation by the number of KNs](charts/experiments-round-trips.svg)

A [cluster](cluster.md#round-trips) of 1, 2 and 4 nodes on real servers takes 0.95 to 0.97 times the round trips that this model predicts for it.
`;
}

const ADAPTIVE_POLICIES = ["the store's own", "DAC"];

export function cachingSection({ caching }: ExperimentResults): string {
  const shares = unique(caching.map(({ share }) => String(share))).map(Number);
  const head = ["RTs/op (value hits + shortcut hits)", ...shares.map(percent)];
  const lines = CACHE_POLICIES.map(({ name }) => [
    name,
    ...shares.map((share) => {
      const row = caching.find((other) => other.policy === name && other.share === share)!;
      const hits = [row.valueHitShare, row.shortcutHitShare].map((hit) => Math.round(hit * 100));
      return `${threeDigits(row.roundTripsPerOperation)} (${hits.join(" + ")} %)`;
    }),
  ]);
  /**
   * The best static policy's RTs as a multiple of another's, at the size at which that is lowest.
   */
  const lowest = (policy: string) => {
    const ratios = shares.map((share) => {
      const of = caching.filter((row) => row.share === share);
      const own = of.find((row) => row.policy === policy)!;
      const statics = of.filter((row) => !ADAPTIVE_POLICIES.includes(row.policy));
      const best = Math.min(...statics.map((row) => row.roundTripsPerOperation));
      return best / own.roundTripsPerOperation;
    });
    return threeDigits(Math.min(...ratios));
  };
  return `## Cache policies by the size of the cache

One KN, 95/5 update, Zipf 0.99; sizes are shares of the data.

${markdownTable([head, ...lines])}

The best of the static policies at a size takes at least ${
    lowest("DAC")
  } times the RTs of DAC, and ${lowest("the store's own")} times those of
the store's own policy.

![Round trips per operation by the size of the cache](charts/experiments-caching.svg)
`;
}

function changeTable(timelines: readonly Timeline[]): string {
  const lines = timelines.flatMap(({ system, changes }) =>
    changes.map(({ what, durationMs, dip, disturbedMs }) => [
      what,
      system,
      `${threeDigits(durationMs)} ms`,
      percent(dip),
      `${threeDigits(disturbedMs)} ms`,
    ])
  );
  const head = ["change", "system", "lasts", "worst millisecond", "below 90 %"];
  return markdownTable([head, ...lines]);
}

export function elasticitySection({ elasticity, size }: ExperimentResults): string {
  const { nodeCount, addedCount, changeMs, halvedMs, dataBytes } = EXPERIMENT_PLANS[size].timeline;
  return `## Elasticity

${nodeCount} KNs; the load doubles at ${changeMs} ms, then ${addedCount} KN is added; it halves at ${halvedMs} ms, then the KN is removed. 95/5 update,
Zipf 0.5. Dinomo-N copies slots as if its keys held ${
    threeDigits(dataBytes / 2 ** 30)
  } GiB; nothing else depends on that.
The changes are scripted: there is no M-node in this. Wanted: dip and duration at least ten times smaller than
Dinomo-N's. What Dinomo-N takes grows with the data; what Dinomo takes, with the number of slots that move.

${changeTable(elasticity)}

"Worst millisecond" is how far the throughput fell below the usual one, which is that before the change or that at
the end, whichever is lower; "below 90 %" is for how long it was below 90 % of it.

![The load doubles and halves](charts/experiments-elasticity.svg)
`;
}

export function balanceSection({ balance, size }: ExperimentResults): string {
  const { nodeCount, loads } = EXPERIMENT_PLANS[size].balance;
  const mean = (shares: readonly number[]) =>
    shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const lines = balance.map((row, i) => [
    `Zipf ${row.exponent}, ${row.mix}`,
    row.isSharing ? "with" : "without",
    rate(row),
    row.isSharing
      ? `${threeDigits(row.operationsPerSecond / balance[i - 1].operationsPerSecond)} x`
      : "",
    row.keyOwners.join(", "),
    percent(Math.max(...row.nodeUtilizations)),
    percent(mean(row.nodeUtilizations)),
    percent(Math.min(1, row.threadUtilizationMax)),
  ]);
  const head = [
    "",
    "replication",
    "operations/s",
    "gain",
    "owners of shared keys",
    "busiest KN",
    "mean KN",
    "busiest thread",
  ];
  const exponents = unique(loads.map(({ exponent }) => String(exponent)));
  return `## Load balance

${nodeCount} KNs, at Zipf ${
    exponents.join(", ")
  }. Without selective replication each key has one owner. With it, the store's own policy
looks at every millisecond of virtual time, and while operations take longer than ${SHARING.meanMicrosMax} µs on average it gives the
keys that are used more than the mean plus three standard deviations to more KNs, by the store's own
\`KeyReplication\`. Wanted: twice the throughput at Zipf 2.

${markdownTable([head, ...lines])}

A read of a shared key reads its cell from the DPM, once for all reads of it in a step, and the record only if another KN
has changed it. A write has to lock the cell until it is logged; meanwhile its other owners do something else. All threads
of an owner serve the key. Where latencies are short enough nothing is shared. **A key that is written half of the time is
better left to one owner**: its writes follow each other whoever owns it, and locking costs round trips. Shared all the same,
it is as fast with 37 % of writes, by interpolation, and 0.85 times as fast with half. So the store's policy, unlike the
paper's, counts reads and writes apart: it shares a key up to a quarter of writes, and takes it back beyond 35 %.

![Throughput without and with selective replication](charts/experiments-balance.svg)
`;
}

export function failureSection({ failure, size }: ExperimentResults): string {
  const { nodeCount, addedCount, changeMs, detectionMs } = EXPERIMENT_PLANS[size].timeline;
  return `## A KN dies

One of ${
    nodeCount + addedCount
  } KNs dies at ${changeMs} ms. The M-node learns of it ${detectionMs} ms later: it looks every 100 ms. Then its log is merged, and
its slots go to the others. Meanwhile whoever asks it for something waits, so in a closed loop soon everybody does.

${changeTable(failure)}

![A KN dies](charts/experiments-failure.svg)
`;
}
