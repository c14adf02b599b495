/**
 * The FIFO of a thread in another process than the one that has the pool: by it come the answers
 * while the thread blocks.
 *
 * Only the gateway writes it, so it ends when that process does, however it ends. It belongs to one
 * connection, and has a name in the pool's directory only until the gateway has opened it. What a
 * process leaves that is killed in between is removed by the next host, under the pool's lock.
 *
 * It is read without being blocked by the kernel, which would know of no time to end that. The
 * thread spins for about as long as an answer takes, since waking a thread takes longer than that,
 * and sleeps in short naps then.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, readdirSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { HostOnlyError, UnavailableError } from "../core/errors.ts";
import { systemCodeOf } from "../core/system_code.ts";
import { isGranted } from "../platform/deno_permissions.ts";
import { process } from "../platform/process.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import { isFifoName } from "./line_frames.ts";

/** How long to read again and again before the first nap. */
const SPIN_MS = 0.1;
/** How long a nap is at first, and later on. */
const NAP_MS_MIN = 0.05;
const NAP_MS_MAX = 1;
/** After this time naps are long ones. */
const SHORT_NAPS_MS = 2;
/** The kernel closes what a process has open one after the other. */
const ENDING_MS_MAX = 2;
/** How long the gateway may take to open a FIFO. */
const OPENING_MS_MAX = 10_000;
/** A pipe of Linux holds as many. */
const PIPE_BYTES = 64 * 1024;
/** Bytes of a buffer that is begun, which are filled one read behind the other. */
const BUFFER_BYTES = 2 * PIPE_BYTES;

/** Answers for a thread that blocks. */
export class AnswerFifo {
  /** Of the file, in the pool's directory. */
  readonly name: string;
  readonly #path: string;
  readonly #file: number;
  #buffer = new Uint8Array(BUFFER_BYTES);
  /** Where the next bytes come. */
  #nextAt = 0;
  readonly #silenceMsMax: number;
  readonly #openingMsMax: number;
  #isWritten = false;
  #isOpen = true;
  /** Bytes in the buffer that {@linkcode hasEnded} has found. */
  #foundCount = 0;

  /**
   * Makes a FIFO in a directory.
   *
   * @param silenceMsMax how long nothing may come before {@linkcode read} gives up
   * @param openingMsMax how long it may take until the other end is open
   * @throws {HostOnlyError} where there are none, or this process may make none
   */
  constructor(directory: string, silenceMsMax: number, openingMsMax = OPENING_MS_MAX) {
    this.#openingMsMax = openingMsMax;
    this.#silenceMsMax = silenceMsMax;
    this.name = `fifo.${process.pid}.${threadId}.${randomBytes(4).toString("hex")}`;
    this.#path = join(directory, this.name);
    this.#file = makeFifo(this.#path);
  }

  /**
   * Blocks until something has come; undefined if the other end is closed, for good.
   *
   * @returns bytes that are not changed any more
   * @throws {UnavailableError} when nothing has come for too long
   */
  read(): Uint8Array | undefined {
    const beginMs = monotonicMs();
    for (;;) {
      const count = this.#foundCount > 0 ? this.#foundCount : this.#tryRead();
      this.#foundCount = 0;
      if (count > 0) {
        this.#noteWritten();
        return this.#takeBytes(count);
      }
      if (count === 0 && this.#isWritten) return undefined;
      const waitedMs = monotonicMs() - beginMs;
      if (waitedMs > (this.#isWritten ? this.#silenceMsMax : this.#openingMsMax)) throw tooSilent();
      if (waitedMs < SPIN_MS) continue;
      sleepSync(waitedMs < SHORT_NAPS_MS ? NAP_MS_MIN : NAP_MS_MAX);
    }
  }

  /**
   * Whether the other end is closed, for good: it is, or will be at once, if its process has ended.
   */
  hasEnded(): boolean {
    const beginMs = monotonicMs();
    while (this.#isWritten && this.#foundCount === 0 && monotonicMs() - beginMs < ENDING_MS_MAX) {
      const count = this.#tryRead();
      if (count === 0) return true;
      this.#foundCount = Math.max(count, 0);
    }
    return false;
  }

  /** Closes it, and removes its name. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
    if (!this.#isWritten) rmSync(this.#path, { force: true });
  }

  /** Bytes that have come; 0 when nobody has the other end open, -1 when nothing has come. */
  #tryRead(): number {
    try {
      return readSync(this.#file, this.#buffer, this.#nextAt, PIPE_BYTES, null);
    } catch (error) {
      if (systemCodeOf(error) !== "EAGAIN") throw error;
      return -1;
    }
  }

  #takeBytes(count: number): Uint8Array {
    const buffer = this.#buffer;
    const at = this.#nextAt;
    this.#nextAt = at + count;
    if (this.#nextAt > BUFFER_BYTES - PIPE_BYTES) {
      this.#buffer = new Uint8Array(BUFFER_BYTES);
      this.#nextAt = 0;
    }
    return buffer.subarray(at, at + count);
  }

  #noteWritten(): void {
    if (this.#isWritten) return;
    this.#isWritten = true;
    rmSync(this.#path, { force: true });
  }
}

/** Removes the FIFOs of processes that were killed; only the host may, before others connect. */
export function removeFifos(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (isFifoName(name)) rmSync(join(directory, name), { force: true });
  }
}

function makeFifo(path: string): number {
  if (process.platform === "win32") throw noFifo("Windows has no FIFOs");
  if (!isGranted({ name: "run", command: "mkfifo" })) {
    throw noFifo("that takes the permission --allow-run=mkfifo");
  }
  try {
    runMkfifo(["-m", "600", path]);
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    rmSync(path, { force: true });
    throw noFifo(`making one failed with ${systemCodeOf(error) ?? error}`, error);
  }
}

interface DenoCommands {
  readonly Command: new (
    program: string,
    options: { args: string[]; stdout: "null"; stderr: "null" },
  ) => { outputSync(): { readonly success: boolean } };
}

/** Deno's own way takes no permission to read the environment. */
function runMkfifo(args: string[]): void {
  const { Deno } = globalThis as { Deno?: DenoCommands };
  if (Deno === undefined) return void execFileSync("mkfifo", args, { stdio: "ignore" });
  const command = new Deno.Command("mkfifo", { args, stdout: "null", stderr: "null" });
  if (!command.outputSync().success) throw new Error("mkfifo has failed");
}

function noFifo(why: string, cause?: unknown): HostOnlyError {
  return new HostOnlyError(
    "to block until the process answers that has the pool open, a thread must have a FIFO, but " +
      `${why}; await what the asynchronous method returns instead`,
    { cause },
  );
}

function tooSilent(): UnavailableError {
  return new UnavailableError(
    "the process that has the pool open must answer a call that blocks, but it is silent; the " +
      "change may or may not have been made",
  );
}
