/**
 * Says whether this tree is slower than a revision: runs both in many short rounds, in turn, on
 * each runtime.
 *
 * ```sh
 * npm run bench:gate main                              # a few minutes
 * npm run bench:gate HEAD~1 -- --runtime node --rounds 40
 * ```
 *
 * Ends with code 1 if the geometric mean of all operations on all runtimes is slower by more than
 * `--tolerance` percent, and so surely that the interval around it says so, too. Run it on a
 * machine that does nothing else.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { PROJECT_ROOT, type Runtime, RUNTIMES } from "../scripts/runtimes.ts";
import { BuiltRevision, runRound } from "./gate/builds.ts";
import { judgePairs, type Pair, type Ratio, type Verdict } from "./gate/verdict.ts";
import { alignColumns } from "./report/format.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: "string", multiple: true, default: [...RUNTIMES] },
    rounds: { type: "string", default: "20" },
    ms: { type: "string", default: "100" },
    tolerance: { type: "string", default: "3" },
  },
});
const [base] = positionals;
if (base === undefined || positionals.length > 1) {
  throw new Error("usage: npm run bench:gate BASE, with BASE a git revision");
}
const runtimes = values.runtime.map((name): Runtime => {
  const runtime = RUNTIMES.find((known) => known === name);
  if (runtime === undefined) throw new Error(`--runtime takes ${RUNTIMES.join(", ")}, got ${name}`);
  return runtime;
});
const rounds = positive("rounds", values.rounds);
const ms = positive("ms", values.ms);
const tolerance = positive("tolerance", values.tolerance) / 100;

const built = new BuiltRevision(base);
try {
  const pairs = new Map<string, Pair[]>(runtimes.map((runtime) => [runtime, []]));
  for (let round = 0; round < rounds; round++) {
    for (const runtime of runtimes) {
      pairs.get(runtime)!.push(await measurePair(runtime, round % 2 === 0));
    }
  }
  const verdict = judgePairs(pairs, tolerance, Math.random);
  console.log(report(verdict));
  if (verdict.isTooSlow) process.exitCode = 1;
} finally {
  built.remove();
}

/**
 * One round of each; which of them comes first alternates, as the second may find a warmer machine.
 */
async function measurePair(runtime: Runtime, oldFirst: boolean): Promise<Pair> {
  const measure = (folder: string) => runRound(folder, runtime, ms);
  if (oldFirst) {
    const old = await measure(built.folder);
    return { old, new: await measure(PROJECT_ROOT) };
  }
  const current = await measure(PROJECT_ROOT);
  return { old: await measure(built.folder), new: current };
}

function report({ runtimes, mean, isTooSlow }: Verdict): string {
  const rows = runtimes.flatMap(({ runtime, operations, mean }) => [
    ...operations.map((row) => [runtime, row.operation, ...columns(row)]),
    [runtime, "geometric mean", ...columns(mean)],
  ]);
  const limit = `limit ${(1 + tolerance).toFixed(3)}`;
  return [
    alignColumns([
      ["runtime", "operation", `time / ${base}`, "95 % from", "to"],
      ...rows,
      ["all", "geometric mean", ...columns(mean)],
    ]),
    isTooSlow ? `too slow: ${limit}` : `not too slow: ${limit}`,
  ].join("\n");
}

function columns({ ratio, low, high }: Ratio): string[] {
  return [ratio, low, high].map((number) => number.toFixed(3));
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} takes a positive number, got ${text}`);
  return value;
}
