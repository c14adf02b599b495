/**
 * Takes and releases the lock of a directory, in a process of its own, as it is told.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmdirSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { open } from "../../../mod.ts";
import { PoolLockedError } from "../../../lib/core/errors.ts";
import { nodeFileSystem } from "../../../lib/persistence/file_system.ts";
import { PoolLock, type PoolLockOptions } from "../../../lib/persistence/pool_lock.ts";
import { readUnlocked } from "../../../lib/persistence/unlocked_read.ts";
import { childArguments, heard, say } from "../child.ts";
import { abandonLock } from "../locks.ts";

/** Where, and how. */
export interface LockUse {
  readonly path: string;
  readonly options: PoolLockOptions;
}

/** What it is told to do; it answers each with one message. */
export type LockOrder =
  /** At a time in milliseconds since the epoch; answers "held" or "refused". */
  | { readonly order: "acquire"; readonly atMs: number }
  /** Reads without a lock; answers "read" or "refused". */
  | { readonly order: "read" }
  /** Answers "released". */
  | { readonly order: "release" }
  /** Opens a store instead, and answers "open". */
  | { readonly order: "open" }
  /** Starts a process that outlives this one, and answers its pid. */
  | { readonly order: "spawn" }
  /** Takes and leaves the lock for some time, together with others; answers a SoakReport. */
  | { readonly order: "soak"; readonly ms: number; readonly inside: string };

/** What happened in a soak. */
export interface SoakReport {
  held: number;
  refused: number;
  /** How often somebody else was inside: must be 0. */
  together: number;
}

const { path, options } = childArguments<LockUse>();
let lock: PoolLock | undefined;

/** Acquires the lock; undefined when it is refused. */
async function tryAcquire(): Promise<PoolLock | undefined> {
  try {
    return await PoolLock.acquire(path, options);
  } catch (error) {
    if (error instanceof PoolLockedError) return undefined;
    throw error;
  }
}

async function tryRead(): Promise<"read" | "refused"> {
  try {
    return await readUnlocked(nodeFileSystem, path, () => "read" as const);
  } catch (error) {
    if (error instanceof PoolLockedError) return "refused";
    throw error;
  }
}

async function soak(ms: number, inside: string): Promise<SoakReport> {
  const report = { held: 0, refused: 0, together: 0 };
  for (const endMs = Date.now() + ms; Date.now() < endMs;) {
    const taken = await tryAcquire();
    if (taken === undefined) {
      report.refused += 1;
      continue;
    }
    report.held += 1;
    try {
      mkdirSync(inside);
    } catch {
      report.together += 1;
    }
    // Some time inside, in which others run.
    closeSync(openSync(path, "r"));
    try {
      rmdirSync(inside);
    } catch {
      report.together += 1;
    }
    // Two of three look as if their holder had been killed.
    if (report.held % 3 > 0) abandonLock(path);
    await taken.release();
  }
  return report;
}

async function obey(order: LockOrder): Promise<unknown> {
  switch (order.order) {
    case "acquire":
      await setTimeout(Math.max(0, order.atMs - Date.now() - 2));
      while (Date.now() < order.atMs);
      lock = await tryAcquire();
      return lock === undefined ? "refused" : "held";
    case "read":
      return await tryRead();
    case "release":
      await lock?.release();
      lock = undefined;
      return "released";
    case "open":
      await open({ path, capacity: "1MiB", segmentBytes: "16KiB", durability: "memory" });
      return "open";
    case "spawn": {
      const args = ["-e", "setTimeout(() => {}, 60000)"];
      const program = "Deno" in globalThis ? ["eval", args[1]!] : args;
      const child = spawn(process.execPath, program, { stdio: "ignore", detached: true });
      child.unref();
      return child.pid;
    }
    case "soak":
      return await soak(order.ms, order.inside);
  }
}

say("ready");
for await (const order of heard<LockOrder>()) say(await obey(order));
