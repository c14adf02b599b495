/**
 * Processes with a store of a cluster, which do what they are told and say what came of it, one
 * thing after the other.
 *
 * @module
 */
import type { Runtime } from "../../../scripts/runtimes.ts";
import type { ClusterOptions } from "../../../mod.ts";
import { Child } from "../child.ts";

/** What such a process is started with. */
export interface ToldArguments {
  readonly cluster: ClusterOptions;
}

/** What it is told. */
export interface ToldRequest {
  readonly kind: string;
  readonly key: string;
  readonly count: number;
}

const LIFE_MS_MAX = 120_000;

/** A process of its own; who extends it knows what it can be told. */
export abstract class ToldProcess {
  readonly #child: Child;
  #heard = 0;

  /** Starts a program of `test/support/children`. */
  protected constructor(program: string, cluster: ClusterOptions, runtime: Runtime | undefined) {
    const args = { cluster } satisfies ToldArguments;
    this.#child = new Child(program, args, runtime, LIFE_MS_MAX, true);
  }

  /** Kills it, without a chance to do anything. */
  async kill(): Promise<void> {
    this.#child.kill();
    await this.#child.ended();
  }

  /** Waits until its store is open. */
  protected async opened(): Promise<void> {
    await this.#next("open");
  }

  /** Tells it something; resolves to what it says then, which has to be of a kind. */
  protected async ask(request: ToldRequest, kind: string): Promise<unknown> {
    this.#child.tell(request);
    return await this.#next(kind);
  }

  /** Has it close its store and end; resolves to what it says last. */
  protected async closed(): Promise<unknown> {
    const last = await this.ask({ kind: "close", key: "", count: 0 }, "closed");
    this.#child.tellNoMore();
    await this.#child.ended();
    return last;
  }

  async #next(kind: string): Promise<unknown> {
    const message = await this.#child.message(this.#heard++) as { kind: string } | undefined;
    if (message?.kind === kind) return message;
    throw new Error(`the process must say ${kind}: ${(await this.#child.ended()).output}`);
  }
}
