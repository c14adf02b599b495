/**
 * From where logs have to be read after a checkpoint: not from where it was made, but from so far
 * back that the records of all requests that may still be sent again are read.
 *
 * @module
 */
import type { LogStart } from "../control/log_needs.ts";

/** The end of the own log at some time. */
interface Mark {
  readonly atMs: number;
  readonly start: LogStart;
}

/** What came with slots at some time. */
interface Inherited {
  readonly atMs: number;
  readonly tails: ReadonlyMap<number, LogStart>;
}

/** Positions of the last minutes. */
export class KeptTails {
  readonly #node: number;
  readonly #keptMs: number;
  #marks: Mark[] = [];
  #inherited: Inherited[] = [];

  /** @param keptMs how far back logs are read */
  constructor(node: number, keptMs: number) {
    this.#node = node;
    this.#keptMs = keptMs;
  }

  /** All changes in the own log up to somewhere are in the table. */
  mark(atMs: number, start: LogStart): void {
    this.#marks.push({ atMs, start });
  }

  /** Slots have come, for which logs were read from somewhere. */
  inherit(atMs: number, tails: ReadonlyMap<number, LogStart>): void {
    this.#inherited.push({ atMs, tails: new Map(tails) });
  }

  /** The term has ended. */
  clear(): void {
    this.#marks = [];
    this.#inherited = [];
  }

  /** From where logs are to be read after a checkpoint that is made now; undefined: as before it. */
  tailsAt(nowMs: number): Map<number, LogStart> | undefined {
    const cut = this.#marks.findLast(({ atMs }) => atMs <= nowMs - this.#keptMs);
    if (cut === undefined) return undefined;
    this.#marks = this.#marks.filter(({ atMs }) => atMs >= cut.atMs);
    this.#inherited = this.#inherited.filter(({ atMs }) => atMs >= cut.atMs);
    const tails = new Map([[this.#node, cut.start]]);
    for (const inherited of this.#inherited) {
      for (const [node, start] of inherited.tails) {
        if (start.sequence < (tails.get(node)?.sequence ?? Infinity)) tails.set(node, start);
      }
    }
    return tails;
  }
}
