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
import process from "node:process";
import { isatty } from "node:tty";
import { sleepSync } from "../platform/sleep_sync.ts";
import { OutputClosedError } from "./exit_codes.ts";

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
/** How long to wait for a reader whose pipe is full and does not block. */
const RETRY_MS = 1;

/** Where the command writes to; the tests take what is written. */
export interface Terminal {
  /** Whether messages are read by a person who waits. */
  readonly isInteractive: boolean;
  /** Whether results are read by a person at a terminal. */
  readonly isOutputInteractive: boolean;
  /** How large the terminal is that results go to, in characters. */
  outputSize(): { readonly columns: number; readonly rows: number };
  /** The same of the terminal that messages go to. */
  errorSize(): { readonly columns: number };
  /** Writes to the standard output. */
  write(bytes: Uint8Array): void;
  /** Writes to the standard error. */
  writeError(bytes: Uint8Array): void;
}

/** The process's own. */
export function processTerminal(): Terminal {
  return {
    isInteractive: isatty(STANDARD_ERROR),
    isOutputInteractive: isatty(STANDARD_OUTPUT),
    outputSize: () => {
      const { columns, rows } = process.stdout;
      // A terminal may not know its size.
      return { columns: columns || 80, rows: rows || 24 };
    },
    errorSize: () => ({ columns: process.stderr.columns || 80 }),
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
