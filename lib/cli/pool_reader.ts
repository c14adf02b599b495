/**
 * Keys and values of a pool, whether a process has it open or not: then that process is asked, by
 * its socket; otherwise the files are read.
 *
 * @module
 */
import { resolve } from "node:path";
import { PathError, PoolLockedError } from "../core/errors.ts";
import { type Key, KeyEncoder } from "../core/key_encoder.ts";
import { type KeyTypes, keyTypesOf } from "../core/key_types.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import { LiveClient, LiveError } from "../live/live_client.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import { assertPool } from "../persistence/pool_directory.ts";
import { epochMs } from "../platform/runtime.ts";
import { entriesOf, valueReader } from "../store/opening/pool_entries.ts";
import { ExitCode } from "./exit_codes.ts";
import { readClosedPool, restoreInMemory } from "./pool_access.ts";
import { requireWhole } from "./pool_info.ts";
import { printMessage, type Terminal } from "./terminal.ts";

/** What a key has. */
export interface ReadEntry {
  readonly value: unknown;
  readonly version: number;
  /** When the key will be gone, in milliseconds since the epoch; absent if it will not. */
  readonly expiresAt?: number;
}

/** Reads one pool. */
export interface PoolReader {
  readonly keyTypes: KeyTypes | undefined;
  /** What a key has; undefined if it is not there. */
  get(key: Key): Promise<ReadEntry | undefined>;
  /** At most so many keys with a prefix, in lists. */
  keys(prefix: Key, limit: number): AsyncIterable<readonly Key[]>;
}

/**
 * Does something with the process that has a pool open.
 *
 * @throws {PathError} when none does, or it is not to be inspected
 */
export async function withHost<Result>(
  path: string,
  action: (host: LiveClient) => Promise<Result>,
): Promise<Result> {
  const host = await LiveClient.connect(path);
  if (host === undefined) {
    assertPool(nodeFileSystem, resolve(path));
    throw new PathError(
      "path must be a pool that a process has open with the option inspect or processes, got " +
        JSON.stringify(path),
    );
  }
  try {
    return await action(host);
  } finally {
    host.close();
  }
}

/**
 * Looks at the process that has a pool open, for as long as it has.
 *
 * @returns an exit code
 * @throws {PathError} as {@linkcode withHost}, and when the process has ended without closing it
 */
export async function whileHostIsOpen(
  path: string,
  terminal: Terminal,
  look: (host: LiveClient) => Promise<number>,
): Promise<number> {
  try {
    return await withHost(path, look);
  } catch (error) {
    if (!(error instanceof LiveError && error.code === "DINOMO_CLOSED")) throw error;
    printMessage(terminal, `the store at ${JSON.stringify(path)} has been closed`);
    return ExitCode.FINE;
  }
}

/**
 * Does something with what reads a pool.
 *
 * @throws {PathError} when there is no pool that can be read
 * @throws {PoolLockedError} when a process has it open that is not to be inspected
 */
export async function withReader<Result>(
  path: string,
  action: (reader: PoolReader) => Promise<Result>,
): Promise<Result> {
  const host = await LiveClient.connect(path);
  if (host !== undefined) {
    try {
      return await action(new HostReader(host));
    } finally {
      host.close();
    }
  }
  try {
    return await action(await readClosedPool(path, readFiles));
  } catch (error) {
    if (!(error instanceof PoolLockedError)) throw error;
    throw new PoolLockedError(
      `${error.message}; with the option inspect or processes of open it can be looked at while it is open`,
    );
  }
}

class HostReader implements PoolReader {
  readonly #host: LiveClient;

  constructor(host: LiveClient) {
    this.#host = host;
  }

  get keyTypes(): KeyTypes {
    return this.#host.description.keys;
  }

  async get(key: Key): Promise<ReadEntry | undefined> {
    return await this.#host.askOnce({ op: "get", key }) as ReadEntry | undefined;
  }

  keys(prefix: Key, limit: number): AsyncIterable<readonly Key[]> {
    return this.#host.ask({ op: "keys", prefix, limit }) as AsyncIterable<readonly Key[]>;
  }
}

/** Restores the pool in memory, and reads it there. */
async function readFiles(directory: string): Promise<PoolReader> {
  const { pool, codec, recovery } = restoreInMemory(directory);
  requireWhole(recovery.damages);
  const values = await valueReader(pool, codec);
  const reader = new OneSidedReader(pool, epochMs);
  const encoder = new KeyEncoder(...pool.hashKey);
  return {
    keyTypes: keyTypesOf(pool.keyTypes),
    get: (key) => {
      encoder.encode(key);
      if (!reader.read(encoder, true)) return Promise.resolve(undefined);
      const { version, expiresAtMs } = reader;
      const value = values.decode(reader.value, reader.valueBytes);
      const expiry = expiresAtMs === Infinity ? {} : { expiresAt: expiresAtMs };
      return Promise.resolve({ value, version, ...expiry });
    },
    async *keys(prefix, limit) {
      const bytes = typeof prefix === "string" ? new TextEncoder().encode(prefix) : prefix;
      let count = 0;
      for (const { key } of entriesOf(pool, values, bytes)) {
        if (count++ === limit) return;
        yield [key];
      }
    },
  };
}
