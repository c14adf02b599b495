/**
 * Round trips by kinds of operations: reads of a value in memory, of one whose address is known, of
 * any other one, and changes.
 *
 * @module
 */

/** What was counted. */
export interface OperationCounts {
  readonly valueHits: number;
  readonly shortcutHits: number;
  readonly misses: number;
  readonly changes: number;
  /** Of all reads. */
  readonly readRoundTrips: number;
  readonly changeRoundTrips: number;
}

/** One kind. */
export interface OperationKind {
  /** Of all operations. */
  readonly share: number;
  readonly roundTripsEach: number;
}

/** All kinds, and all operations. */
export interface OperationKinds {
  readonly valueHit: OperationKind;
  readonly shortcutHit: OperationKind;
  readonly miss: OperationKind;
  readonly change: OperationKind;
  readonly operation: OperationKind;
}

/**
 * Round trips for one of each. A value in memory takes none, an address one, by what these are;
 * what is left of those of the reads belongs to the misses.
 */
export function perKind(counts: OperationCounts): OperationKinds {
  const { valueHits, shortcutHits, misses, changes, readRoundTrips, changeRoundTrips } = counts;
  const operations = valueHits + shortcutHits + misses + changes;
  const kind = (count: number, roundTrips: number): OperationKind => ({
    share: count / operations,
    roundTripsEach: count === 0 ? 0 : roundTrips / count,
  });
  return {
    valueHit: kind(valueHits, 0),
    shortcutHit: kind(shortcutHits, shortcutHits),
    miss: kind(misses, readRoundTrips - shortcutHits),
    change: kind(changes, changeRoundTrips),
    operation: kind(operations, readRoundTrips + changeRoundTrips),
  };
}
