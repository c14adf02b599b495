/**
 * The host's side of the DPM processors: a Piscina thread pool that starts with the first task, and ends its threads when
 * there is nothing to do, so that an idle store has none.
 *
 * @module
 */
import type { Piscina } from "piscina";
import type { SegmentId } from "../core/brands.ts";
import { SnapshotError } from "../core/errors.ts";
import type { SnapshotIdentity, SnapshotReport } from "../persistence/snapshot_writer.ts";
import {
  FREE_LIST_HEAD,
  GATE_NODE_COUNT,
  GATE_PROCESSOR_COUNT,
  SEGMENT_TOUCHED_BYTES,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import type { DpmTask } from "./dpm_tasks.ts";

/** After how long a thread without tasks ends. */
const IDLE_TIMEOUT_MS = 2000;
/** After cleaning has gained nothing, how long to wait before trying again. */
const FUTILE_BACKOFF_MS = 100;

/** Runs DPM tasks for one store. */
export class DpmProcessors {
  readonly #pool: Pool;
  readonly #workerUrl: string | URL;
  readonly #threadCount: number;
  readonly #prefault: boolean | "auto";
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  #piscina: Promise<Piscina> | undefined;
  readonly #tasks = new Set<Promise<unknown>>();
  #isCleaning = false;
  #cleanAfterMs = 0;
  #isPrefaulting = false;

  /** Makes the host's side; starts no thread. */
  constructor(
    pool: Pool,
    workerUrl: string | URL,
    threadCount: number,
    prefault: boolean | "auto",
  ) {
    this.#pool = pool;
    this.#workerUrl = workerUrl;
    this.#threadCount = threadCount;
    this.#prefault = prefault;
    this.#segments = new SegmentTable(pool);
    this.#budget = new SpaceBudget(pool, this.#segments);
  }

  /** Starts what the pool needs: cleaning when segments are scarce, prefaulting of the segment that comes next. */
  upkeep(): void {
    if (!this.#isCleaning && this.#budget.isScarce && performance.now() >= this.#cleanAfterMs) {
      this.#clean();
    }
    if (!this.#isPrefaulting && this.#mayPrefault()) this.#prefaultNext();
  }

  /** Writes a snapshot. */
  async snapshot(directory: string, identity: SnapshotIdentity): Promise<SnapshotReport> {
    const task: DpmTask = { kind: "snapshot", pool: this.#pool.handle, directory, identity };
    try {
      return await this.#run(task) as SnapshotReport;
    } catch (error) {
      // Errors lose their class on the way between threads.
      throw new SnapshotError(error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    }
  }

  /** Ends all threads, after their tasks. */
  async close(): Promise<void> {
    this.#cleanAfterMs = Infinity;
    this.#isPrefaulting = true;
    // A thread that is ended while it still loads its modules takes the process with it on Node 20.
    await Promise.allSettled(this.#tasks);
    await (await this.#piscina)?.close();
  }

  #clean(): void {
    this.#isCleaning = true;
    this.#run({ kind: "clean", pool: this.#pool.handle }).then((gained) => {
      if ((gained as number) <= 0) this.#cleanAfterMs = performance.now() + FUTILE_BACKOFF_MS;
    }, () => {
      // A KN that runs out of segments cleans by itself, so a failed task delays nobody; it is tried again.
      this.#cleanAfterMs = performance.now() + FUTILE_BACKOFF_MS;
    }).finally(() => this.#isCleaning = false);
  }

  /** Prefaulting pays when a processor is free beside the client and the KNs. */
  #mayPrefault(): boolean {
    if (this.#prefault !== "auto") return this.#prefault;
    const { control } = this.#pool;
    return Atomics.load(control, GATE_PROCESSOR_COUNT) > Atomics.load(control, GATE_NODE_COUNT) + 1;
  }

  #prefaultNext(): void {
    const segment = ((Atomics.load(this.#pool.control, FREE_LIST_HEAD) & 0xffff) - 1) as SegmentId;
    if (segment < 0) return;
    const touched = this.#pool.control[this.#pool.segmentAt(segment) + SEGMENT_TOUCHED_BYTES];
    if (touched !== 0) return;
    this.#isPrefaulting = true;
    this.#run({ kind: "prefault", pool: this.#pool.handle, segment })
      // Prefaulting is a courtesy: without it the KN touches the pages itself.
      .catch(() => 0)
      .finally(() => this.#isPrefaulting = false);
  }

  async #run(task: DpmTask): Promise<SnapshotReport | number> {
    this.#piscina ??= this.#createPiscina();
    const running = this.#piscina.then((piscina) => piscina.run(task));
    this.#tasks.add(running);
    try {
      return await running as SnapshotReport | number;
    } finally {
      this.#tasks.delete(running);
    }
  }

  /** Loads the thread pool with the first task: an idle store does without its memory. */
  async #createPiscina(): Promise<Piscina> {
    const { Piscina } = await import("piscina");
    return new Piscina({
      filename: String(this.#workerUrl),
      minThreads: 0,
      maxThreads: this.#threadCount,
      idleTimeout: IDLE_TIMEOUT_MS,
      // A worker that parks in Atomics.wait cannot be ended on Deno.
      atomics: "disabled",
    });
  }
}
