/**
 * Which numbers of sessions may have been given, in a file of the pool's directory.
 *
 * ```text
 *   sessions       what is said last
 *   sessions.new   of a process that was killed while it said so
 *
 *   byte 0 to 3    magic
 *   byte 4 to 7    numbers from it on have not been given
 *   byte 8 to 11   CRC-32 of the bytes before
 * ```
 *
 * A session's number never comes twice in the life of a pool, because records name it
 * (docs/protocols/processes.md). So before a host gives numbers, the file says that it may have
 * given them; and it begins with one that nobody may have given.
 *
 * Where the file is missing, or is not what was written, it is the first one, or the power has
 * gone. No process is left then that has a session, and it is enough that no record names one that
 * is given: the ledger knows that by itself.
 *
 * @module
 */
import { join } from "node:path";
import { SESSIONS_RESERVED } from "../core/limits.ts";
import { systemCodeOf } from "../core/system_code.ts";
import { SESSION_MAX } from "../log/record_layout.ts";
import type { SessionLedger } from "../log/session_ledger.ts";
import { crc32 } from "../platform/crc32.ts";
import { type FileSystem, fillFile, readFully, writeFully } from "./file_system.ts";
import { SESSIONS_FILE } from "./pool_directory.ts";

const MAGIC = 0x53455344;
const BYTES = 12;

/** Says in a directory that has been locked which numbers may have been given. */
export class SessionNumbers {
  readonly #files: FileSystem;
  readonly #directory: string;

  /** For the files of a directory, see held_files.ts. */
  constructor(files: FileSystem, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** Goes on after all numbers that may have been given, and reserves some. */
  begin(ledger: SessionLedger): void {
    ledger.begin(Math.max(ledger.next, this.#read()), ledger.forgotten);
    this.reserve(ledger);
  }

  /**
   * Lets more numbers be given.
   *
   * @throws {Error} of the system, when the file cannot be written; none are then
   */
  reserve(ledger: SessionLedger): void {
    const end = Math.min(ledger.next + SESSIONS_RESERVED, SESSION_MAX);
    this.#write(end);
    ledger.reserve(end);
  }

  /** The number that was written last; 0 if that is not known. */
  #read(): number {
    const bytes = new Uint8Array(BYTES);
    try {
      const file = this.#files.openForRead(join(this.#directory, SESSIONS_FILE));
      try {
        if (readFully(this.#files, file, bytes, 0) !== BYTES) return 0;
      } finally {
        this.#files.close(file);
      }
    } catch (error) {
      if (systemCodeOf(error) === "ENOENT") return 0;
      throw error;
    }
    const view = new DataView(bytes.buffer);
    const isWhole = view.getUint32(0, true) === MAGIC &&
      view.getUint32(8, true) === crc32(bytes.subarray(0, 8));
    return isWhole ? Math.min(view.getUint32(4, true), SESSION_MAX) : 0;
  }

  #write(end: number): void {
    const bytes = new Uint8Array(BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, end, true);
    view.setUint32(8, crc32(bytes.subarray(0, 8)), true);
    const draft = join(this.#directory, `${SESSIONS_FILE}.new`);
    fillFile(this.#files, draft, (file) => writeFully(this.#files, file, bytes, 0));
    this.#files.rename(draft, join(this.#directory, SESSIONS_FILE));
    this.#files.syncDirectory(this.#directory);
  }
}
