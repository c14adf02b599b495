/**
 * From where logs have to be read after a checkpoint: not from where it was made, but from so far
 * back that the records of all requests that may still be sent again are read.
 *
 * A record is old enough if it stands in front of a place up to which this node had read its log so
 * long ago. So it makes no difference from whom a slot came, and how often it has moved since.
 *
 * @module
 */
import type { LogStart } from "../control/log_needs.ts";

/** How far a log was read at some time. */
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
  readonly #marks = new Map<number, Mark[]>();
  #inherited: Inherited[] = [];

  /** @param keptMs how far back logs are read */
  constructor(node: number, keptMs: number) {
    this.#node = node;
    this.#keptMs = keptMs;
  }

  /** All changes up to somewhere in a log are in the table, of slots that are this node's. */
  mark(atMs: number, node: number, start: LogStart): void {
    const marks = this.#marks.get(node) ?? [];
    this.#marks.set(node, marks);
    // Slots that come late are read up to barriers in front of what was marked; behind those there
    // is nothing of them. What a checkpoint has said that is not needed may be purged.
    const last = marks.at(-1)?.start ?? start;
    marks.push({ atMs, start: last.sequence > start.sequence ? last : start });
  }

  /** Slots have come, for which logs were read from somewhere. */
  inherit(atMs: number, tails: ReadonlyMap<number, LogStart>): void {
    this.#inherited.push({ atMs, tails: new Map(tails) });
  }

  /** The term has ended. */
  clear(): void {
    this.#marks.clear();
    this.#inherited = [];
  }

  /**
   * From where logs are to be read after a checkpoint that is made now; undefined: as before it.
   */
  tailsAt(nowMs: number): Map<number, LogStart> | undefined {
    const untilMs = nowMs - this.#keptMs;
    const own = this.#cut(this.#node, untilMs);
    if (own === undefined) return undefined;
    this.#inherited = this.#inherited.filter(({ atMs }) => atMs >= own.atMs);
    const tails = new Map([[this.#node, own.start]]);
    for (const { tails: inherited } of this.#inherited) {
      for (const [node, start] of inherited) {
        if (node === this.#node) continue;
        const cut = this.#cut(node, untilMs)?.start;
        const from = cut !== undefined && cut.sequence > start.sequence ? cut : start;
        if (from.sequence < (tails.get(node)?.sequence ?? Infinity)) tails.set(node, from);
      }
    }
    return tails;
  }

  /** The last mark of a log that is old enough; those before it are forgotten. */
  #cut(node: number, untilMs: number): Mark | undefined {
    const marks = this.#marks.get(node) ?? [];
    const at = marks.findLastIndex(({ atMs }) => atMs <= untilMs);
    if (at > 0) marks.splice(0, at);
    return at === -1 ? undefined : marks[0];
  }
}
