/**
 * Processes that use one pool, while the one that has it open is killed, closed or stopped: every
 * operation is checked.
 *
 * ```sh
 * npm run chaos:processes              # 100 faults; also: bun scripts/processes_chaos.ts, deno run -A scripts/processes_chaos.ts
 * npm run chaos:processes -- 1000      # so many
 * npm run chaos:processes -- --runtime bun --processes 8
 * npm run chaos:processes -- --seed 7  # the decisions of that run; how processes race differs
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { type ChaosTally, runProcessesChaos } from "../test/support/processes_chaos.ts";
import { Random, SEED } from "../test/support/random.ts";
import { type Runtime, RUNTIMES } from "./runtimes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: `${SEED}` },
    runtime: { type: "string", multiple: true },
    processes: { type: "string", default: "4" },
  },
});

function line({ killed, closed, stopped }: ChaosTally): string {
  return `seed ${values.seed}: hosts killed ${killed}, closed ${closed}, stopped ${stopped}`;
}

const startMs = performance.now();
const tally = await runProcessesChaos({
  random: new Random(Number(values.seed)),
  faults: Number(positionals[0] ?? 100),
  runtimes: (values.runtime as Runtime[] | undefined) ?? RUNTIMES,
  processes: Number(values.processes),
  onFault: (so) => process.stdout.write(`\r${line(so)}   `),
});
const gapsMs = tally.gapsMs.sort((a, b) => a - b);
const at = (share: number) =>
  gapsMs[Math.min(gapsMs.length - 1, Math.floor(gapsMs.length * share))];
console.log(
  `\n${line(tally)}; ${tally.answered} operations on shared keys were answered; ` +
    `${Math.round((performance.now() - startMs) / 1000)} s`,
);
console.log(
  `without an answer after a kill: median ${at(0.5)} ms, 90 % ${at(0.9)} ms, most ${at(1)} ms`,
);
for (const what of tally.wrong.slice(0, 20)) console.error(what);
console.log(`${tally.wrong.length} wrong`);
process.exit(tally.wrong.length === 0 ? 0 : 1);
