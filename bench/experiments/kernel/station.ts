/**
 * Servers with one queue, first come, first served: a link, a NIC, a pool of threads.
 *
 * No event is needed to know when a customer will be done: whoever comes first gets the server that
 * is free first. So a station holds only the moments at which its servers are free.
 *
 * @module
 */
import type { Simulation } from "./simulation.ts";

/** Servers of the same kind, and what they have done. */
export class Station {
  readonly name: string;
  readonly #simulation: Simulation;
  readonly #freeUs: Float64Array;
  #servedCount = 0;
  #busyUs = 0;
  #waitedUs = 0;
  #sinceUs = 0;

  constructor(simulation: Simulation, name: string, serverCount: number) {
    this.name = name;
    this.#simulation = simulation;
    this.#freeUs = new Float64Array(serverCount);
  }

  get servedCount(): number {
    return this.#servedCount;
  }

  /**
   * Mean time between the arrival of a customer and the beginning of its service, in microseconds.
   */
  get meanWaitUs(): number {
    return this.#servedCount === 0 ? 0 : this.#waitedUs / this.#servedCount;
  }

  /**
   * The share of the servers' time that was spent on customers that came since {@linkcode reset}.
   */
  get utilization(): number {
    const elapsedUs = this.#simulation.nowUs - this.#sinceUs;
    return elapsedUs === 0 ? 0 : this.#busyUs / (elapsedUs * this.#freeUs.length);
  }

  /**
   * Serves a customer that arrives now.
   *
   * @param serviceUs how long one server takes for it
   * @param busyUs how much of that counts as use: less, if the server could have served more
   *   customers in the same time
   * @returns when it is done
   */
  serve(serviceUs: number, busyUs: number = serviceUs): number {
    return this.#serveFrom(this.#simulation.nowUs, serviceUs, busyUs);
  }

  /**
   * Serves a customer whose service could have begun when it was still on its way: the first byte
   * of a message was here, and the last one arrives now.
   */
  follow(serviceUs: number): number {
    return this.#serveFrom(Math.max(0, this.#simulation.nowUs - serviceUs), serviceUs, serviceUs);
  }

  #serveFrom(arrivalUs: number, serviceUs: number, busyUs: number): number {
    const free = this.#freeUs;
    let first = 0;
    for (let i = 1; i < free.length; i++) if (free[i] < free[first]) first = i;
    const beginUs = Math.max(arrivalUs, free[first]);
    this.#servedCount += 1;
    this.#waitedUs += beginUs - arrivalUs;
    this.#busyUs += busyUs;
    free[first] = beginUs + serviceUs;
    return Math.max(free[first], this.#simulation.nowUs);
  }

  /** Forgets what was counted, but nobody who is there. */
  reset(): void {
    this.#servedCount = this.#busyUs = this.#waitedUs = 0;
    this.#sinceUs = this.#simulation.nowUs;
  }
}
