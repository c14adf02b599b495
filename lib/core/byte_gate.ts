/**
 * Bounds the memory of what is done at the same time.
 *
 * @module
 */

/** What waits until there is room. */
interface Waiting {
  readonly bytes: number;
  readonly begin: (leave: () => void) => void;
}

/**
 * Lets in what takes memory, so many bytes of it at a time, in the order in which it comes. One
 * that takes more is let in alone.
 */
export class ByteGate {
  readonly #bytesMax: number;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #isOpening = false;

  /** Lets so many bytes in. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of what is in. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Begins something when there is room for it, maybe at once.
   *
   * @param begin is told what to call when it needs its memory no more; calling it twice is the
   *   same
   */
  enter(bytes: number, begin: (leave: () => void) => void): void {
    this.#waiting.push({ bytes, begin });
    this.#open();
  }

  #open(): void {
    // What ends at once comes back here, and finds that it is being done.
    if (this.#isOpening) return;
    this.#isOpening = true;
    try {
      while (this.#waiting.length > 0 && this.#hasRoomFor(this.#waiting[0]!.bytes)) {
        const { bytes, begin } = this.#waiting.shift()!;
        this.#bytes += bytes;
        begin(this.#exitOf(bytes));
      }
    } finally {
      this.#isOpening = false;
    }
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  #exitOf(bytes: number): () => void {
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#bytes -= bytes;
      this.#open();
    };
  }
}
