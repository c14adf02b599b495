/**
 * Processes use one pool while that of them which has it open is killed, closed or stopped, again
 * and again; every operation that was answered is checked.
 *
 * What a killed process had issued and was not told is the only thing that may have been applied or
 * not.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { open } from "../../mod.ts";
import { nodeFileSystem } from "../../lib/persistence/file_system.ts";
import { readLockHolder } from "../../lib/persistence/lock_file.ts";
import type { Runtime } from "../../scripts/runtimes.ts";
import { Child } from "./child.ts";
import { type LoadMessage, type ProcessLoadOptions, UNIQUE_COUNT } from "./load_messages.ts";
import type { Random } from "./random.ts";

/** What is done. */
export interface ChaosOptions {
  readonly random: Random;
  /** How often the host ends or stops. */
  readonly faults: number;
  readonly runtimes: readonly Runtime[];
  /** Processes at one time. */
  readonly processes: number;
  /** Called after each fault. */
  readonly onFault?: (tally: ChaosTally) => void;
}

/** What has happened. */
export interface ChaosTally {
  killed: number;
  closed: number;
  stopped: number;
  /** Operations on shared keys that were answered. */
  answered: number;
  readonly wrong: string[];
  /**
   * Times without an answer after a host was killed, in milliseconds: of each process that was
   * there.
   */
  readonly gapsMs: number[];
}

const CHILD_MS_MAX = 3_600_000;
const STOPPED_MS = 700;
const HOST_MS_MAX = 30_000;

interface Member {
  readonly id: number;
  readonly runtime: Runtime;
  readonly child: Child;
  isKilled: boolean;
}

