/**
 * Where a node rehearses: an engine in memory, and a clock that goes on as soon as nothing is left
 * to be done.
 *
 * @module
 */
import type { Timer } from "../../platform/runtime.ts";
import type {
  AppendOutcome,
  Expectation,
  Following,
  LogEngine,
  LogMessage,
  ReadOutcome,
  StreamExtent,
} from "../engine/log_engine.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";

/** A play in which something is waited for that does not come has so many steps. */
const STEPS_MAX = 10_000;

interface Step {
  readonly atMs: number;
  readonly task: () => void;
}

interface Stream {
  readonly messages: LogMessage[];
  readonly followers: Set<(message: LogMessage) => void>;
}

/** A clock, and all that is going to happen. */
export class Stage implements ClusterClock {
  readonly #steps = new Set<Step>();
  #nowMs = 0;

  monotonicMs(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#nowMs;
  }

  after(ms: number, task: () => void): Timer {
    const step = { atMs: this.#nowMs + ms, task };
    this.#steps.add(step);
    return { stop: () => void this.#steps.delete(step) };
  }

  /** What comes first is done first, until it is so; returns whether it is. */
  play(isSo: () => boolean): boolean {
    for (let count = 0; !isSo() && this.#steps.size > 0 && count < STEPS_MAX; count++) {
      let next: Step | undefined;
      for (const step of this.#steps) if (next === undefined || step.atMs < next.atMs) next = step;
      this.#steps.delete(next!);
      this.#nowMs = Math.max(this.#nowMs, next!.atMs);
      next!.task();
    }
    return isSo();
  }
}

/** Keeps streams in the memory of the thread, and answers in the next step. */
export class StageEngine implements LogEngine {
  readonly #stage: Stage;
  readonly #streams = new Map<string, Stream>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  createStream(_stream: string, done: (isThere: boolean) => void): void {
    this.#soon(() => done(true));
  }

  lead(_stream: string, done: () => void): { stop(): void } {
    this.#soon(done);
    return { stop: () => {} };
  }

  append(
    stream: string,
    subject: string,
    body: Uint8Array,
    _expectation: Expectation | undefined,
    done: (outcome: AppendOutcome) => void,
  ): void {
    const { messages, followers } = this.#stream(stream);
    const sequence = messages.length + 1;
    const message = { sequence, subject, body };
    messages.push(message);
    this.#soon(() => done({ status: "stored", sequence }));
    for (const take of followers) this.#soon(() => take(message));
  }

  get(stream: string, sequence: number, done: (outcome: ReadOutcome) => void): void {
    this.#answer(this.#stream(stream).messages[sequence - 1], done);
  }

  last(stream: string, subject: string, done: (outcome: ReadOutcome) => void): void {
    this.#answer(this.#stream(stream).messages.findLast((one) => one.subject === subject), done);
  }

  follow(stream: string, from: number, take: (message: LogMessage) => void): Following {
    const { messages, followers } = this.#stream(stream);
    let isStopped = false;
    const takeUnlessStopped = (message: LogMessage) => {
      if (!isStopped) take(message);
    };
    for (const message of messages.slice(from - 1)) this.#soon(() => takeUnlessStopped(message));
    followers.add(takeUnlessStopped);
    return {
      stop: () => {
        isStopped = true;
        followers.delete(takeUnlessStopped);
      },
    };
  }

  purge(_stream: string, _upTo: number, done: (isDone: boolean) => void): void {
    this.#soon(() => done(false));
  }

  extent(stream: string, done: (extent: StreamExtent | undefined) => void): void {
    const { messages } = this.#stream(stream);
    const bytes = messages.reduce((sum, { body }) => sum + body.length, 0);
    this.#soon(() => done({ first: 1, last: messages.length, bytes }));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #answer(message: LogMessage | undefined, done: (outcome: ReadOutcome) => void): void {
    this.#soon(() =>
      done(message === undefined ? { status: "absent" } : { status: "found", message })
    );
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      this.#streams.set(name, stream = { messages: [], followers: new Set() });
    }
    return stream;
  }

  #soon(task: () => void): void {
    this.#stage.after(0, task);
  }
}
