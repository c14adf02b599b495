/**
 * A log engine that does what a test tells it: appends are kept until the test says what has become
 * of them.
 *
 * @module
 */
import type {
  AppendOutcome,
  Following,
  Leading,
  LogEngine,
  LogMessage,
} from "../../../lib/cluster/engine/log_engine.ts";
import type { ClusterClock } from "../../../lib/cluster/node/cluster_clock.ts";

/** An append that waits. */
export interface ToldAppend {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly done: (outcome: AppendOutcome) => void;
}

/** Keeps appends; knows nothing else. */
export class ToldEngine implements LogEngine {
  readonly appends: ToldAppend[] = [];
  take: ((message: LogMessage) => void) | undefined;

  createStream(_: string, done: (isThere: boolean) => void): void {
    done(true);
  }

  lead(_: string, done: () => void): Leading {
    done();
    return { stop: () => {} };
  }

  append(
    _: string,
    subject: string,
    body: Uint8Array,
    __: unknown,
    done: (outcome: AppendOutcome) => void,
  ): void {
    this.appends.push({ subject, body, done });
  }

  get(): void {}

  last(): void {}

  purge(): void {}

  extent(): void {}

  follow(_: string, __: number, take: (message: LogMessage) => void): Following {
    this.take = take;
    return { stop: () => {} };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Clocks that a test sets. */
export class ToldClock implements ClusterClock {
  nowMs = 1000;
  dayMs = 1e12;
  #tasks: { readonly atMs: number; readonly task: () => void }[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  epochMs(): number {
    return this.dayMs;
  }

  after(ms: number, task: () => void): { stop(): void } {
    const entry = { atMs: this.nowMs + ms, task };
    this.#tasks.push(entry);
    return { stop: () => void (this.#tasks = this.#tasks.filter((other) => other !== entry)) };
  }

  /** Both clocks move on, and what is due happens. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.dayMs += ms;
    const due = this.#tasks.filter(({ atMs }) => atMs <= this.nowMs);
    this.#tasks = this.#tasks.filter(({ atMs }) => atMs > this.nowMs);
    for (const { task } of due) task();
  }
}
