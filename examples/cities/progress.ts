/**
 * A progress bar: redrawn in place on a terminal, and one line that grows by quarters anywhere
 * else.
 *
 * @module
 */
import process from "node:process";
import { formatCount } from "./latencies.ts";

const BAR_WIDTH = 30;
const LABEL_WIDTH = 12;
/** Time between two drawings on a terminal. */
const REDRAW_MS = 50;
/** Share after which a line that is not on a terminal grows. */
const STEP_PERCENT = 25;

/** Shows how much of a known number of cities is done. */
export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #isTerminal = process.stdout.isTTY === true;
  readonly #startMs = performance.now();
  #drawnMs = -Infinity;
  #shownPercent = 0;

  /** Shows a bar at 0 %. */
  constructor(label: string, total: number) {
    this.#label = label.padEnd(LABEL_WIDTH);
    this.#total = total;
    if (!this.#isTerminal) process.stdout.write(this.#label);
    this.update(0);
  }

  /** Shows that `done` of the total are done. */
  update(done: number): void {
    if (this.#isTerminal) this.#redraw(done);
    else this.#grow(Math.floor(done / this.#total * 100));
  }

  /** Shows that all are done, and how long it took. */
  end(): void {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(2);
    const outcome = `  ${formatCount(this.#total)} cities in ${seconds} s\n`;
    this.#drawnMs = -Infinity;
    this.update(this.#total);
    process.stdout.write(this.#isTerminal ? `\r\x1b[K${this.#label}${outcome}` : outcome);
  }

  #redraw(done: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const share = done / this.#total;
    const bar = "=".repeat(Math.floor(share * BAR_WIDTH)).padEnd(BAR_WIDTH);
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    process.stdout.write(`\r${this.#label}[${bar}]${percent}  ${formatCount(done)} cities`);
  }

  #grow(percent: number): void {
    while (this.#shownPercent + STEP_PERCENT <= percent) {
      this.#shownPercent += STEP_PERCENT;
      process.stdout.write(` ${this.#shownPercent}%`);
    }
  }
}
