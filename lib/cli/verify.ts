/**
 * `dinomo verify`: whether a pool is whole.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { checkOrderedIndex } from "../ordered/tree_check.ts";
import type { Damage } from "../persistence/replay_report.ts";
import type { Pool } from "../pool/pool.ts";
import { bytesOfImage, counted, describeDamage, readPool, restoreInMemory } from "./pool_access.ts";
import { reportUndecodable, undecodableKeys } from "./undecodable_keys.ts";
import { countKeys } from "./pool_info.ts";
import { orderPool } from "../store/opening/ordered_pool.ts";
import { Progress, PROGRESS_RULES } from "./progress.ts";
import { printLine, printMessage, type Terminal } from "./terminal.ts";

/** The command. */
export const verifyCommand: Command = {
  name: "verify",
  summary: "checks every frame, record and checksum of a pool",
  details: `Checks everything that opening the pool would: the checkpoint, the CRC of every segment,
every frame and record behind the checkpoint, and the index against the log. Says what is
wrong, in which file and at which byte. Starts no threads and writes nothing. A pool that a
process has open is read beside it: damage counts if it is found twice.

Damage in the checkpoint, or in what the checkpoint covers, ends the check; damage behind
it is listed to the end.

With --ordered the order of the keys is found, as the option of open does, and checked
against the index.

With --values every value is decoded, too. Those of an application's own codec are bytes
here, of which only the application knows whether they are right.`,
  rules: {
    ordered: { help: "order the keys, and check that against the index" },
    values: { help: "decode every value, and name the keys where that fails" },
    ...PROGRESS_RULES,
  },
  async run({ path, options }, terminal) {
    const { damages, problems, undecodable, found } = await readPool(
      path,
      terminal,
      async (directory) => {
        const result = await verify(directory, options, terminal);
        const { damages, problems } = result;
        return { result, damage: [...damages.map(describeDamage), ...problems].join("\n") };
      },
    );
    for (const damage of damages) printMessage(terminal, describeDamage(damage));
    for (const problem of problems) printMessage(terminal, problem);
    reportUndecodable(terminal, undecodable);
    if (damages.length + problems.length + undecodable.length > 0) return ExitCode.BAD_DATA;
    printLine(terminal, found);
    return ExitCode.FINE;
  },
};

/** What a check has found. */
interface Verified {
  readonly damages: readonly Damage[];
  /** What is wrong with the order of the keys. */
  readonly problems: readonly string[];
  /** Keys whose values cannot be decoded. */
  readonly undecodable: readonly string[];
  /** What there is, if all of it is whole. */
  readonly found: string;
}

async function verify(
  directory: string,
  options: ReadonlyMap<string, string>,
  terminal: Terminal,
): Promise<Verified> {
  const measure = bytesOfImage(directory);
  const progress = new Progress(terminal, "verify: ", options, measure);
  try {
    const { pool, codec, recovery } = restoreInMemory(
      directory,
      (share) => progress.update(share * measure.total!),
    );
    progress.end();
    const { damages, frames, records } = recovery;
    const isWhole = damages.length === 0;
    const problems = isWhole && options.has("ordered") ? await problemsOfOrder(pool) : [];
    const isOrdered = isWhole && problems.length === 0;
    const undecodable = isOrdered && options.has("values")
      ? await undecodableKeys(pool, codec)
      : [];
    const counts = [
      counted(countKeys(pool), "key"),
      counted(frames, "frame"),
      `${counted(records, "record")} behind the checkpoint`,
    ];
    const found = `${directory}: no damage: ${counts.join(", ")}`;
    return { damages, problems, undecodable, found };
  } finally {
    progress.end();
  }
}

/** What is wrong with the order of a pool's keys, which it gets by this. */
async function problemsOfOrder(pool: Pool): Promise<string[]> {
  await orderPool(pool, () => {});
  return checkOrderedIndex(pool).problems;
}
