/**
 * Durable queues of jobs, as producers and consumers in several threads use them: Dinomo's, one in
 * a table of SQLite, and BullMQ's.
 *
 * All of them survive the end of the process, and none syncs each change: durability "os", WAL with
 * `synchronous = NORMAL`, an append-only file that is synced every second.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import type { StoreHandle } from "../../mod.ts";

/** What is in a job. */
export interface Task {
  id: number;
  to: string;
  subject: string;
  tags: string[];
}

/** Where a thread finds a queue. */
export type QueuePlace =
  | { kind: "dinomo"; handle: StoreHandle }
  | { kind: "sqlite"; path: string }
  | { kind: "bullmq"; host: string; port: number };

/** A queue that a thread has opened. */
export interface JobQueue {
  /** Resolves when the job is stored. */
  add(task: Task): Promise<unknown>;
  /** Does jobs, and calls `onDone` after each, until `signal` is aborted. */
  consume(onDone: (task: Task) => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Jobs that one consumer works on at once. */
const CONCURRENCY = 32;
/**
 * How long a consumer of SQLite sleeps when there is no job, in milliseconds: it cannot wait for
 * one.
 */
const POLL_MS = 2;
/** Jobs after which such a consumer lets the event loop turn. */
const YIELD_EVERY = 64;

/** A task of about 100 bytes. */
export function makeTask(id: number): Task {
  return { id, to: `user${id}@example.org`, subject: "your order is on its way", tags: ["a", "b"] };
}

/** Opens the queue of a place in this thread. */
export async function openJobQueue(place: QueuePlace): Promise<JobQueue> {
  if (place.kind === "dinomo") return await openDinomo(place.handle);
  return place.kind === "bullmq" ? await openBull(place) : await openSqlite(place.path);
}

async function openDinomo(handle: StoreHandle): Promise<JobQueue> {
  const { attach } = await import("../../mod.ts");
  const { Queue } = await import("../../lib/queue/mod.ts");
  const store = await attach(handle);
  const queue = new Queue<Task>(store, "bench");
  return {
    add: (task) => queue.add(task),
    consume: (onDone, signal) => {
      return queue.process((job) => onDone(job.value), { concurrency: CONCURRENCY, signal });
    },
    close: () => store.close(),
  };
}

async function openSqlite(path: string): Promise<JobQueue> {
  const Database = await loadSqlite();
  const database = new Database(path);
  database.exec("PRAGMA busy_timeout = 10000");
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = NORMAL");
  database.exec(
    "CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, leased INTEGER NOT NULL, value TEXT)",
  );
  database.exec("CREATE INDEX IF NOT EXISTS due ON jobs (leased, id)");
  const insert = database.prepare("INSERT INTO jobs (leased, value) VALUES (0, ?)");
  const claim = database.prepare(
    "UPDATE jobs SET leased = ? WHERE id = (SELECT id FROM jobs WHERE leased = 0 ORDER BY id LIMIT 1) RETURNING id, value",
  );
  const remove = database.prepare("DELETE FROM jobs WHERE id = ?");
  return {
    add: (task) => Promise.resolve(insert.run(JSON.stringify(task))),
    consume: async (onDone, signal) => {
      while (!signal.aborted) {
        const row = claim.get(Date.now() + 30_000) as { id: number; value: string } | undefined;
        if (!row) {
          await setTimeout(POLL_MS);
          continue;
        }
        onDone(JSON.parse(row.value));
        remove.run(row.id);
        if (row.id % YIELD_EVERY === 0) await setTimeout(0);
      }
    },
    close: () => Promise.resolve(database.close()),
  };
}

/** What the modules have in common. */
type SqliteConstructor = new (path: string) => {
  exec(sql: string): unknown;
  prepare(sql: string): {
    run(...values: unknown[]): unknown;
    get(...values: unknown[]): unknown;
  };
  close(): void;
};

/** better-sqlite3 where it is installed and runs, else the runtime's own module. */
export async function loadSqlite(): Promise<SqliteConstructor> {
  const isBun = process.versions["bun"] !== undefined;
  for (const name of isBun ? ["bun:sqlite"] : ["better-sqlite3", "node:sqlite"]) {
    try {
      const module = await import(name);
      return module.default?.name === "Database"
        ? module.default
        : module.Database ?? module.DatabaseSync;
    } catch {
      // The next one.
    }
  }
  throw new Error("there is no SQLite: npm install --no-save better-sqlite3");
}

async function openBull({ host, port }: { host: string; port: number }): Promise<JobQueue> {
  const moduleName = "bullmq";
  const { Queue, Worker } = await import(moduleName);
  const connection = { host, port, maxRetriesPerRequest: null };
  const queue = new Queue("bench", { connection });
  await queue.waitUntilReady();
  return {
    add: (task) => queue.add("task", task, { removeOnComplete: true }),
    consume: async (onDone, signal) => {
      const work = (job: { data: Task }) => Promise.resolve(onDone(job.data));
      const worker = new Worker("bench", work, { connection, concurrency: CONCURRENCY });
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      await worker.close();
    },
    close: () => queue.close(),
  };
}
