/**
 * A session in a process of its own: the peer has the heap, the compiled code and the memory to
 * itself, and a peer that crashes takes only its own figures along. Requests and answers are lines
 * of JSON on the process's standard input and output (`session_process.ts` is the other end).
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { clearTimeout, setTimeout } from "node:timers";
import type { RepetitionFigures } from "../measure/repetition.ts";
import type { Dataset } from "../peers/peer.ts";
import { spawnModule } from "./module_process.ts";
import type { PeerDescription, Session } from "./session.ts";

/** Starts each answer, because a peer's package may print lines of its own. */
export const ANSWER_PREFIX = "@answer ";

/** Longer than loading the largest dataset into the slowest peer takes. */
const ANSWER_MS_MAX = 15 * 60_000;

export type Request =
  | { method: "open"; dataset: Dataset }
  | { method: "run"; workloadId: string; durationMs: number }
  | { method: "close" };

export type Answer = { result: unknown } | { error: string };

interface Waiter {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class RemoteSession implements Session {
  readonly peer: PeerDescription;
  readonly #channel: Channel;

  private constructor(peer: PeerDescription, channel: Channel) {
    this.peer = peer;
    this.#channel = channel;
  }

  /** Loads the peer; rejects with the reason if it cannot run here. */
  static async start(id: string, parentDir: string, seed: number): Promise<RemoteSession> {
    const channel = new Channel([id, parentDir, String(seed)]);
    try {
      return new RemoteSession(await channel.answer() as PeerDescription, channel);
    } catch (error) {
      channel.kill();
      throw error;
    }
  }

  async open(dataset: Dataset): Promise<void> {
    await this.#channel.ask({ method: "open", dataset });
  }

  async run(workloadId: string, durationMs: number): Promise<RepetitionFigures> {
    const figures = await this.#channel.ask({ method: "run", workloadId, durationMs });
    return figures as RepetitionFigures;
  }

  async close(): Promise<void> {
    await this.#channel.ask({ method: "close" });
  }

  end(): Promise<void> {
    return this.#channel.end();
  }
}

/** One request and its answer at a time. */
class Channel {
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  #waiter: Waiter | undefined;
  #exitError: Error | undefined;

  constructor(args: string[]) {
    this.#process = spawnModule("sessions/session_process.ts", args, ["pipe", "pipe", "inherit"]);
    createInterface({ input: this.#process.stdout! }).on("line", (line) => this.#onLine(line));
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => {
        this.#exitError = new Error(`the peer's process ended with ${signal ?? code}`);
        this.#take()?.reject(this.#exitError);
        resolve();
      });
    });
    // Writing to a process that has just ended: its exit tells the same.
    this.#process.stdin!.on("error", () => {});
  }

  ask(request: Request): Promise<unknown> {
    this.#process.stdin!.write(JSON.stringify(request) + "\n");
    return this.answer();
  }

  answer(): Promise<unknown> {
    if (this.#exitError !== undefined) return Promise.reject(this.#exitError);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.kill();
        this.#take()?.reject(new Error(`no answer for ${ANSWER_MS_MAX} ms`));
      }, ANSWER_MS_MAX);
      const settle = (settled: () => void) => {
        clearTimeout(timer);
        settled();
      };
      this.#waiter = {
        resolve: (result) => settle(() => resolve(result)),
        reject: (error) => settle(() => reject(error)),
      };
    });
  }

  async end(): Promise<void> {
    this.#process.stdin!.end();
    await this.#exited;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #onLine(line: string): void {
    if (!line.startsWith(ANSWER_PREFIX)) return void process.stderr.write(line + "\n");
    const answer: Answer = JSON.parse(line.slice(ANSWER_PREFIX.length));
    const waiter = this.#take();
    if ("error" in answer) waiter?.reject(new Error(answer.error));
    else waiter?.resolve(answer.result);
  }

  #take(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }
}
