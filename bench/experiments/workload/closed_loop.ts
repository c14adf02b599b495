/**
 * Clients in a closed loop: each sends its next operation when it has the answer to the last. So
 * many of them saturate a system, and never more of its queues fill than there are clients.
 *
 * @module
 */
import { PARKED, type Process, type Simulation } from "../kernel/simulation.ts";
import type { Random } from "../../workloads/random.ts";
import type { Operation, SystemUnderTest } from "../systems/system.ts";
import { type Mix, OperationKind } from "./mix.ts";
import type { Zipf } from "./zipf.ts";
import type { LoadRecorder } from "./load_recorder.ts";

/** What clients do. */
export interface Load {
  readonly mix: Mix;
  readonly zipf: Zipf;
  /**
   * Keys that are there before; reads and updates are for them: the key of rank 0 is number 0, the
   * most popular.
   */
  readonly keyCount: number;
  readonly random: Random;
}

/** Clients that come and go, and share one sequence of operations. */
export class ClosedLoop {
  readonly #simulation: Simulation;
  readonly #system: SystemUnderTest;
  readonly #load: Load;
  readonly #recorder: LoadRecorder;
  readonly #parked: Process[] = [];
  #activeCountMax = 0;
  #activeCount = 0;
  #nextInsert: number;

  constructor(
    simulation: Simulation,
    system: SystemUnderTest,
    load: Load,
    recorder: LoadRecorder,
  ) {
    this.#simulation = simulation;
    this.#system = system;
    this.#load = load;
    this.#recorder = recorder;
    this.#nextInsert = load.keyCount;
  }

  /** Sets how many clients there are. One too many rests after the operation that it waits for. */
  setClientCount(count: number): void {
    this.#activeCountMax = count;
    while (this.#activeCount < count) {
      this.#activeCount += 1;
      const parked = this.#parked.pop();
      if (parked !== undefined) this.#simulation.start(parked);
      else this.#simulation.start(this.#client());
    }
  }

  *#client(): Process {
    for (;;) {
      const operation = this.#draw();
      const beganUs = this.#simulation.nowUs;
      yield* this.#system.execute(operation);
      this.#recorder.record(beganUs);
      if (this.#activeCount > this.#activeCountMax) {
        this.#activeCount -= 1;
        this.#parked.push(this.#simulation.current);
        yield PARKED;
      }
    }
  }

  #draw(): Operation {
    const { mix, zipf, random } = this.#load;
    const kind = random() < mix.writeShare ? mix.write : OperationKind.READ;
    if (kind === OperationKind.INSERT) return { kind, key: this.#nextInsert++ };
    return { kind, key: zipf.draw(random) };
  }
}
