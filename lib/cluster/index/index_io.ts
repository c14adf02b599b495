/**
 * Reads and appends that are repeated until they are answered, or nobody waits for them any more.
 *
 * What is read is named by its sequence, and never changes: a replica that lags does not have it
 * yet, and is asked again. What is appended may be there twice; it is known by the sequence that was
 * answered, and the other copy by none.
 *
 * @module
 */
import type { LogEngine, LogMessage } from "../engine/log_engine.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";

/** Pause before something is tried again. */
export const RETRY_MS = 20;

/** Reads and appends. */
export class IndexIo {
  readonly engine: LogEngine;
  readonly clock: ClusterClock;
  /** Round trips so far, by which the engine was asked or told something. */
  roundTrips = 0;

  constructor(engine: LogEngine, clock: ClusterClock) {
    this.engine = engine;
    this.clock = clock;
  }

  /** Reads a message that is there; undefined when it is not wanted any more. */
  read(
    stream: string,
    sequence: number,
    isWanted: () => boolean,
    done: (message: LogMessage | undefined) => void,
  ): void {
    this.readOnce(stream, sequence, isWanted, (message) => {
      if (message !== undefined || !isWanted()) return done(message);
      this.clock.after(RETRY_MS, () => this.read(stream, sequence, isWanted, done));
    });
  }

  /** Reads a message that may have been purged: then it is undefined, as when a replica lags. */
  readOnce(
    stream: string,
    sequence: number,
    isWanted: () => boolean,
    done: (message: LogMessage | undefined) => void,
  ): void {
    this.roundTrips += 1;
    this.engine.get(stream, sequence, (outcome) => {
      if (outcome.status === "found") return done(outcome.message);
      if (outcome.status === "absent" || !isWanted()) return done(undefined);
      this.clock.after(RETRY_MS, () => this.readOnce(stream, sequence, isWanted, done));
    });
  }

  /** Appends a message; undefined when it is not wanted any more. */
  append(
    stream: string,
    subject: string,
    body: Uint8Array,
    isWanted: () => boolean,
    done: (sequence: number | undefined) => void,
  ): void {
    this.roundTrips += 1;
    this.engine.append(stream, subject, body, undefined, (outcome) => {
      if (outcome.status === "stored") return done(outcome.sequence);
      if (!isWanted()) return done(undefined);
      this.clock.after(
        RETRY_MS,
        () => this.append(stream, subject, body, isWanted, done),
      );
    });
  }
}

/** Runs tasks, so many at a time; each calls back once, maybe before it returns. */
export function runAll<T>(
  items: Iterable<T>,
  countMax: number,
  run: (item: T, next: () => void) => void,
  done: () => void,
): void {
  const iterator = items[Symbol.iterator]();
  let running = 0;
  let isFilling = false;
  let isOver = false;
  const fill = () => {
    // Tasks that end at once come back here, and find that it is being done.
    if (isFilling || isOver) return;
    isFilling = true;
    while (running < countMax) {
      const { value, done: isLast } = iterator.next();
      if (isLast === true) break;
      running += 1;
      run(value, () => {
        running -= 1;
        fill();
      });
    }
    isFilling = false;
    if (running > 0) return;
    isOver = true;
    done();
  };
  fill();
}
