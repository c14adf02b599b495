/**
 * A discrete-event simulation: a virtual clock, and processes that wait for moments of it.
 *
 * A process is a generator. It yields the moment at which it goes on, or `PARKED` when another
 * process will say so. Nothing takes any virtual time but that. There is one thread, and no other
 * source of time or chance, so a run is a function of its seed.
 *
 * ```ts ignore
 * const simulation = new Simulation();
 * const link = new Station(simulation, 1);
 * simulation.start((function* () {
 *   yield link.serve(0.15);            // waits its turn, then for 0.15 us
 *   console.log(simulation.nowUs);
 * })());
 * simulation.run(1000);
 * ```
 *
 * @module
 */
import { EventHeap } from "./event_heap.ts";

/** What takes part in a simulation; it yields moments in microseconds, or {@linkcode PARKED}. */
export type Process = Generator<number, void, void>;

/** A part of a process, which `yield*` runs to its result. */
export type Task<T> = Generator<number, T, void>;

/** Yielded by a process that goes on when another one wakes it. */
export const PARKED = -1;

/** The clock, and who waits for it. */
export class Simulation {
  readonly #heap = new EventHeap<Process>();
  #nowUs = 0;
  #current: Process | undefined;

  /** Microseconds of virtual time since the beginning. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** The process that runs: what whoever is about to park gives to whoever will wake it. */
  get current(): Process {
    if (this.#current === undefined) throw new Error("no process runs");
    return this.#current;
  }

  /**
   * Lets a process begin, or a parked one go on, at a moment that is not past. Nobody may wake a
   * process that is not parked.
   */
  start(process: Process, atUs: number = this.#nowUs): void {
    this.#heap.add(this.#checked(atUs), process);
  }

  /** Runs until a moment, or until nobody waits for one. The clock then shows that moment. */
  run(untilUs: number): void {
    while (this.#heap.size > 0 && this.#heap.nextUs <= untilUs) {
      this.#nowUs = this.#heap.nextUs;
      const process = this.#heap.take();
      this.#current = process;
      const { done, value } = process.next();
      if (!done && value !== PARKED) this.#heap.add(this.#checked(value), process);
    }
    if (untilUs !== Infinity) this.#nowUs = untilUs;
  }

  #checked(atUs: number): number {
    if (!(atUs >= this.#nowUs && atUs < Infinity)) {
      throw new RangeError(`a process can wait from ${this.#nowUs} us on, got ${atUs}`);
    }
    return atUs;
  }
}
