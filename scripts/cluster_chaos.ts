/**
 * A cluster of three servers of NATS and three processes on loopback, all of which are killed,
 * stopped and cut off from each other: every operation is checked.
 *
 * ```sh
 * npm run cluster:chaos               # 10 minutes; also: bun scripts/cluster_chaos.ts, deno run -A scripts/cluster_chaos.ts
 * npm run cluster:chaos -- 60         # so many minutes
 * npm run cluster:chaos -- --runtime bun --processes 5
 * npm run cluster:chaos -- --fault "owner killed" --fault "two at once"
 * npm run cluster:chaos -- --seed 7   # the decisions of that run; how processes race differs
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type ClusterChaosTally,
  type Fault,
  FAULTS,
  runClusterChaos,
} from "../test/support/cluster/chaos/chaos.ts";
import { Random, SEED } from "../test/support/random.ts";
import { type Runtime, RUNTIMES } from "./runtimes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: `${SEED}` },
    runtime: { type: "string", multiple: true },
    processes: { type: "string", default: "3" },
    fault: { type: "string", multiple: true },
  },
});
const unknown = values.fault?.find((fault) => !(FAULTS as readonly string[]).includes(fault));
if (unknown !== undefined) {
  console.error(`--fault takes ${FAULTS.join(", ")}, got ${JSON.stringify(unknown)}`);
  process.exit(1);
}
const isTerminal = process.stdout.isTTY === true;
const startMs = performance.now();
const seconds = () => Math.round((performance.now() - startMs) / 1000);

function show(tally: ClusterChaosTally, fault: Fault | undefined): void {
  const count = Object.values(tally.faults).reduce((sum, one) => sum + one, 0);
  const line = `${seconds()} s, ${count} faults${fault === undefined ? "" : `, now: ${fault}`}`;
  if (isTerminal) process.stdout.write(`\r${line.padEnd(70)}`);
  else if (fault !== undefined) console.log(line);
}

console.log(`seed ${values.seed}`);
const tally = await runClusterChaos({
  random: new Random(Number(values.seed)),
  ms: Number(positionals[0] ?? 10) * 60_000,
  runtimes: (values.runtime as Runtime[] | undefined) ?? RUNTIMES,
  processes: Number(values.processes),
  ...(values.fault === undefined ? {} : { faults: values.fault as Fault[] }),
  onFault: show,
});
console.log(`\n${"fault".padEnd(30)} ${"times".padStart(6)}   without an answer, in ms`);
for (const fault of FAULTS) {
  const gapsMs = (tally.gapsMs.get(fault) ?? []).sort((a, b) => a - b);
  if (gapsMs.length === 0) continue;
  const at = (share: number) =>
    gapsMs[Math.min(gapsMs.length - 1, Math.floor(gapsMs.length * share))];
  console.log(
    `${fault.padEnd(30)} ${String(tally.faults[fault]).padStart(6)}   median ${at(0.5)}, 90 % ${
      at(0.9)
    }, most ${at(1)}`,
  );
}
console.log(
  `${tally.answered} operations were answered and checked, ${tally.histories} registers are ` +
    `linearizable or named below; ${seconds()} s, seed ${values.seed}`,
);
console.log(
  `${tally.gone.length} processes were told that something may or may not have been done`,
);
for (const what of tally.gone.slice(0, 5)) console.log(`  ${what}`);
for (const what of tally.wrong.slice(0, 20)) console.error(what);
console.log(`${tally.wrong.length} wrong`);
process.exit(tally.wrong.length === 0 ? 0 : 1);
