/**
 * What Keyv costs on `dinomo/keyv`, beside Keyv on a `Map`.
 *
 * Each subject (subjects.ts) has a process of its own, as an application has one Keyv: in one
 * process all would pay for the garbage of the others. The processes take turns; of the repetitions
 * of each, the medians count.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { runtimeCommand, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { median } from "../measure/statistics.ts";
import { alignColumns } from "../report/format.ts";
import { SUBJECTS } from "./subjects.ts";

/** What one process measures. */
export interface RoundsPlan {
  readonly keyCount: number;
  /** Rounds before those that count, in which code is compiled. */
  readonly warmUpCount: number;
  /** Rounds, of which the median counts. */
  readonly roundCount: number;
}

/** How much is measured. */
export interface AdaptersPlan extends RoundsPlan {
  /** Which subjects; those that the others are compared with among them. @default all */
  readonly names?: readonly string[];
  /** Processes of each subject. */
  readonly repetitionCount: number;
}

/** Microseconds for a set and a get of one subject. */
export interface AdapterFigures {
  readonly setMicros: number;
  readonly getMicros: number;
}

/** With how many times that is what the same Keyv takes on a `Map`, and serializes. */
export interface ComparedFigures extends AdapterFigures {
  readonly setRatio: number;
  readonly getRatio: number;
}

const PROCESS_MS_MAX = 120_000;

/**
 * Measures everything of a plan; the names say the version, where it keeps entries, and how. Ratios
 * are those of one repetition, since the machine is faster in one than in another.
 */
export function measureAdapters(
  { names = [...SUBJECTS.keys()], repetitionCount, ...rounds }: AdaptersPlan,
): Map<string, ComparedFigures> {
  const repetitions = Array.from(
    { length: repetitionCount },
    () => new Map(names.map((name) => [name, measureOne(name, rounds)])),
  );
  const medianOf = (of: (figures: Map<string, AdapterFigures>) => number) =>
    median(repetitions.map(of));
  return new Map(names.map((name) => {
    const map = mapOf(name);
    return [name, {
      setMicros: medianOf((figures) => figures.get(name)!.setMicros),
      getMicros: medianOf((figures) => figures.get(name)!.getMicros),
      setRatio: medianOf((figures) => figures.get(name)!.setMicros / figures.get(map)!.setMicros),
      getRatio: medianOf((figures) => figures.get(name)!.getMicros / figures.get(map)!.getMicros),
    }];
  }));
}

/** What a subject is compared with; its name begins with the version of Keyv. */
function mapOf(name: string): string {
  return `${name[0]}, Map`;
}

function measureOne(name: string, rounds: RoundsPlan): AdapterFigures {
  const { program, args } = runtimeCommand(THIS_RUNTIME, "bench/adapters/subject_process.ts");
  const { stdout, stderr } = spawnSync(program, [...args, name, JSON.stringify(rounds)], {
    encoding: "utf8",
    timeout: PROCESS_MS_MAX,
  });
  if (stdout === "") throw new Error(`"${name}" has ended without figures: ${stderr}`);
  return JSON.parse(stdout) as AdapterFigures;
}

/** The figures as a table. */
export function formatAdapters(figures: ReadonlyMap<string, ComparedFigures>): string {
  return alignColumns([
    ["Keyv", "set, µs", "to Map", "get, µs", "to Map"],
    ...[...figures].map(([name, { setMicros, setRatio, getMicros, getRatio }]) => [
      name,
      ...[setMicros, setRatio, getMicros, getRatio].map((figure) => figure.toFixed(2)),
    ]),
  ]);
}
