/**
 * The codes of the operating system's errors, such as `"ENOSPC"`: found in an error or in what
 * caused it, and as numbers that fit into a control word.
 *
 * @module
 */

const CODE = /^E[A-Z0-9]{2,}$/;
/** How far down causes are looked at: a cause may, in the end, name itself. */
const CAUSES_MAX = 8;

/**
 * The code of the operating system's error that an error is, or was caused by; undefined if there
 * is none.
 */
export function systemCodeOf(error: unknown): string | undefined {
  let next = error;
  for (let depth = 0; depth < CAUSES_MAX; depth++) {
    // By what it has: to a module in a context of its own, as in jest, it is of another `Error`.
    if (typeof next !== "object" || next === null) return undefined;
    const { code, cause } = next as { code?: unknown; cause?: unknown };
    if (typeof code === "string" && CODE.test(code)) return code;
    next = cause;
  }
  return undefined;
}

/** Makes an error as the operating system's calls throw it. */
export function systemError(code: string, message: string, options?: ErrorOptions): Error {
  return Object.assign(new Error(`${code}: ${message}`, options), { code });
}

/** Whether there was no room on the disk, or no more of it for this user. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/**
 * Codes that file operations fail with. Numbers are given out in order: a new one goes to the end.
 */
const CODES: readonly string[] = [
  "",
  "EIO",
  "ENOSPC",
  "EDQUOT",
  "EROFS",
  "EACCES",
  "EPERM",
  "EMFILE",
  "ENFILE",
  "ENOENT",
  "ESTALE",
  "ENOTDIR",
  "EISDIR",
  "ELOOP",
  "EFBIG",
  "EBADF",
  "ENOMEM",
  "ENODEV",
  "ENXIO",
  "EINVAL",
  "EEXIST",
  "EBUSY",
  "ETIMEDOUT",
  "EAGAIN",
  "EINTR",
  "ESPIPE",
  "ENOTCONN",
  "EREMOTEIO",
  "ENAMETOOLONG",
];

/** Number of the code in an error; 0 without one, or one that is not listed. */
export function systemCodeNumber(error: unknown): number {
  return Math.max(0, CODES.indexOf(systemCodeOf(error) ?? ""));
}

/** The code with a number; undefined for 0. */
export function systemCodeAt(number: number): string | undefined {
  return CODES[number] || undefined;
}
