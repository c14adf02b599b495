/**
 * Which thread of the operating system this is, and whether one is still there.
 *
 * No runtime tells a library when a worker ends that the application has started, and on Deno a
 * worker that was terminated may run on after its `exit` event. The operating system knows: on
 * Linux every thread of the process is a directory in `/proc/self/task`. Its number may come back
 * after the thread has ended, so the time at which it was started is compared, too. Elsewhere, and
 * where `/proc` cannot be read, a thread's number is unknown, and it counts as alive.
 *
 * @module
 */
import { readFileSync, readlinkSync } from "node:fs";
import { isGranted } from "./deno_permissions.ts";

/** A thread of this process. */
export interface ThreadIdentity {
  /** As the operating system numbers it; 0 if that is not known. */
  readonly number: number;
  /** When it was started, in the low 31 bits of the system's clock ticks. */
  readonly startTicks: number;
}

const UNKNOWN: ThreadIdentity = { number: 0, startTicks: 0 };
/**
 * Field of `stat` behind the name, which may contain anything but a ")" that is not the last one.
 */
const START_FIELD = 19;

/** The calling thread. */
export function thisThread(): ThreadIdentity {
  if (!isGranted({ name: "read", path: "/proc" })) return UNKNOWN;
  try {
    // "self/task/<number>", with the process's number for self.
    const number = Number(readlinkSync("/proc/thread-self").split("/")[2]);
    const startTicks = readStartTicks(number);
    return startTicks === undefined ? UNKNOWN : { number, startTicks };
  } catch {
    return UNKNOWN;
  }
}

/** Whether a thread is known to have ended. */
export function hasThreadEnded({ number, startTicks }: ThreadIdentity): boolean {
  if (number === 0) return false;
  try {
    return readStartTicks(number) !== startTicks;
  } catch (error) {
    const { code } = error as { code?: unknown };
    // ESRCH: it has ended between opening and reading.
    return code === "ENOENT" || code === "ESRCH";
  }
}

function readStartTicks(number: number): number | undefined {
  const stat = readFileSync(`/proc/self/task/${number}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[START_FIELD]);
  return Number.isFinite(ticks) ? ticks % 2 ** 31 : undefined;
}
