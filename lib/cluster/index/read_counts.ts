/**
 * How the reads of a node with an index went.
 *
 * @module
 */

/** How reads went. */
export interface ReadCounts {
  /** Reads of keys whose value was cached: no round trip. */
  valueHits: number;
  /** Reads of keys whose address was known. */
  shortcutHits: number;
  /** Reads that went through a page. */
  misses: number;
  /** Reads of keys that are absent, and known to be without a round trip. */
  absent: number;
  /** Round trips of reads by address. */
  shortcutRoundTrips: number;
  /** Round trips of reads through a page. */
  missRoundTrips: number;
  /** Records that were not at their shortcuts any more. */
  staleShortcuts: number;
}

/** How reads went that requests have asked for, and what is in memory. */
export interface IndexStats extends ReadCounts {
  /** Bytes of the cached values and shortcuts. */
  cacheBytes: number;
  /** About how much memory the keys take that are in no page. */
  tailBytes: number;
  /** Pages of the index that this node has the addresses of. */
  pageCount: number;
  /** Round trips of everything: reads, listings, merging, cleaning, loading of slots. */
  roundTrips: number;
}

/** Before the first one. */
export function noReads(): ReadCounts {
  return {
    valueHits: 0,
    shortcutHits: 0,
    misses: 0,
    absent: 0,
    shortcutRoundTrips: 0,
    missRoundTrips: 0,
    staleShortcuts: 0,
  };
}
