/**
 * A reader as an agent of a simulation: reads any key at any time, and lists the keys of a slot.
 *
 * @module
 */
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import type { SimAgent, SimWorld } from "./sim_world.ts";
import { require } from "./sim_model.ts";

const EVERYTHING = new Uint8Array(0);
const LISTING_SHARE = 0.2;
const text = new TextDecoder();

/** Reads through the eyes of a client that has nothing pending. */
export class SimReader implements SimAgent {
  readonly name = "reader";
  isActive = false;
  readonly #world: SimWorld;
  readonly #reader: OneSidedReader;

  constructor(world: SimWorld) {
    this.#world = world;
    this.#reader = new OneSidedReader(world.pool, world.clock);
  }

  /** Always: a reader takes no lock, and waits for nobody (I6). */
  mayRun(): boolean {
    return !this.isActive;
  }

  step(): void {
    const { random, clients, models } = this.#world;
    if (random.next() < LISTING_SHARE) this.#list();
    else clients[0]!.read(random.pick(models));
  }

  #list(): void {
    const { random, models, slots } = this.#world;
    const slot = random.pick(slots.slice(0, 3));
    const inSlot = models.filter((model) => model.key.slot === slot);
    const begun = inSlot.map((model) => model.beginRead());
    const listed = this.#reader.collectKeys(slot, EVERYTHING).map((key) => text.decode(key.bytes));
    const names = new Set(listed);
    require(names.size === listed.length, `a listing of slot ${slot} shows a key twice`);
    for (const [i, model] of inSlot.entries()) {
      model.endListing(begun[i]!, names.delete(model.key.text), this.#world.nowMs);
    }
    require(names.size === 0, `a listing of slot ${slot} shows ${[...names]}`);
  }
}
