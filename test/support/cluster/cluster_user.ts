/**
 * Processes that have opened a store of a cluster.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import type { Runtime } from "../../../scripts/runtimes.ts";
import type { ClusterNodeStats } from "../../../lib/core/cluster_figures.ts";
import type { ClusterOptions } from "../../../mod.ts";
import { ToldProcess, type ToldRequest } from "./told_process.ts";

/** What it is told. */
export interface ClusterUserRequest extends ToldRequest {
  readonly kind: "add" | "read" | "close";
}

/** What it has read, in the order in which reads were issued. */
export interface ClusterUserReads {
  readonly first: number;
  readonly last: number;
  /** Whether no read has found less than one before it. */
  readonly isOrdered: boolean;
  /** How many of them it has answered itself. */
  readonly copied: number;
  /** How many reads of its node's keys others have answered, as it knows half a second later. */
  readonly served: number;
}

const WAIT_MS_MAX = 40_000;

/** A process of its own. */
export class ClusterUser extends ToldProcess {
  /** Starts one; resolves when its store is open. */
  static async start(cluster: ClusterOptions, runtime?: Runtime): Promise<ClusterUser> {
    const user = new ClusterUser("cluster_user", cluster, runtime);
    await user.opened();
    return user;
  }

  /** Adds 1 to a key so many times, all at once; resolves to the sums. */
  async add(key: string, count: number): Promise<readonly number[]> {
    const request: ClusterUserRequest = { kind: "add", key, count };
    return (await this.ask(request, "counted") as { sums: readonly number[] }).sums;
  }

  /** Reads a number so many times, 64 at once. */
  async read(key: string, count: number): Promise<ClusterUserReads> {
    const request: ClusterUserRequest = { kind: "read", key, count };
    return await this.ask(request, "read") as ClusterUserReads;
  }

  /** Has it close its store and end; resolves to what its node has done. */
  async close(): Promise<ClusterNodeStats> {
    return (await this.closed() as { served: ClusterNodeStats }).served;
  }
}

/** Waits for something, which has to come. */
export async function until(
  what: string | (() => string),
  isSo: () => boolean,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += 20) {
    if (isSo()) return;
    await setTimeout(20);
  }
  const text = typeof what === "string" ? what : what();
  throw new Error(`${text}: not within ${WAIT_MS_MAX} ms`);
}
