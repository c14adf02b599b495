/**
 * The tests of durability and of the lock, for longer than `npm test` runs them: 200 kills per
 * level and runtime, 2,000 losses of power, 100,000 flipped bits, a million damaged values, 200
 * races for the lock.
 *
 * ```sh
 * npm run crash -- --runtime bun       # options as for npm test
 * ```
 *
 * @module
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { PROJECT_ROOT } from "./runtimes.ts";

const CAMPAIGN = {
  DINOMO_CAMPAIGN: "1",
  DINOMO_KILLS: "200",
  DINOMO_POWER_SEEDS: "2000",
  DINOMO_FLIPS: "100000",
  DINOMO_FUZZ: "1000000",
  DINOMO_LOCK_ROUNDS: "200",
} as const;
/** Names of the test files, and seconds for each. */
const FILES = "persistence/logged,killed_while_logging,pool_lock,unit/msgpack_codec";
const TIMEOUT_SECONDS = "3600";

const runner = join(PROJECT_ROOT, "dist", "test", "run.js");
const child = spawn(
  process.execPath,
  [
    "--enable-source-maps",
    runner,
    "--only",
    FILES,
    "--timeout",
    TIMEOUT_SECONDS,
    "--jobs",
    "1",
    ...process.argv.slice(2),
  ],
  // What the environment says goes first: shorter campaigns, or longer ones.
  { stdio: "inherit", env: { ...CAMPAIGN, ...process.env } },
);
child.on("exit", (code) => process.exitCode = code ?? 1);
