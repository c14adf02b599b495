/**
 * SQLite as a key-value table of msgpack blobs, write-ahead log, `synchronous = NORMAL`: through
 * the runtime's own module (bun:sqlite, node:sqlite) and through better-sqlite3. All three are
 * synchronous.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { Packr } from "msgpackr";
import type { Customer } from "../workloads/records.ts";
import { packageVersion } from "./package_version.ts";
import type { Peer, PeerAdapter, PeerStore } from "./peer.ts";

/**
 * Values up to a twentieth of a page are faster inside the key's B-tree, as SQLite's manual
 * advises.
 */
const CLUSTERED_VALUE_BYTES_MAX = 4096 / 20;

/** What the three modules have in common. */
interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

interface SqliteStatement {
  run(...parameters: unknown[]): unknown;
  get(...parameters: unknown[]): unknown;
}

type SqliteConstructor = new (path: string) => SqliteDatabase;

export const sqliteAdapter: PeerAdapter = {
  id: "sqlite",
  load: async () => {
    // Named by variables: no runtime has both modules, and Node's types know them only since 22.
    const moduleName = process.versions.bun === undefined ? "node:sqlite" : "bun:sqlite";
    const module = await import(moduleName);
    return describe(`SQLite (${moduleName})`, module.Database ?? module.DatabaseSync);
  },
};

export const betterSqliteAdapter: PeerAdapter = {
  id: "better-sqlite3",
  load: async () => {
    // Not a dependency: it takes part where the user has installed it.
    const moduleName = "better-sqlite3";
    const module = await import(moduleName);
    return describe("SQLite (better-sqlite3)", module.default, packageVersion(moduleName));
  },
};

/** Opens an in-memory database at once: some modules load and fail only then. */
function describe(name: string, Database: SqliteConstructor, version?: string): Peer {
  const probe = new Database(":memory:");
  const row = probe.prepare("SELECT sqlite_version() AS version").get() as { version: string };
  probe.close();
  return {
    name,
    version: version === undefined ? row.version : `${version} (${row.version})`,
    supports: { sync: true, async: false, batch: true },
    open: (workDir, { valueBytes }) =>
      openSqlite(new Database(join(workDir, "records.sqlite")), valueBytes),
  };
}

function openSqlite(database: SqliteDatabase, valueBytes: number): PeerStore {
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = NORMAL");
  const kind = valueBytes <= CLUSTERED_VALUE_BYTES_MAX ? "WITHOUT ROWID" : "";
  database.exec(`CREATE TABLE records (key TEXT PRIMARY KEY, value BLOB) ${kind}`);
  const insert = database.prepare("INSERT OR REPLACE INTO records VALUES (?, ?)");
  const select = database.prepare("SELECT value FROM records WHERE key = ?");
  const packr = new Packr({ useRecords: false });

  const put = (key: string, value: Customer) => void insert.run(key, packr.pack(value));
  const get = (key: string): Customer | undefined => {
    const row = select.get(key) as { value: Uint8Array } | undefined | null;
    return row ? packr.unpack(row.value) : undefined;
  };
  return {
    put,
    putSync: put,
    get,
    getSync: get,
    putMany: (entries) => {
      database.exec("BEGIN");
      for (const [key, value] of entries) insert.run(key, packr.pack(value));
      database.exec("COMMIT");
    },
    getMany: (keys) => keys.map(get),
    close: () => database.close(),
  };
}
