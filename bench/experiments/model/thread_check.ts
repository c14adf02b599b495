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
      "roundTripsPerOperation": 0.8378,
      "valueHitShare": 0.46150402864816475,
      "shortcutHitShare": 0.21883722154931803,
    },
    "virtual": {
      "roundTripsPerOperation": 0.868863433501934,
      "valueHitShare": 0.4538190364277321,
      "shortcutHitShare": 0.22371066718892807,
    },
  },
  {
    "nodeCount": 2,
    "threads": {
      "roundTripsPerOperation": 0.706975,
      "valueHitShare": 0.5268839854652694,
      "shortcutHitShare": 0.22489335931328663,
    },
    "virtual": {
      "roundTripsPerOperation": 0.7328172764027217,
      "valueHitShare": 0.5246280476722146,
      "shortcutHitShare": 0.22483317321423935,
    },
  },
];
