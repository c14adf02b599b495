/**
 * What the command writes: results to standard output, messages and progress to standard error.
 *
 * Everything is written at once, by calls that block. So nothing is lost when the process ends, and
 * a reader that is slower than the command holds it up instead of filling its memory.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { isatty } from "node:tty";
import { monotonicMs } from "../core/runtime.ts";
import { sleepSync } from "../core/sleep_sync.ts";
import { OutputClosedError } from "./exit_codes.ts";

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
/** How long to wait for a reader whose pipe is full and does not block. */
const RETRY_MS = 1;
/** Time between two drawings of a progress. */
const REDRAW_MS = 100;
/** Share after which a progress that is not on a terminal says more. */
const STEP_PERCENT = 10;

/** Where the command writes to; the tests take what is written. */
export interface Terminal {
  /** Whether messages are read by a person who waits. */
  readonly isInteractive: boolean;
  /** Writes to the standard output. */
  write(bytes: Uint8Array): void;
  /** Writes to the standard error. */
  writeError(bytes: Uint8Array): void;
}

/** The process's own. */
export function processTerminal(): Terminal {
  return {
    isInteractive: isatty(STANDARD_ERROR),
    write: (bytes) => writeAll(STANDARD_OUTPUT, bytes),
    writeError: (bytes) => {
      try {
        writeAll(STANDARD_ERROR, bytes);
      } catch {
        // Messages have no reader any more: that must not change what the command does.
      }
    },
  };
}

/**
 * Writes all bytes to a file or a pipe, at its current position.
 *
 * @throws {OutputClosedError} when no process reads from the pipe any more
 */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += fs.writeSync(file, bytes, done);
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === "EPIPE") throw new OutputClosedError("nobody reads the output");
      if (code !== "EAGAIN") throw error;
      sleepSync(RETRY_MS);
    }
  }
}

/** Writes a line of a result. */
export function printLine(terminal: Terminal, text: string): void {
  terminal.write(Buffer.from(`${text}\n`));
}

/** Writes a message. */
export function printMessage(terminal: Terminal, text: string): void {
  terminal.writeError(Buffer.from(`dinomo: ${text}\n`));
}

/** Shows how far a command is: redrawn in place on a terminal, and lines anywhere else. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #isShown: boolean;
  #drawnMs = monotonicMs();
  #shownPercent = 0;
  #isLineOpen = false;

  /**
   * Shows nothing yet.
   *
   * @param isWanted whether to show it although no person waits at a terminal
   */
  constructor(terminal: Terminal, label: string, isWanted: boolean) {
    this.#terminal = terminal;
    this.#label = label;
    this.#isShown = isWanted || terminal.isInteractive;
  }

  /** Shows the share that is done, 0 to 1. */
  update(share: number): void {
    const percent = Math.floor(share * 100);
    if (this.#terminal.isInteractive) this.#draw(`${percent} %`);
    else if (percent >= this.#shownPercent + STEP_PERCENT || percent === 100) {
      this.#shownPercent = percent;
      this.#draw(`${percent} %`);
    }
  }

  /** Shows how many have been done, where it is not known how many there are. */
  count(done: number, what: string): void {
    this.#draw(`${done} ${what}`);
  }

  /** Leaves the line, so that messages can follow. */
  end(): void {
    if (this.#isLineOpen) this.#terminal.writeError(Buffer.from("\r\x1b[K"));
    this.#isLineOpen = false;
  }

  #draw(text: string): void {
    if (!this.#isShown) return;
    if (!this.#terminal.isInteractive) return printMessage(this.#terminal, this.#label + text);
    const nowMs = monotonicMs();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isLineOpen = true;
    this.#terminal.writeError(Buffer.from(`\r\x1b[Kdinomo: ${this.#label}${text}`));
  }
}
