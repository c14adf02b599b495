/**
 * `dinomo verify`: whether a pool is whole.
 *
 * @module
 */
import { resolve } from "node:path";
import type { Command } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { checkOrderedIndex } from "../ordered/tree_check.ts";
import type { Pool } from "../pool/pool.ts";
import { counted, describeDamage, readPool, restoreInMemory } from "./pool_access.ts";
import { reportUndecodable, undecodableKeys } from "./pool_entries.ts";
import { countKeys } from "./pool_info.ts";
import { orderPool } from "../store/ordered_pool.ts";
import { printLine, printMessage, Progress } from "./terminal.ts";

/** The command. */
export const verifyCommand: Command = {
  name: "verify",
  summary: "checks every frame, record and checksum of a pool",
  details: `Checks everything that opening the pool would: the checkpoint, the CRC of every segment,
every frame and record behind the checkpoint, and the index against the log. Says what is
wrong, in which file and at which byte. Starts no threads and writes nothing.

Damage in the checkpoint, or in what the checkpoint covers, ends the check; damage behind
it is listed to the end.

With --ordered the order of the keys is found, as the option of open does, and checked
against the index.

With --values every value is decoded, too. Those of an application's own codec are bytes
here, of which only the application knows whether they are right.`,
  rules: {
    ordered: { help: "order the keys, and check that against the index" },
    values: { help: "decode every value, and name the keys where that fails" },
    progress: { help: "say how far it is, also where no terminal is" },
  },
  async run({ path, options }, terminal) {
    const progress = new Progress(terminal, "verify: ", options.has("progress"));
    try {
      const restore = (directory: string) =>
        restoreInMemory(directory, (share) => progress.update(share));
      const { pool, codec, recovery } = await readPool(path, restore);
      progress.end();
      for (const damage of recovery.damages) {
        printMessage(terminal, describeDamage(damage));
      }
      if (recovery.damages.length > 0) {
        return ExitCode.BAD_DATA;
      }
      const problems = options.has("ordered") ? await problemsOfOrder(pool) : [];
      for (const problem of problems) {
        printMessage(terminal, problem);
      }
      if (problems.length > 0) {
        return ExitCode.BAD_DATA;
      }
      const undecodable = options.has("values") ? await undecodableKeys(pool, codec) : [];
      reportUndecodable(terminal, undecodable);
      if (undecodable.length > 0) {
        return ExitCode.BAD_DATA;
      }
      const found = [
        counted(countKeys(pool), "key"),
        counted(recovery.frames, "frame"),
        `${counted(recovery.records, "record")} behind the checkpoint`,
      ];
      printLine(terminal, `${resolve(path)}: no damage: ${found.join(", ")}`);
      return ExitCode.FINE;
    } finally {
      progress.end();
    }
  },
};

/** What is wrong with the order of a pool's keys, which it gets by this. */
async function problemsOfOrder(pool: Pool): Promise<string[]> {
  await orderPool(pool, () => {});
  return checkOrderedIndex(pool).problems;
}
