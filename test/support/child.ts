/**
 * Runs programs of test/support/children/ in processes of their own, on any of the runtimes.
 *
 * A child talks to its test in lines of JSON on its standard output, see {@linkcode say};
 * everything else that it prints is kept for the message of a failure.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { clearTimeout, setTimeout } from "node:timers";
import { PROJECT_ROOT, type Runtime, runtimeCommand } from "../../scripts/runtimes.ts";

/** Begins a line that is a message. */
const MESSAGE_PREFIX = "@dinomo ";

/**
 * A child that does not end is killed after this time: it hangs, and what it said until then is
 * reported.
 */
const CHILD_MS_MAX = 60_000;

/** How a child ended. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** True when it was killed because it did not end. */
  readonly hung: boolean;
  /** What it said, in order. */
  readonly messages: readonly unknown[];
  /** Whatever else it printed. */
  readonly output: string;
}

/** The runtime that runs this. */
export function currentRuntime(): Runtime {
  if (process.versions.bun !== undefined) return "bun";
  return "Deno" in globalThis ? "deno" : "node";
}

/** Tells the test that runs this child something. */
export function say(message: unknown): void {
  console.log(MESSAGE_PREFIX + JSON.stringify(message));
}

/** What the test tells this child, see {@linkcode Child.tell}, until that ends. */
export async function* heard<T>(): AsyncGenerator<T> {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line) as T;
}

/** A running child. */
export class Child {
  readonly messages: unknown[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<ChildEnd>;
  #output = "";
  #hung = false;
  #waiters: { index: number; resolve: () => void }[] = [];

  /**
   * Starts `children/<name>.ts` with arguments, given as JSON; `listens` if it is going to be told
   * something.
   */
  constructor(
    name: string,
    args: unknown,
    runtime: Runtime = currentRuntime(),
    msMax = CHILD_MS_MAX,
    listens = false,
  ) {
    const command = runtimeCommand(runtime, `test/support/children/${name}.ts`);
    const program = runtime === currentRuntime() ? process.execPath : command.program;
    this.#process = spawn(program, [...command.args, JSON.stringify(args)], {
      cwd: PROJECT_ROOT,
      stdio: [listens ? "pipe" : "ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => {
      this.#hung = true;
      this.kill();
    }, msMax);
    createInterface({ input: this.#process.stdout! }).on("line", (line) => this.#takeLine(line));
    this.#process.stderr!.setEncoding("utf8").on("data", (text: string) => this.#output += text);
    this.#ended = once(this.#process, "close").then(([exitCode, signal]) => {
      clearTimeout(timer);
      for (const { resolve } of this.#waiters) resolve();
      const { messages } = this;
      return { exitCode, signal, hung: this.#hung, messages, output: this.#output };
    });
  }

  /** Resolves to the message with that number, or undefined if the child has ended without it. */
  async message(index: number): Promise<unknown> {
    if (this.messages.length <= index) {
      await new Promise<void>((resolve) => {
        this.#waiters.push({ index, resolve });
        void this.#ended.then(() => resolve());
      });
    }
    return this.messages[index];
  }

  /** Its process. */
  get pid(): number {
    return this.#process.pid!;
  }

  /** Tells a child that listens something. */
  tell(message: unknown): void {
    this.#process.stdin!.write(`${JSON.stringify(message)}\n`);
  }

  /** Tells a child that listens that this was all. */
  tellNoMore(): void {
    this.#process.stdin!.end();
  }

  /** Kills it, without a chance to do anything. */
  kill(): void {
    // Not by the method of the child: Deno's closes the pipes first, and a child that listens would
    // have time to end by itself.
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) process.kill(this.pid, "SIGKILL");
  }

  /** Resolves when it has ended. */
  ended(): Promise<ChildEnd> {
    return this.#ended;
  }

  #takeLine(line: string): void {
    if (!line.startsWith(MESSAGE_PREFIX)) {
      this.#output += `${line}\n`;
      return;
    }
    this.messages.push(JSON.parse(line.slice(MESSAGE_PREFIX.length)));
    for (const { index, resolve } of this.#waiters) {
      if (index < this.messages.length) resolve();
    }
  }
}

/** Runs a child to its end; throws unless it ends by itself with exit code 0. */
export async function runChild(name: string, args: unknown, runtime?: Runtime): Promise<unknown[]> {
  const end = await new Child(name, args, runtime).ended();
  if (end.exitCode !== 0) {
    const how = end.hung ? "hung" : end.signal ?? `exit code ${end.exitCode}`;
    throw new Error(`child ${name} on ${runtime ?? currentRuntime()}: ${how}\n${end.output}`);
  }
  return [...end.messages];
}

/** The arguments that a child was started with. */
export function childArguments<T>(): T {
  return JSON.parse(process.argv[2]!) as T;
}
