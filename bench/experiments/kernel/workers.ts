/**
 * Workers that are busy with one customer for as long as that customer says: threads that wait for
 * the network while they serve, for instance. A customer that finds all of them busy waits; first
 * come, first served.
 *
 * @module
 */
import { Fifo } from "./fifo.ts";
import { PARKED, type Process, type Simulation } from "./simulation.ts";

/** Workers of the same kind. */
export class Workers {
  readonly name: string;
  readonly isWaiting = true;
  readonly #simulation: Simulation;
  readonly #count: number;
  readonly #waiting = new Fifo<Process>();
  #busyCount = 0;
  /** The integral of the busy workers up to the last change. */
  #busyUs = 0;
  #changedUs = 0;
  #sinceUs = 0;

  constructor(simulation: Simulation, name: string, count: number) {
    this.#simulation = simulation;
    this.name = name;
    this.#count = count;
  }

  /** Customers that wait. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** The share of the workers' time that customers had them since {@linkcode reset}. */
  get utilization(): number {
    this.#account();
    const elapsedUs = this.#simulation.nowUs - this.#sinceUs;
    return elapsedUs === 0 ? 0 : this.#busyUs / (elapsedUs * this.#count);
  }

  /** Waits for a worker. */
  *take(): Process {
    if (this.#busyCount === this.#count) {
      this.#waiting.push(this.#simulation.current);
      // Whoever gives its worker back hands it on, so nobody can come in between.
      yield PARKED;
      return;
    }
    this.#account();
    this.#busyCount += 1;
  }

  /** Gives a worker back. */
  give(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return this.#simulation.start(next);
    this.#account();
    this.#busyCount -= 1;
  }

  /** Forgets what was counted, but nobody who is there. */
  reset(): void {
    this.#account();
    this.#busyUs = 0;
    this.#sinceUs = this.#simulation.nowUs;
  }

  #account(): void {
    const { nowUs } = this.#simulation;
    this.#busyUs += this.#busyCount * (nowUs - this.#changedUs);
    this.#changedUs = nowUs;
  }
}
