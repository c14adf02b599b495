/**
 * The thread that ends the process when a test hangs: the threads of a race may all be blocked by
 * then.
 *
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { watch } from "./outcome_race.ts";

const { name, hasEnded } = watch();
if (!hasEnded) {
  // Not console.error: on Node that is printed by the main thread, which hangs.
  writeSync(2, `\nwatchdog: "${name}" hangs\n`);
  process.kill(process.pid, "SIGKILL");
}
