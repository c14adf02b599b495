/**
 * `dinomo repair`: drops what is damaged behind the checkpoint of a pool.
 *
 * @module
 */
import { type KeyTypes, keyTypesOf } from "../core/key_types.ts";
import { CorruptionError } from "../core/errors.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import type { Damage, RecoveryReport } from "../persistence/replay_report.ts";
import type { Command } from "./command.ts";
import { BadDataError, ExitCode } from "./exit_codes.ts";
import { counted, describeDamage, readClosedPool, restoreInMemory } from "./pool_access.ts";
import { reportUndecodable, undecodableKeys } from "./undecodable_keys.ts";
import { BYTES_OF_CUSTOM_CODEC } from "./restore.ts";
import { printLine, printMessage, type Terminal } from "./terminal.ts";

/** The command. */
export const repairCommand: Command = {
  name: "repair",
  summary: "drops what is damaged, so that a pool can be opened",
  details:
    `Drops frames that had been synced and are damaged, says where they were, and writes a new
checkpoint. The changes in them are lost: keys may have older values, and keys that were
deleted may be there again. Copy the directory before, or look with --dry-run, which
writes nothing and ends with exit code 1 if there is something to repair.

A pool without such damage is left as it is. Damage in the checkpoint, or in what the
checkpoint covers, cannot be repaired. If values cannot be decoded any more, since the
names of their properties were among what was dropped, their keys are listed, and the exit
code is 1: delete or overwrite them before you store anything else.`,
  rules: { "dry-run": { help: "only say what would be dropped" } },
  async run({ path, options }, terminal) {
    const isDryRun = options.has("dry-run");
    const { directory, codec, keys, recovery, lost } = await readClosedPool(path, restoreDamaged);
    if (recovery.damages.length === 0) {
      printLine(terminal, `${directory}: nothing to repair${describeTorn(recovery)}`);
      return ExitCode.FINE;
    }
    if (isDryRun) {
      report(terminal, recovery.damages, "would be dropped");
      reportUndecodable(terminal, lost);
      printMessage(terminal, `${directory}: damaged, and can be repaired`);
      return ExitCode.BAD_DATA;
    }
    const damages = await repair(directory, codec, keys);
    report(terminal, damages, "dropped");
    // Read again, from the files: what was repaired must be whole.
    const repaired = await readClosedPool(directory, restoreRepaired);
    printLine(terminal, `${directory}: repaired, and a new checkpoint written`);
    reportUndecodable(terminal, repaired.lost);
    return repaired.lost.length === 0 ? ExitCode.FINE : ExitCode.BAD_DATA;
  },
};

/** A pool as it is without what is damaged. */
interface RepairedPool {
  readonly directory: string;
  readonly codec: CodecName;
  readonly keys: KeyTypes;
  readonly recovery: RecoveryReport;
  /**
   * Keys, as JSON, whose values cannot be decoded: those of msgpack may need the record with the
   * names of properties, and that may have been dropped. Not looked for where nothing was damaged.
   */
  readonly lost: readonly string[];
}

/** Restores a pool without what is damaged in it. */
async function restoreDamaged(directory: string): Promise<RepairedPool> {
  const { pool, codec, recovery } = whenRepairable(() => restoreInMemory(directory));
  const lost = recovery.damages.length === 0 ? [] : await undecodableKeys(pool, codec);
  return { directory, codec, keys: keyTypesOf(pool.keyTypes)!, recovery, lost };
}

/** Restores a pool that has been repaired. */
async function restoreRepaired(directory: string): Promise<RepairedPool> {
  const { pool, codec, recovery } = restoreInMemory(directory);
  const keys = keyTypesOf(pool.keyTypes)!;
  return { directory, codec, keys, recovery, lost: await undecodableKeys(pool, codec) };
}

/**
 * Opens the pool and closes it: what is dropped is dropped by `open`, which reads everything
 * afresh.
 */
async function repair(
  path: string,
  codec: CodecName,
  keys: KeyTypes,
): Promise<readonly Damage[]> {
  const { open } = await import("../store/open.ts");
  const store = await open<unknown>({
    path,
    // Whatever they are: nothing is put.
    keys: keys as "mixed",
    repair: true,
    durability: "os",
    codec: codec === "custom" ? BYTES_OF_CUSTOM_CODEC : codec,
  });
  const damages = store.recovery?.damages ?? [];
  await store.close();
  return damages;
}

function report(terminal: Terminal, damages: readonly Damage[], outcome: string): void {
  for (const damage of damages) printLine(terminal, `${describeDamage(damage)} ${outcome}`);
  const bytes = damages.reduce((sum, damage) => sum + damage.bytes, 0);
  printLine(terminal, `${counted(damages.length, "place")}, ${counted(bytes, "byte")} ${outcome}`);
}

function describeTorn({ droppedBytes }: RecoveryReport): string {
  if (droppedBytes === 0) return "";
  return `; ${counted(droppedBytes, "byte")} at the ends of segments, which were never ` +
    "acknowledged as durable, go when it is opened";
}

function whenRepairable<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    throw new BadDataError(
      `it cannot be repaired, only replaced by a backup or a dump: ${error.message}`,
      { cause: error },
    );
  }
}
