/**
 * How long nothing is served when a new process takes the place of an old one that has a pool open,
 * and how much of a processor the new one needs until then: with `standby`, which reads the files
 * ahead, and without, when the new one opens the pool as soon as the old one has ended.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type Runtime, runtimeCommand } from "../../scripts/runtimes.ts";
import { alignColumns } from "../report/format.ts";
import type { HandoverRole, HandoverWay } from "./process.ts";

/** How much is measured. */
export interface HandoverPlan {
  readonly runtime: Runtime;
  /** How old processes end. */
  readonly ends: readonly Handover["end"][];
  /** Keys in the pool, each with 100 bytes. */
  readonly keyCount: number;
  /** Keys that the old process changes at once, about a hundred times a second. */
  readonly changedKeys: number;
  /** How long it goes on after the new one is ready. */
  readonly servedMs: number;
}

/** What one handover took, in milliseconds. */
export interface Handover {
  readonly runtime: Runtime;
  readonly way: HandoverWay;
  /** Whether the processes used the pool together. */
  readonly processes: boolean;
  readonly end: "closed" | "killed";
  /** From when the old process was told to close its store, or was killed, to its end. */
  readonly endMs: number;
  /** From there to the first value that the new process has read: nothing is served. */
  readonly withoutServiceMs: number;
  /** Time of processors that the new process took from there on, all of its threads together. */
  readonly processorMs: number;
}

/** Measures the handovers of a runtime, one after the other, of one pool. */
export async function measureHandovers(plan: HandoverPlan): Promise<Handover[]> {
  const folder = mkdtempSync(join(tmpdir(), "dinomo-handover-"));
  try {
    const figures: Handover[] = [];
    for (const end of plan.ends) {
      for (const processes of [false, true]) {
        for (const way of ["standby", "opens after"] as const) {
          const path = join(folder, processes ? "shared" : "pool");
          figures.push(await measureHandover(plan, { path, processes, way, end }));
        }
      }
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureHandover(
  plan: HandoverPlan,
  { path, processes, way, end }: Pick<Handover, "processes" | "way" | "end"> & { path: string },
): Promise<Handover> {
  const { runtime } = plan;
  const role = { ...plan, path, processes };
  const old = new ToldProcess(runtime, { ...role, way: "old" });
  await old.line("serves");
  const next = new ToldProcess(runtime, { ...role, way });
  try {
    await next.line("ready");
    await sleep(plan.servedMs);
    const served = next.line("processorMs");
    const startMs = performance.now();
    next.tell();
    if (end === "closed") old.tell();
    else old.kill();
    await old.ended;
    const endMs = performance.now() - startMs;
    if (way === "opens after" || processes) next.tell();
    const { processorMs } = JSON.parse(await served) as { processorMs: number };
    const withoutServiceMs = performance.now() - startMs;
    await next.ended;
    return { runtime, way, processes, end, endMs, withoutServiceMs, processorMs };
  } finally {
    old.kill();
    next.kill();
  }
}

/** A process of process.ts. */
class ToldProcess {
  readonly ended: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  constructor(runtime: Runtime, role: HandoverRole) {
    const { program, args } = runtimeCommand(runtime, "bench/handover/process.ts");
    this.#child = spawn(program, [...args, JSON.stringify(role)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.ended = once(this.#child, "close");
    this.#lines = createInterface({ input: this.#child.stdout! });
  }

  /** The first line from now on that has this text. */
  line(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#lines.on("line", (line) => {
        if (line.includes(text)) resolve(line);
      });
      void this.ended.then(() => reject(new Error(`a process has ended and not said "${text}"`)));
    });
  }

  tell(): void {
    this.#child.stdin!.write("\n");
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** The figures as a table. */
export function formatHandovers(figures: readonly Handover[]): string {
  return alignColumns([
    [
      "runtime",
      "old one is",
      "new one",
      "old one's end, ms",
      "without service, ms",
      "processor, ms",
    ],
    ...figures.map(({ runtime, way, processes, end, endMs, withoutServiceMs, processorMs }) => [
      runtime,
      end,
      processes ? `processes, ${way}` : way,
      ...[endMs, withoutServiceMs, processorMs].map((ms) => ms.toFixed(0)),
    ]),
  ]);
}
