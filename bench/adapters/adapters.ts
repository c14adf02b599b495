/**
 * What Keyv costs on `dinomo/keyv`, beside Keyv on a `Map`.
 *
 * Each subject (subjects.ts) has a process of its own, as an application has one Keyv: in one
 * process all would pay for the garbage of the others. The processes take turns with rounds in
 * which they set and get all keys, one operation after the other; of the rounds, medians count.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { runtimeCommand, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { alignColumns } from "../report/format.ts";
import { median } from "../measure/statistics.ts";
import { SUBJECTS } from "./subjects.ts";

/** How much is measured. */
export interface AdaptersPlan {
  /** Which subjects; those that the others are compared with among them. @default all */
  readonly names?: readonly string[];
  readonly keyCount: number;
  /** Rounds of each subject before those that count, in which its code is compiled. */
  readonly warmUpCount: number;
  /** Rounds in which each of the subjects takes its turn. */
  readonly roundCount: number;
}

/** Microseconds for a set and a get of one subject. */
export interface AdapterFigures {
  readonly setMicros: number;
  readonly getMicros: number;
}

/** Milliseconds of one round. */
type Round = readonly [setMs: number, getMs: number];

/** A process of subject_process.ts. */
class Subject {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, keyCount: number) {
    const { program, args } = runtimeCommand(THIS_RUNTIME, "bench/adapters/subject_process.ts");
    this.#child = spawn(program, [...args, name, String(keyCount)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Has it set and get all keys. */
  async run(): Promise<Round> {
    this.#child.stdin!.write("\n");
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`a process has ended with ${this.#child.exitCode}, and no figures`);
    return JSON.parse(value) as Round;
  }

  end(): void {
    this.#child.stdin!.end();
  }
}

/** Measures everything of a plan; the names say the version, where it keeps entries, and how. */
export async function measureAdapters(
  { names = [...SUBJECTS.keys()], keyCount, warmUpCount, roundCount }: AdaptersPlan,
): Promise<Map<string, AdapterFigures>> {
  const subjects = names.map((name) => new Subject(name, keyCount));
  try {
    const rounds = names.map((): Round[] => []);
    for (let i = -warmUpCount; i < roundCount; i++) {
      for (const [at, subject] of subjects.entries()) {
        const round = await subject.run();
        if (i >= 0) rounds[at]!.push(round);
      }
    }
    const microsOf = (ms: number[]) => median(ms) * 1000 / keyCount;
    return new Map(names.map((name, at) => [name, {
      setMicros: microsOf(rounds[at]!.map(([setMs]) => setMs)),
      getMicros: microsOf(rounds[at]!.map(([, getMs]) => getMs)),
    }]));
  } finally {
    for (const subject of subjects) subject.end();
  }
}

/** The figures as a table, with their ratios to those of the same Keyv on a `Map` that serializes. */
export function formatAdapters(figures: ReadonlyMap<string, AdapterFigures>): string {
  return alignColumns([
    ["Keyv", "set, µs", "to Map", "get, µs", "to Map"],
    ...[...figures].map(([name, { setMicros, getMicros }]) => {
      const map = figures.get(`${name[0]}, Map`)!;
      return [
        name,
        setMicros.toFixed(2),
        (setMicros / map.setMicros).toFixed(2),
        getMicros.toFixed(2),
        (getMicros / map.getMicros).toFixed(2),
      ];
    }),
  ]);
}
