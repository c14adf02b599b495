/**
 * `dinomo info`: what a pool is.
 *
 * @module
 */
import { formatBytes } from "../core/units.ts";
import type { Command } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { bytesOfImage, counted, describeDamage, formatCount, readPool } from "./pool_access.ts";
import { gatherInfo, type PoolInfo } from "./pool_info.ts";
import { Progress, PROGRESS_RULES } from "./progress.ts";
import { printLine, printMessage } from "./terminal.ts";

const LABEL_WIDTH = 20;

/** The command. */
export const infoCommand: Command = {
  name: "info",
  summary: "says what a pool is: sizes, codec, keys, files",
  details: `Says what the pool at a path is, and how much was logged after its checkpoint. Starts no
threads and writes nothing, but reads the whole pool, into as much memory as an open
store takes. A pool that a process has open is read beside it, as of about now.`,
  rules: {
    json: { help: "print one JSON object instead of text" },
    ...PROGRESS_RULES,
  },
  async run({ path, options }, terminal) {
    const info = await readPool(path, terminal, (directory) => {
      const measure = bytesOfImage(directory);
      const progress = new Progress(terminal, "info: ", options, measure);
      try {
        const result = gatherInfo(directory, (share) => progress.update(share * measure.total!));
        return { result, damage: result.damages.map(describeDamage).join("\n") };
      } finally {
        progress.end();
      }
    });
    printLine(terminal, options.has("json") ? JSON.stringify(info, null, 2) : describeInfo(info));
    for (const damage of info.damages) {
      const isWhole = info.behindCheckpoint === null;
      printMessage(terminal, isWhole ? damage.reason : describeDamage(damage));
    }
    return info.damages.length === 0 ? ExitCode.FINE : ExitCode.BAD_DATA;
  },
};

function describeInfo(info: PoolInfo): string {
  const { segments, behindCheckpoint } = info;
  const count = segments.used + segments.free;
  const rows: [string, string][] = [
    ["path", info.path],
    ["format version", String(info.format)],
    ["checkpoint", String(info.checkpoint)],
    ["image", String(info.image)],
    ["codec", info.codec],
    ["types of keys", info.keyTypes],
    ["capacity", formatBytes(info.capacityBytes)],
    ["segments", `${formatCount(count)} of ${formatBytes(info.segmentBytes)}`],
    ["segments used", formatCount(segments.used)],
    ["segments free", formatCount(segments.free)],
    ["keys", formatCount(info.keys)],
    ["index", formatBytes(info.indexBytes)],
    ["behind checkpoint", behindCheckpoint === null ? "unknown" : describeBehind(behindCheckpoint)],
    ...info.files.map(({ name, bytes }): [string, string] => [
      `file ${name}`,
      `${formatBytes(bytes)}, ${counted(bytes, "byte")}`,
    ]),
  ];
  return rows.map(([label, value]) => label.padEnd(LABEL_WIDTH) + value).join("\n");
}

function describeBehind(
  { frames, records, bytes, droppedBytes }: NonNullable<PoolInfo["behindCheckpoint"]>,
): string {
  const whole = `${counted(frames, "frame")}, ${counted(records, "record")}, ${formatBytes(bytes)}`;
  return droppedBytes === 0 ? whole : `${whole}; ${counted(droppedBytes, "byte")} not whole`;
}
