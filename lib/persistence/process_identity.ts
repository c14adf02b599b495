/**
 * The identity of a process: told apart from another one that got the same pid later, or after a
 * restart of the machine.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { process } from "../platform/process.ts";
import { isGranted } from "../platform/deno_permissions.ts";

/** A process; what the system does not tell is null. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, in clock ticks since the machine was, as /proc has it. */
  readonly startTime: string | null;
  /** Names the time since the machine was started. */
  readonly bootId: string | null;
}

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";
/**
 * Field 22 of /proc/<pid>/stat, counted from the first one after the name of the program, which is
 * field 3.
 */
const START_TIME_FIELD = 22 - 3;
/**
 * Has ended, and only waits for its parent to ask how. All its threads have let go of their files,
 * or are about to.
 */
const ENDED_STATES = "ZX";

/** The process that runs this. */
export function ownProcess(): ProcessIdentity {
  const startTime = readProcess(process.pid)?.startTime ?? null;
  return { pid: process.pid, startTime, bootId: readBootId() };
}

/** Whether both are the same process. */
export function isSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime && one.bootId === other.bootId;
}

/** Whether a process is still there; "unknown" if this one may not find out. */
export type Liveness = "running" | "ended" | "unknown";

/** Finds out whether a process is still there. */
export function livenessOf(identity: ProcessIdentity): Liveness {
  const bootId = readBootId();
  if (identity.bootId !== null && bootId !== null && identity.bootId !== bootId) return "ended";
  const liveness = livenessOfPid(identity.pid);
  if (liveness !== "running") return liveness;
  const found = readProcess(identity.pid);
  if (found === undefined) return "running";
  if (ENDED_STATES.includes(found.state)) return "ended";
  const isAnother = identity.startTime !== null && identity.startTime !== found.startTime;
  return isAnother ? "ended" : "running";
}

function livenessOfPid(pid: number): Liveness {
  if (pid === process.pid) return "running";
  if (!isGranted({ name: "run" })) return "unknown";
  try {
    process.kill(pid, 0);
    return "running";
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "ESRCH") return "ended";
    return code === "EPERM" ? "running" : "unknown";
  }
}

function readProcess(pid: number): { state: string; startTime: string } | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name of the program is in parentheses, and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const startTime = fields[START_TIME_FIELD];
  if (!state || !startTime) return undefined;
  return { state, startTime };
}

function readBootId(): string | null {
  return readText(BOOT_ID_FILE)?.trim() || null;
}

/** Undefined when there is no such file, or this process may not read it. */
function readText(path: string): string | undefined {
  if (!isGranted({ name: "read", path })) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
