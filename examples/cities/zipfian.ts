/**
 * Seeded draws by Zipf's law: a few cities are asked for all the time, most of them hardly ever.
 *
 * @module
 */

/**
 * The exponent that YCSB made customary: at 135,000 items the most popular one gets 8 % of the
 * draws.
 */
const EXPONENT = 0.99;

/** Returns numbers from [0, 1), the same ones for the same seed (mulberry32, by Tommy Ettinger). */
export function createRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws item numbers below `itemCount`; which items are popular is decided by `random`, too. */
export function createZipfian(itemCount: number, random: () => number): () => number {
  const itemOfRank = shuffled(itemCount, random);
  const cumulative = new Float64Array(itemCount);
  let sum = 0;
  for (let rank = 0; rank < itemCount; rank++) {
    sum += 1 / (rank + 1) ** EXPONENT;
    cumulative[rank] = sum;
  }
  return () => {
    const target = random() * sum;
    let low = 0;
    let high = itemCount - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle] <= target) low = middle + 1;
      else high = middle;
    }
    return itemOfRank[low];
  };
}

function shuffled(count: number, random: () => number): Uint32Array {
  const items = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [items[i], items[other]] = [items[other], items[i]];
  }
  return items;
}
