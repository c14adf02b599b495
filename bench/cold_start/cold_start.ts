/**
 * How long a program waits that has just been started: for the import of the library as it is
 * published, and for a first value in a store, beside LMDB: in memory, with a new directory, and
 * again with the files of a process that has ended, and the default capacity.
 *
 * Each sample is a process of its own, which times itself from before the import; the programs take
 * turns, and medians count. Beside that stands how long the whole process took, less what one took
 * that imports nothing: its end is in that, too.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRuntime, PROJECT_ROOT, type Runtime } from "../../scripts/runtimes.ts";
import { median } from "../measure/statistics.ts";

/** How much is measured. */
export interface ColdStartPlan {
  readonly runtimes: readonly Runtime[];
  /** Processes for each program, of which one more is started first and does not count. */
  readonly sampleCount: number;
}

/** What one program took, in milliseconds. */
export interface ColdStart {
  readonly runtime: Runtime;
  readonly program: string;
  /** The import. */
  readonly importMs: number;
  /** After it, opening a store and the first awaited put. */
  readonly firstPutMs: number;
  /** The whole process, less one that imports nothing. */
  readonly processMs: number;
}

const NOTHING = "nothing";
/** The program that writes the files that others find. */
const FILL = "fill";
/** Keys in these files. */
const FILLED_KEYS = 2000;

/** What a program imports, how it opens a store, and whether it finds files with keys. */
interface Program {
  readonly from: string;
  readonly open: string;
  readonly isFilled?: boolean;
}

const PROGRAMS: ReadonlyMap<string, Program> = new Map([
  ["Dinomo", { from: "dinomo", open: `library.open({ capacity: "64MiB" })` }],
  ["Dinomo, path", { from: "dinomo", open: `library.open({ capacity: "64MiB", path })` }],
  ["Dinomo, again", { from: "dinomo", open: "library.open({ path })", isFilled: true }],
  ["LMDB", { from: "lmdb", open: "library.open({ path })" }],
]);

const FILL_SOURCE = `
import { open } from "dinomo";
const store = await open({ path: process.argv[2] });
for (let i = 0; i < ${FILLED_KEYS}; i++) void store.put("user:" + i, { name: "Ada", visits: i });
await store.close();
console.log(JSON.stringify([0, 0, 0]));
`;

function sourceOf({ from, open }: Program): string {
  return `
const path = process.argv[2];
const times = [performance.now()];
const library = await import("${from}");
times.push(performance.now());
const store = await ${open};
await store.put("user:1", { name: "Ada", visits: 1 });
times.push(performance.now());
await store.close();
console.log(JSON.stringify(times));
`;
}

/** Measures everything of a plan; the package has been built. */
export function measureColdStarts({ runtimes, sampleCount }: ColdStartPlan): ColdStart[] {
  const folder = mkdtempSync(join(tmpdir(), "dinomo-cold-start-"));
  try {
    writePrograms(folder);
    runOnce(folder, "node", FILL, filledPath(folder));
    const samples = new Map<string, Sample[]>();
    for (let i = -1; i < sampleCount; i++) {
      for (const runtime of runtimes) {
        for (const program of [NOTHING, ...PROGRAMS.keys()]) {
          const sample = sampleOf(folder, runtime, program);
          const name = `${runtime} ${program}`;
          if (i >= 0) samples.set(name, [...samples.get(name) ?? [], sample]);
        }
      }
    }
    return runtimes.flatMap((runtime) =>
      [...PROGRAMS.keys()].map((program) => {
        const medianOf = (name: string, part: keyof Sample) =>
          median(samples.get(`${runtime} ${name}`)!.map((sample) => sample[part]));
        return {
          runtime,
          program,
          importMs: medianOf(program, "importMs"),
          firstPutMs: medianOf(program, "firstPutMs"),
          processMs: medianOf(program, "processMs") - medianOf(NOTHING, "processMs"),
        };
      })
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Sample = Pick<ColdStart, "importMs" | "firstPutMs" | "processMs">;

/** Writes the programs, and the packages as npm would install them. */
function writePrograms(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "dinomo"), { recursive: true });
  cpSync(join(PROJECT_ROOT, "package.json"), join(modules, "dinomo/package.json"));
  cpSync(join(PROJECT_ROOT, "dist/bundle"), join(modules, "dinomo/dist/bundle"), {
    recursive: true,
  });
  symlinkSync(join(PROJECT_ROOT, "node_modules/lmdb"), join(modules, "lmdb"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, `${NOTHING}.js`), "console.log(JSON.stringify([0, 0, 0]));");
  writeFileSync(join(folder, `${FILL}.js`), FILL_SOURCE);
  for (const [name, program] of PROGRAMS) {
    writeFileSync(join(folder, `${name}.js`), sourceOf(program));
  }
}

function filledPath(folder: string): string {
  return join(folder, "filled");
}

function sampleOf(folder: string, runtime: Runtime, program: string): Sample {
  const path = join(folder, "pool");
  if (PROGRAMS.get(program)?.isFilled) cpSync(filledPath(folder), path, { recursive: true });
  try {
    return runOnce(folder, runtime, program, path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function runOnce(folder: string, runtime: Runtime, program: string, path: string): Sample {
  const words = [...(runtime === "deno" ? ["run", "-A"] : []), `${program}.js`, path];
  const startMs = performance.now();
  const { stdout, stderr } = spawnSync(findRuntime(runtime), words, {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
  });
  const processMs = performance.now() - startMs;
  if (stdout === "") throw new Error(`${program} on ${runtime}: ${stderr}`);
  const [start, imported, put] = JSON.parse(stdout) as [number, number, number];
  return { importMs: imported - start, firstPutMs: put - imported, processMs };
}

/** The figures as a table. */
export function formatColdStarts(figures: readonly ColdStart[]): string {
  const rows = figures.map(({ runtime, program, importMs, firstPutMs, processMs }) =>
    `| ${runtime.padEnd(7)} | ${program.padEnd(13)} | ${
      [importMs, firstPutMs, processMs].map((ms) => ms.toFixed(1).padStart(10)).join(" | ")
    } |`
  );
  return [
    "| runtime | program       |  import ms |  open, put |    process |",
    "| ------- | ------------- | ---------- | ---------- | ---------- |",
    ...rows,
  ].join("\n");
}
