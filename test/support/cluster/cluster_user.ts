/**
 * Processes that have opened a store of a cluster.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import type { Runtime } from "../../../scripts/runtimes.ts";
import type { ClusterNodeStats } from "../../../lib/core/cluster_figures.ts";
import type { ClusterOptions } from "../../../mod.ts";
import { Child } from "../child.ts";

/** What such a process is started with. */
export interface ClusterUserArguments {
  readonly cluster: ClusterOptions;
}

/** What it is told. */
export interface ClusterUserRequest {
  readonly kind: "add" | "close";
  readonly key: string;
  readonly count: number;
}

const WAIT_MS_MAX = 40_000;

/** A process of its own. */
export class ClusterUser {
  readonly #child: Child;
  #heard = 0;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Starts one; resolves when its store is open. */
  static async start(cluster: ClusterOptions, runtime?: Runtime): Promise<ClusterUser> {
    const args = { cluster } satisfies ClusterUserArguments;
    const user = new ClusterUser(new Child("cluster_user", args, runtime, 120_000, true));
    await user.#next("open");
    return user;
  }

  /** Adds 1 to a key so many times, all at once; resolves to the sums. */
  async add(key: string, count: number): Promise<readonly number[]> {
    this.#child.tell({ kind: "add", key, count } satisfies ClusterUserRequest);
    return (await this.#next("counted") as { sums: readonly number[] }).sums;
  }

  /** Has it close its store and end; resolves to what its node has done. */
  async close(): Promise<ClusterNodeStats> {
    this.#child.tell({ kind: "close", key: "", count: 0 } satisfies ClusterUserRequest);
    const { served } = await this.#next("closed") as { served: ClusterNodeStats };
    this.#child.tellNoMore();
    await this.#child.ended();
    return served;
  }

  /** Kills it, without a chance to do anything. */
  async kill(): Promise<void> {
    this.#child.kill();
    await this.#child.ended();
  }

  async #next(kind: string): Promise<unknown> {
    const message = await this.#child.message(this.#heard++) as { kind: string } | undefined;
    if (message?.kind === kind) return message;
    throw new Error(`the process must say ${kind}: ${(await this.#child.ended()).output}`);
  }
}

/** Waits for something, which has to come. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += 20) {
    if (isSo()) return;
    await setTimeout(20);
  }
  throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
}
