/**
 * Dinomo with more KNs than one pool has room for: several pools in the memory of one DPM, behind
 * its link and its processors. Each has a part of the keys, by their hashes, and a part of the KNs.
 *
 * That takes nothing away from what KNs compete for. They meet at the link and at the processors,
 * which are common to all; a KN shares neither slots nor log with others, whether they are of its
 * pool or not. Only slots cannot go from a pool to another, and in a steady state none moves.
 *
 * @module
 */
import { NODE_COUNT_MAX } from "../../../../lib/core/limits.ts";
import type { Process, Simulation } from "../../kernel/simulation.ts";
import type { Fabric } from "../../model/fabric.ts";
import {
  noCounts,
  type Operation,
  type Resource,
  type SystemCounts,
  type SystemUnderTest,
} from "../system.ts";
import { Dinomo, type DinomoOptions, makeDpmProcessors } from "./dinomo.ts";

/** Spreads consecutive numbers (Knuth, The Art of Computer Programming, vol. 3, 6.4). */
const MULTIPLIER = 2654435769;

/** Several pools of Dinomo. */
export class DinomoPools implements SystemUnderTest {
  readonly #pools: readonly Dinomo[];

  /** Makes as many pools as there have to be; `options` are those of all of them together. */
  constructor(
    simulation: Simulation,
    fabric: Fabric,
    options: DinomoOptions,
    nodesPerPool = NODE_COUNT_MAX,
  ) {
    const { nodeCount } = options;
    const poolCount = Math.ceil(nodeCount / nodesPerPool);
    const processors = makeDpmProcessors(simulation);
    this.#pools = Array.from({ length: poolCount }, (_, pool) => {
      const ofPool = {
        ...options,
        nodeCount: Math.ceil((nodeCount - pool) / poolCount),
        holds: (key: number) => poolOf(key, poolCount) === pool,
      };
      return new Dinomo(simulation, fabric, ofPool, processors);
    });
  }

  get counts(): Readonly<SystemCounts> {
    const sums = noCounts();
    for (const { counts } of this.#pools) {
      for (const name of Object.keys(sums) as (keyof SystemCounts)[]) sums[name] += counts[name];
    }
    return sums;
  }

  get resources(): Resource[] {
    return this.#pools.flatMap(({ resources }) => resources);
  }

  resetCounts(): void {
    for (const pool of this.#pools) pool.resetCounts();
  }

  execute(operation: Operation): Process {
    return this.#pools[poolOf(operation.key, this.#pools.length)].execute(operation);
  }
}

/** The pool of a key. */
function poolOf(key: number, poolCount: number): number {
  return Math.floor((Math.imul(key, MULTIPLIER) >>> 0) / 2 ** 32 * poolCount);
}
