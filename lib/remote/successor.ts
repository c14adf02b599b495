/**
 * A process that uses the pool of another one, and becomes its host if it is the first that gets
 * the lock when that one has ended.
 *
 * With the option `standby` it reads the pool's files ahead as long as another process is the host,
 * so that the opening replays only what is new (docs/protocols/standby.md), and has the thread of
 * its gateway ready.
 *
 * @module
 */
import { PoolLockedError } from "../core/errors.ts";
import type { Standby } from "../store/opening/standby.ts";
import type { ResolvedStandby } from "../store/options/standby_options.ts";
import type { IdleGateway } from "./gateway_thread.ts";
import type { OwnHost } from "./host_link.ts";

/** What a process has ready that may be the next host. */
export interface ReadyHost {
  readonly standby: Standby;
  readonly gateway: IdleGateway;
}

/** How a process becomes the host. */
export interface Succession {
  /** Opens the pool. @throws {PoolLockedError} when another process has it open */
  readonly open: (ready: ReadyHost | undefined) => Promise<OwnHost>;
  /** Prepares to open it. */
  readonly prepare: () => Promise<ReadyHost>;
}

/** One process, or thread, that may be the next host. */
export class Successor {
  readonly #succession: Succession;
  readonly #options: ResolvedStandby | undefined;
  #ready: Promise<ReadyHost> | undefined;
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
    this.#ready ??= this.#succession.prepare().then((ready) => {
      void ready.standby.keepWarm(refreshMs, () => {
        const tell = this.#onWarm;
        this.#onWarm = undefined;
        tell?.();
      });
      return ready;
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
      return this.#host = await this.#succession.open(await this.#ready);
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
    // Nobody need wait for the end of the threads.
    void this.#ready?.then(({ standby, gateway }) =>
      Promise.all([standby.close(), gateway.close()])
    );
    this.#ready = undefined;
  }
}
