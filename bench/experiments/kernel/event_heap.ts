/**
 * A priority queue of processes by the time at which they go on. Those of the same time go on in
 * the order in which they were added, so that a run depends on nothing but its seed.
 *
 * @module
 */

const CAPACITY_FIRST = 1024;

/** A binary heap; times in microseconds of virtual time. */
export class EventHeap<Process> {
  #timesUs = new Float64Array(CAPACITY_FIRST);
  #sequences = new Float64Array(CAPACITY_FIRST);
  readonly #processes: Process[] = [];
  #size = 0;
  #added = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next process goes on; Infinity if there is none. */
  get nextUs(): number {
    return this.#size === 0 ? Infinity : this.#timesUs[0];
  }

  add(timeUs: number, process: Process): void {
    if (this.#size === this.#timesUs.length) this.#grow();
    const sequence = this.#added++;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#timesUs[parent] <= timeUs) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, timeUs, sequence, process);
  }

  /** Takes out the process that goes on next; there must be one. */
  take(): Process {
    const first = this.#processes[0];
    const last = --this.#size;
    const timeUs = this.#timesUs[last];
    const sequence = this.#sequences[last];
    const process = this.#processes[last];
    this.#processes.length = last;
    if (last === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#isBefore(child + 1, child)) child += 1;
      const childUs = this.#timesUs[child];
      if (timeUs < childUs || (timeUs === childUs && sequence < this.#sequences[child])) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, timeUs, sequence, process);
    return first;
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#timesUs[a] - this.#timesUs[b];
    return difference < 0 || (difference === 0 && this.#sequences[a] < this.#sequences[b]);
  }

  #put(at: number, timeUs: number, sequence: number, process: Process): void {
    this.#timesUs[at] = timeUs;
    this.#sequences[at] = sequence;
    this.#processes[at] = process;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#timesUs[from], this.#sequences[from], this.#processes[from]);
  }

  #grow(): void {
    const capacity = this.#timesUs.length * 2;
    const grown = (old: Float64Array) => {
      const array = new Float64Array(capacity);
      array.set(old);
      return array;
    };
    this.#timesUs = grown(this.#timesUs);
    this.#sequences = grown(this.#sequences);
  }
}
