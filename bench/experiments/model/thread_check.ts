/**
 * Real threads beside virtual time. Written by `npm run experiments:check`; do not edit.
 *
 * @module
 */

/** What is compared. */
export interface CheckedFigures {
  readonly roundTripsPerOperation: number;
  readonly valueHitShare: number;
  readonly shortcutHitShare: number;
}

/** One number of KNs. */
export interface ThreadCheckRow {
  readonly nodeCount: number;
  readonly threads: CheckedFigures;
  readonly virtual: CheckedFigures;
}

/** 95/5 update, Zipf 0.99, 16384 keys. */
export const THREAD_CHECK: readonly ThreadCheckRow[] = [
  {
    "nodeCount": 1,
    "threads": {
      "roundTripsPerOperation": 0.8425,
      "valueHitShare": 0.45847595976618044,
      "shortcutHitShare": 0.22046974564221392,
    },
    "virtual": {
      "roundTripsPerOperation": 0.8662905359862196,
      "valueHitShare": 0.4548203065436286,
      "shortcutHitShare": 0.2260956437153298,
    },
  },
  {
    "nodeCount": 2,
    "threads": {
      "roundTripsPerOperation": 0.708875,
      "valueHitShare": 0.5269103164990258,
      "shortcutHitShare": 0.22636789720364422,
    },
    "virtual": {
      "roundTripsPerOperation": 0.7319206021911411,
      "valueHitShare": 0.5247239809533777,
      "shortcutHitShare": 0.22918737899638952,
    },
  },
];
