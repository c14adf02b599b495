/**
 * A process that uses the pool of another one, and becomes its host if it is the first that gets the
 * lock when that one has ended.
 *
 * With the option `standby` it reads the pool's files ahead as long as another process is the host,
 * so that the opening replays only what is new (docs/protocols/standby.md).
 *
 * @module
 */
import { PoolLockedError } from "../core/errors.ts";
import type { Standby } from "../store/standby.ts";
import type { ResolvedStandby } from "../store/standby_options.ts";
import type { OwnHost } from "./host_link.ts";

/** How a process becomes the host. */
export interface Succession {
  /** Opens the pool. @throws {PoolLockedError} when another process has it open */
  readonly open: (standby: Standby | undefined) => Promise<OwnHost>;
  /** Prepares what reads it ahead. */
  readonly prepareStandby: () => Promise<Standby>;
}

/** One process, or thread, that may be the next host. */
export class Successor {
  readonly #succession: Succession;
  readonly #options: ResolvedStandby | undefined;
  #standby: Promise<Standby> | undefined;
  #host: OwnHost | undefined;
  /** Told when the files have been read for the first time. */
  #onWarm: (() => void) | undefined;
  #isClosed = false;

  /** Reads nothing ahead before it is said that another process is the host. */
  constructor(succession: Succession, standby: ResolvedStandby | undefined) {
    this.#succession = succession;
    this.#options = standby;
    this.#onWarm = standby?.onWarm;
  }

  /** There is a host: unless it is this process, its files are read ahead from now on. */
  follow(): void {
    if (this.#options === undefined || this.#isClosed || this.#host?.isOpen()) return;
    const { refreshMs } = this.#options;
    this.#standby ??= this.#succession.prepareStandby().then((standby) => {
      void standby.keepWarm(refreshMs, () => {
        this.#onWarm?.();
        this.#onWarm = undefined;
      });
      return standby;
    });
  }

  /**
   * Becomes the host.
   *
   * @throws {PoolLockedError} when another process is the host; what is read ahead stays
   */
  async open(): Promise<OwnHost> {
    let isOther = false;
    try {
      return this.#host = await this.#succession.open(await this.#standby);
    } catch (error) {
      isOther = error instanceof PoolLockedError;
      throw error;
    } finally {
      if (!isOther) this.#letGo();
    }
  }

  /** Reads nothing ahead any more. */
  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  #letGo(): void {
    // Nobody need wait for the end of its thread.
    void this.#standby?.then((standby) => standby.close());
    this.#standby = undefined;
  }
}
