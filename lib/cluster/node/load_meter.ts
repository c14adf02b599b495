/**
 * Counts what this node is asked for, slot by slot.
 *
 * What counts is what was asked for while the same slots had the same owners and this node served
 * all of its own: after each change it begins anew. So loads of nodes that name the same map can be
 * compared, and nothing that was moved is counted twice. Windows that have passed count less and
 * less.
 *
 * @module
 */
import { SLOT_COUNT } from "../../core/limits.ts";
import type { Load } from "../control/command_rules.ts";

/** What is left of a window's weight when the next one has ended. */
const DECAY = 0.7;

/** Counts requests. */
export class LoadMeter {
  /** Since the last window. */
  readonly #counts = new Float64Array(SLOT_COUNT);
  /** Of all windows, each with its weight. */
  readonly #sums = new Float64Array(SLOT_COUNT);
  /** How long the windows were, in the same way. */
  #ms = 0;
  #requests = 0;
  #windows = 0;
  #map = 0;
  #perSecond = 0;
  #beganMs: number;

  constructor(nowMs: number) {
    this.#beganMs = nowMs;
  }

  /** A request of a slot is executed. */
  count(slot: number): void {
    this.#counts[slot]! += 1;
  }

  /**
   * Ends a window.
   *
   * @param map sequence of the last command that changed owners; 0 while slots are still coming
   */
  endWindow(nowMs: number, map: number): void {
    const ms = nowMs - this.#beganMs;
    this.#beganMs = nowMs;
    if (map === 0 || map !== this.#map) this.#beginAnew(map);
    else if (ms > 0) this.#add(ms);
    this.#counts.fill(0);
  }

  /** What is told of it; the rate is an earlier one while nothing is measured. */
  get load(): Load {
    return [this.#perSecond, this.#map, this.#windows];
  }

  /** How many requests it has seen, those of earlier windows with their weights. */
  get requests(): number {
    return this.#requests;
  }

  /** Requests of a slot in a second. */
  perSecond(slot: number): number {
    return this.#ms === 0 ? 0 : this.#sums[slot]! * 1000 / this.#ms;
  }

  #beginAnew(map: number): void {
    this.#map = map;
    this.#windows = this.#ms = this.#requests = 0;
    this.#sums.fill(0);
  }

  #add(ms: number): void {
    this.#windows += 1;
    this.#ms = this.#ms * DECAY + ms;
    this.#requests = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      this.#requests += this.#sums[slot] = this.#sums[slot]! * DECAY + this.#counts[slot]!;
    }
    this.#perSecond = Math.round(this.#requests * 10_000 / this.#ms) / 10;
  }
}
