/**
 * Dinomo-N, the shared-nothing variant of the paper's evaluation: every KN has a part of the DPM to
 * itself, so that a slot that gets another owner has to be copied there.
 *
 * All else is Dinomo's. A slot is copied by its new owner: it reads the records from the DPM,
 * writes them back into its own part, and the DPM's processors put them into the index. That is
 * favourable: the copy runs at the speed of the links, which it shares with requests, in one stream
 * for each slot of a group, all at the same time; it takes no time of a KN's threads; and only what
 * is just being copied cannot be used meanwhile. (Data that a KN that has failed had to itself are
 * read from the DPM, like all others.)
 *
 * @module
 */
import type { NodeId, Slot } from "../../../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../../../lib/core/limits.ts";
import { PARKED, type Process, type Simulation } from "../../kernel/simulation.ts";
import { COSTS } from "../../model/costs.ts";
import type { Fabric } from "../../model/fabric.ts";
import { Dinomo, type DinomoOptions } from "./dinomo.ts";
import { recordBytesOf } from "./request_sender.ts";

/** What is copied at a time: whoever comes behind it waits for so long. */
const CHUNK_RECORDS = 64;

/** Dinomo-N. */
export class DinomoN extends Dinomo {
  readonly #simulation: Simulation;
  readonly #fabric: Fabric;
  readonly #recordsPerSlot: number;
  readonly #recordBytes: number;

  /**
   * @param dataBytes the data that slots are copied of. The keys that are there stand for more:
   *   what a copy takes depends on how much there is, all else does not
   */
  constructor(simulation: Simulation, fabric: Fabric, options: DinomoOptions, dataBytes: number) {
    super(simulation, fabric, options);
    this.#simulation = simulation;
    this.#fabric = fabric;
    this.#recordBytes = recordBytesOf(options.valueBytes);
    this.#recordsPerSlot = Math.ceil(dataBytes / this.#recordBytes / SLOT_COUNT);
  }

  protected override *copy(slots: readonly Slot[], to: readonly NodeId[]): Process {
    const self = this.#simulation.current;
    let left = slots.length;
    const copyOne = function* (this: DinomoN, node: NodeId): Process {
      yield* this.#copySlot(node);
      left -= 1;
      if (left === 0) this.#simulation.start(self);
    };
    for (const node of to) this.#simulation.start(copyOne.call(this, node));
    yield PARKED;
  }

  *#copySlot(node: NodeId): Process {
    const port = this.portOf(node);
    for (let left = this.#recordsPerSlot; left > 0; left -= CHUNK_RECORDS) {
      const count = Math.min(left, CHUNK_RECORDS);
      yield* this.#fabric.read(port, count * this.#recordBytes);
      yield* this.#fabric.write(port, count * this.#recordBytes);
      yield this.dpmProcessors.serve(count * COSTS.mergeUs.value);
    }
  }
}
