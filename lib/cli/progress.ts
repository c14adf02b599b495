/**
 * Says how far a command is, how fast it is, and how long it will take: a bar that is redrawn in
 * place on a terminal, and lines anywhere else, if they are asked for.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { monotonicMs } from "../platform/runtime.ts";
import type { OptionRules } from "./command_line.ts";
import { printMessage, type Terminal } from "./terminal.ts";

/** Time between two drawings. */
const REDRAW_MS = 100;
/** Share after which a progress that is not on a terminal says more. */
const STEP_PERCENT = 10;
/** Before that time a rate says nothing. */
const RATE_AFTER_MS = 500;
const BAR_CHARS = 20;

/** The options of every command that shows its progress. */
export const PROGRESS_RULES: OptionRules = {
  progress: { help: "say how far it is, also where no terminal is" },
  quiet: { help: "do not say how far it is, on a terminal neither" },
};

/** What is counted while a command goes on. */
export interface Measure {
  /** How much there is; undefined if that is not known. */
  readonly total: number | undefined;
  /** How an amount is written, such as "12 keys". */
  readonly format: (amount: number) => string;
}

/** Shows how far a command is. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #measure: Measure;
  readonly #isShown: boolean;
  readonly #startMs: number;
  readonly #now: () => number;
  #drawnMs: number;
  #shownPercent = 0;
  #isLineOpen = false;

  /**
   * Shows nothing yet.
   *
   * @param options of the command: `progress` and `quiet`
   */
  constructor(
    terminal: Terminal,
    label: string,
    options: ReadonlyMap<string, string>,
    measure: Measure,
    now: () => number = monotonicMs,
  ) {
    this.#terminal = terminal;
    this.#label = label;
    this.#measure = measure;
    this.#isShown = !options.has("quiet") && (options.has("progress") || terminal.isInteractive);
    this.#now = now;
    this.#startMs = this.#drawnMs = now();
  }

  /** Shows how much is done. */
  update(done: number): void {
    if (!this.#isShown) return;
    if (this.#terminal.isInteractive) return this.#draw(done);
    const { total, format } = this.#measure;
    if (total === undefined) return printMessage(this.#terminal, this.#label + format(done));
    const percent = percentOf(done, total);
    if (percent < this.#shownPercent + STEP_PERCENT && percent < 100) return;
    if (percent === this.#shownPercent) return;
    this.#shownPercent = percent;
    printMessage(this.#terminal, `${this.#label}${percent} %${this.#speed(done)}`);
  }

  /** Leaves the line, so that messages can follow. */
  end(): void {
    if (this.#isLineOpen) this.#terminal.writeError(Buffer.from("\r\x1b[K"));
    this.#isLineOpen = false;
  }

  #draw(done: number): void {
    const nowMs = this.#now();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isLineOpen = true;
    const { total, format } = this.#measure;
    const far = total === undefined ? format(done) : bar(percentOf(done, total));
    const text = `dinomo: ${this.#label}${far}${this.#speed(done)}`;
    // A line that wraps could not be redrawn.
    const { columns } = this.#terminal.errorSize();
    this.#terminal.writeError(Buffer.from(`\r\x1b[K${text.slice(0, columns - 1)}`));
  }

  /** Rate and remaining time, as far as they are known. */
  #speed(done: number): string {
    const { total, format } = this.#measure;
    const ms = this.#now() - this.#startMs;
    if (ms < RATE_AFTER_MS || done <= 0) return "";
    const rate = `, ${format(Math.round(done * 1000 / ms))}/s`;
    if (total === undefined || done >= total) return rate;
    return `${rate}, ${timeOf((total - done) * ms / done)} left`;
  }
}

function percentOf(done: number, total: number): number {
  return total <= 0 ? 100 : Math.min(100, Math.floor(100 * done / total));
}

function bar(percent: number): string {
  const filled = Math.round(percent * BAR_CHARS / 100);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_CHARS - filled)}] ${percent} %`;
}

function timeOf(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
