/**
 * A process beside the host of a session world that restores the pool ahead, with its ledger.
 *
 * @module
 */
import { PoolStandby } from "../../lib/persistence/pool_standby.ts";
import type {
  RequestedPool,
  RestoredPool,
  RestoreOptions,
} from "../../lib/persistence/snapshot_reader.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import type { Random } from "./random.ts";
import { DIRECTORY } from "./snapshots.ts";

const LOOK_SHARE = 0.03;

/** Looks at the files now and then; each host takes over what it has, and another one begins. */
export class SessionStandby {
  takenOver = 0;
  readonly #disk: MemoryDisk;
  readonly #random: Random;
  readonly #make: () => PoolStandby;
  #standby: PoolStandby;

  constructor(
    disk: MemoryDisk,
    random: Random,
    requested: RequestedPool,
    options: RestoreOptions,
  ) {
    this.#disk = disk;
    this.#random = random;
    this.#make = () => new PoolStandby(disk, DIRECTORY, requested, options);
    this.#standby = this.#make();
  }

  /** Reads ahead, in most cases not; what it calls does not end the host. */
  look(): void {
    if (this.#random.next() >= LOOK_SHARE) return;
    const { beforeCall } = this.#disk;
    this.#disk.beforeCall = () => {};
    this.#standby.refresh();
    this.#disk.beforeCall = beforeCall;
  }

  /** By the next host, which may end at any call. */
  takeOver(): RestoredPool | undefined {
    const standby = this.#standby;
    this.#standby = this.#make();
    const taken = standby.takeOver(this.#disk);
    if (taken !== undefined) this.takenOver += 1;
    return taken;
  }
}