/** Runs the processes, and checks what they leave. */
export async function runProcessesChaos(options: ChaosOptions): Promise<ChaosTally> {
  const directory = mkdtempSync(join(tmpdir(), "dinomo-chaos-"));
  try {
    return await new Chaos(join(directory, "pool"), options).run();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

class Chaos {
  readonly #path: string;
  readonly #options: ChaosOptions;
  readonly #members: Member[] = [];
  #live: Member[] = [];
  readonly #killedAtMs: number[] = [];
  readonly #tally: ChaosTally = {
    killed: 0,
    closed: 0,
    stopped: 0,
    answered: 0,
    wrong: [],
    gapsMs: [],
  };

  constructor(path: string, options: ChaosOptions) {
    this.#path = path;
    this.#options = options;
  }

  async run(): Promise<ChaosTally> {
    const { faults, processes, random, onFault } = this.#options;
    for (let i = 0; i < processes; i++) await this.#start();
    for (let i = 0; i < faults && this.#tally.wrong.length === 0; i++) {
      await sleep(random.between(100, 500));
      await this.#disturb(await this.#host(), random.below(10));
      while (this.#live.length < processes) await this.#start();
      onFault?.(this.#tally);
    }
    await sleep(200);
    for (const { child } of this.#live) child.tell("end");
    await Promise.all(this.#members.map((member) => this.#end(member)));
    this.#check();
    await this.#checkPool();
    return this.#tally;
  }

  async #start(): Promise<void> {
    const { runtimes } = this.#options;
    const id = this.#members.length;
    const runtime = runtimes[id % runtimes.length]!;
    const options: ProcessLoadOptions = { path: this.#path, id };
    const child = new Child("processes_load", options, runtime, CHILD_MS_MAX, true);
    const member = { id, runtime, child, isKilled: false };
    this.#members.push(member);
    this.#live.push(member);
    const first = await child.message(0) as LoadMessage | undefined;
    if (first?.kind !== "open") {
      const { output } = await child.ended();
      throw new Error(
        `process ${id} on ${runtime} did not open: ${JSON.stringify(first)} ${output}`,
      );
    }
  }

  /** The process that has the pool open. */
  async #host(): Promise<Member> {
    for (let waitedMs = 0; waitedMs < HOST_MS_MAX; waitedMs += 5) {
      const pid = readLockHolder(nodeFileSystem, this.#path)?.pid;
      const host = this.#live.find(({ child }) => child.pid === pid);
      if (host !== undefined) return host;
      await sleep(5);
    }
    throw new Error(`no process has taken the pool within ${HOST_MS_MAX} ms`);
  }

  async #disturb(host: Member, kind: number): Promise<void> {
    const { child } = host;
    if (kind === 0) {
      this.#tally.stopped += 1;
      process.kill(child.pid, "SIGSTOP");
      await sleep(STOPPED_MS);
      process.kill(child.pid, "SIGCONT");
      return;
    }
    this.#live = this.#live.filter((member) => member !== host);
    if (kind === 1) {
      this.#tally.closed += 1;
      child.tell("end");
    } else {
      this.#tally.killed += 1;
      this.#killedAtMs.push(Date.now());
      host.isKilled = true;
      child.kill();
    }
    await child.ended();
  }

  async #end({ id, runtime, child, isKilled }: Member): Promise<void> {
    const timer = setTimeout(() => child.kill(), HOST_MS_MAX);
    const { messages, output } = await child.ended();
    clearTimeout(timer);
    const last = messages.at(-1) as LoadMessage | undefined;
    if (!isKilled && last?.kind !== "closed") {
      this.#tally.wrong.push(`process ${id} on ${runtime} did not end: ${output.slice(0, 2000)}`);
    }
  }

  /** What the processes have said. */
  #check(): void {
    const { wrong, gapsMs } = this.#tally;
    for (const { child } of this.#members) {
      for (const message of child.messages as LoadMessage[]) {
        if (message.kind === "wrong") wrong.push(message.what);
        if (message.kind !== "gap") continue;
        const { fromMs, toMs } = message;
        const isOfKill = this.#killedAtMs.some((atMs) => atMs >= fromMs - 20 && atMs <= toMs);
        if (isOfKill) gapsMs.push(toMs - fromMs);
      }
    }
  }

  /** What is in the pool, by what the processes were told. */
  async #checkPool(): Promise<void> {
    const { wrong } = this.#tally;
    await using store = await open<number>({ path: this.#path, capacity: "256MiB" });
    const added = new Map<string, { least: number; most: number }>();
    const linked = new Set<number>();
    let linking = 0;
    for (const { id, child, isKilled } of this.#members) {
      let unanswered: { key: string; count: number } | undefined;
      let isLinking = false;
      for (const message of child.messages as LoadMessage[]) {
        if (message.kind === "adding") unanswered = message;
        if (message.kind === "linking") isLinking = true;
        if (message.kind === "linked") {
          isLinking = false;
          this.#tally.answered += 1;
          if (linked.has(message.value)) wrong.push(`link ${message.value} was put twice`);
          linked.add(message.value);
        }
        if (message.kind === "put") {
          this.#tally.answered += UNIQUE_COUNT;
          for (let i = 0; i < UNIQUE_COUNT; i++) {
            const key = `unique ${id} ${message.round} ${i}`;
            const value = store.getSync(key);
            if (value !== message.round * UNIQUE_COUNT + i) wrong.push(`${key} is ${value}`);
          }
        }
        if (message.kind !== "added") continue;
        const { key, count } = message;
        const bounds = added.get(key) ?? { least: 0, most: 0 };
        this.#tally.answered += count;
        added.set(key, { least: bounds.least + count, most: bounds.most + count });
        unanswered = undefined;
      }
      if (!isKilled) continue;
      if (isLinking) linking += 1;
      if (unanswered === undefined) continue;
      const bounds = added.get(unanswered.key) ?? { least: 0, most: 0 };
      added.set(unanswered.key, { ...bounds, most: bounds.most + unanswered.count });
    }
    for (const [key, { least, most }] of added) {
      const sum = store.getSync(key) ?? 0;
      if (sum < least || sum > most) wrong.push(`${key} is ${sum}, not ${least} to ${most}`);
    }
    const accounts = store.getManySync(["account 1", "account 2"]);
    if (accounts[0] !== -accounts[1]!) wrong.push(`the accounts have ${accounts}`);
    const last = store.getSync("chain") ?? 0;
    if (last < linked.size || last > linked.size + linking) {
      wrong.push(`the chain has ${last} links, not ${linked.size} to ${linked.size + linking}`);
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
