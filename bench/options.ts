/**
 * The options of the benchmarks, and what the sizes mean.
 *
 * @module
 */
import { tmpdir } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Runtime, RUNTIMES } from "../scripts/runtimes.ts";
import { PEER_ADAPTERS } from "./peers/all.ts";
import { BASIC_WORKLOADS, YCSB_WORKLOADS } from "./workloads/catalogue.ts";

export type Size = "smoke" | "quick" | "full";

export interface Plan {
  repetitionCount: number;
  repetitionMs: number;
  /** A repetition before the others, which is not counted. */
  warmUpMs: number;
  /** Records of the basic and YCSB datasets. */
  keyCount: number;
  /** Records of the datasets that show how cost grows; none: not measured. */
  growthKeyCounts: readonly number[];
  /** How long Dinomo works before, between and after changes of its KNs. */
  scalePhaseMs: number;
  /** Processes whose memory is measured, of each kind. */
  memoryProcessCount: number;
  /** Reads of the process whose memory is measured while it works; an eighth as many writes. */
  memoryReadCount: number;
  /** Every peer has a process of its own. */
  isolated: boolean;
}

export const PLANS: Record<Size, Plan> = {
  // Shows that everything runs: part of the tests.
  smoke: {
    repetitionCount: 2,
    repetitionMs: 6,
    warmUpMs: 2,
    keyCount: 500,
    growthKeyCounts: [250, 500],
    scalePhaseMs: 50,
    memoryProcessCount: 1,
    memoryReadCount: 20_000,
    isolated: false,
  },
  // Shows whether a change made something clearly better or worse.
  quick: {
    repetitionCount: 3,
    repetitionMs: 75,
    // Bun needs as long as this to compile the decoding of large values well.
    warmUpMs: 120,
    keyCount: 20_000,
    growthKeyCounts: [],
    scalePhaseMs: 500,
    memoryProcessCount: 3,
    memoryReadCount: 1_000_000,
    isolated: true,
  },
  // What is published.
  full: {
    repetitionCount: 7,
    repetitionMs: 450,
    warmUpMs: 250,
    keyCount: 100_000,
    growthKeyCounts: [100_000, 1_000_000, 5_000_000],
    scalePhaseMs: 2000,
    memoryProcessCount: 3,
    memoryReadCount: 4_000_000,
    isolated: true,
  },
};

export const SECTION_IDS = ["basic", "ycsb", "growth", "scale", "memory"] as const;

export type SectionId = (typeof SECTION_IDS)[number];

const SIZES = Object.keys(PLANS) as Size[];

const DEFAULT_SEED = 2022;

export interface Options {
  size: Size;
  seed: number;
  /** Peers, sections and workloads to run; empty: all of them. */
  only: string[];
  /** Where the peers' files go. */
  dir: string;
  /** Runtimes to run under, for the driver; empty: all that are installed. */
  runtimes: Runtime[];
  jsonPath?: string;
  chartsDir?: string;
}

const USAGE = `Options:
  --size ${SIZES.join("|")}   default quick
  --runtime <list>     of ${RUNTIMES.join(", ")}; default: all (bench/run only)
  --only <list>        peers, sections or workloads, separated by commas; default: all
                         peers: ${names(PEER_ADAPTERS)}
                         sections: ${SECTION_IDS.join(", ")}
                         workloads: ${names([...BASIC_WORKLOADS, ...YCSB_WORKLOADS])}
  --json <file>        write the figures to a file
  --charts <folder>    draw charts of the figures into a folder
  --dir <folder>       where the peers' files go; default: the system's temporary folder
  --seed <number>      default ${DEFAULT_SEED}`;

function names(things: readonly { id: string }[]): string {
  return things.map((thing) => thing.id).join(", ");
}

/**
 * Ends the process after `--help`. Throws a `RangeError` or `TypeError` that names the option, the
 * rule and what it got.
 */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "quick" },
      runtime: { type: "string", default: "" },
      only: { type: "string", default: "" },
      json: { type: "string" },
      charts: { type: "string" },
      dir: { type: "string", default: tmpdir() },
      seed: { type: "string", default: String(DEFAULT_SEED) },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) {
    throw new RangeError(`--seed: must be a whole number, got "${values.seed}"`);
  }
  const onlyKnown = [...PEER_ADAPTERS, ...BASIC_WORKLOADS, ...YCSB_WORKLOADS]
    .map((thing) => thing.id)
    .concat(SECTION_IDS);
  const options: Options = {
    size: oneOf("--size", values.size, SIZES),
    seed,
    only: listOf("--only", values.only, onlyKnown),
    dir: values.dir,
    runtimes: listOf("--runtime", values.runtime, RUNTIMES),
  };
  if (values.json !== undefined) options.jsonPath = values.json;
  if (values.charts !== undefined) options.chartsDir = values.charts;
  return options;
}

function oneOf<T extends string>(option: string, received: string, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === received);
  if (found === undefined) {
    throw new RangeError(`${option}: must be one of ${known.join(", ")}, got "${received}"`);
  }
  return found;
}

function listOf<T extends string>(option: string, received: string, known: readonly T[]): T[] {
  const items = received.split(",").map((item) => item.trim()).filter((item) => item !== "");
  return items.map((item) => oneOf(option, item, known));
}

/** Keeps what `only` names; where it names none of them, keeps all. */
export function selectById<T extends { id: string }>(things: readonly T[], only: string[]): T[] {
  const named = things.filter((thing) => only.includes(thing.id));
  return named.length > 0 ? named : [...things];
}

/** The sections to run: those named, those of the workloads named, or all of them. */
export function selectSections(only: string[]): Set<SectionId> {
  const sections = new Set(SECTION_IDS.filter((section) => only.includes(section)));
  if (BASIC_WORKLOADS.some((workload) => only.includes(workload.id))) sections.add("basic");
  if (YCSB_WORKLOADS.some((workload) => only.includes(workload.id))) sections.add("ycsb");
  return sections.size > 0 ? sections : new Set(SECTION_IDS);
}
