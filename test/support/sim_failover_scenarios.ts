/**
 * What is done in pools whose KNs fail: scripts of operations, and the stores they are executed in.
 *
 * @module
 */
import type { FailoverOptions, ScriptStep } from "./sim_failover.ts";

/** What there is before. */
const BEFORE: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 40 },
  { kind: "put", key: 1, bytes: 300 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "put", key: 6, bytes: 40 },
  { kind: "put", key: 7, bytes: 40 },
  { kind: "put", key: 10, bytes: 40 },
  { kind: "put-expiring", key: 3, bytes: 40 },
  { kind: "put-expiring", key: 4, bytes: 40 },
  { kind: "put-expiring", key: 8, bytes: 40 },
  { kind: "put-expiring", key: 12, bytes: 40 },
  { kind: "add", slot: 0 },
  { kind: "add", slot: 1 },
];

/**
 * What the step does: every kind of change, several of one key, and of slots that have other keys.
 */
const SCRIPTS: Readonly<Record<string, readonly ScriptStep[]>> = {
  "changes of all kinds": [
    { kind: "put", key: 2, bytes: 40 },
    { kind: "put", key: 0, bytes: 60 },
    { kind: "delete", key: 1 },
    { kind: "delete", key: 3 },
    { kind: "put-absent", key: 0, bytes: 40 },
    { kind: "put-absent", key: 1, bytes: 40 },
    { kind: "put", key: 10, bytes: 500 },
    { kind: "clear", slot: 1 },
    { kind: "put-absent", key: 5, bytes: 40 },
  ],
  "records that expire": [
    { kind: "put-expiring", key: 2, bytes: 40 },
    { kind: "put-expiring", key: 0, bytes: 60 },
    { kind: "put-expiring", key: 8, bytes: 60 },
    { kind: "put", key: 8, bytes: 60 },
    { kind: "delete", key: 3 },
    { kind: "put-expiring", key: 5, bytes: 60 },
    { kind: "put-absent", key: 5, bytes: 60 },
    { kind: "clear", slot: 2 },
    { kind: "put-expiring", key: 11, bytes: 40 },
  ],
  "records that have expired": [
    { kind: "wait" },
    { kind: "put-absent", key: 3, bytes: 40 },
    { kind: "put-expiring", key: 8, bytes: 40 },
    { kind: "delete", key: 12 },
    { kind: "clear", slot: 0 },
    { kind: "put-absent", key: 4, bytes: 40 },
  ],
  "many changes of one key": [
    { kind: "put", key: 0, bytes: 40 },
    { kind: "delete", key: 0 },
    { kind: "put-absent", key: 0, bytes: 40 },
    { kind: "put-absent", key: 0, bytes: 48 },
    { kind: "delete", key: 0 },
    { kind: "delete", key: 0 },
    { kind: "put", key: 0, bytes: 40 },
  ],
  "records that do not fit the open segment": [
    { kind: "put", key: 2, bytes: 1500 },
    { kind: "put", key: 3, bytes: 1500 },
    { kind: "put", key: 4, bytes: 1500 },
    { kind: "put", key: 2, bytes: 1500 },
    { kind: "delete", key: 3 },
  ],
  "records that are made from others": [
    { kind: "add", slot: 0 },
    { kind: "touch", key: 3 },
    { kind: "add", slot: 2 },
    { kind: "add", slot: 0 },
    { kind: "touch", key: 1 },
    { kind: "touch", key: 2 },
    { kind: "put", key: 2, bytes: 1200 },
    { kind: "touch", key: 2 },
    { kind: "clear", slot: 1 },
    { kind: "add", slot: 1 },
    { kind: "touch", key: 5 },
    { kind: "touch", key: 2 },
    { kind: "add", slot: 1 },
  ],
  "values that are too large for the ring": [
    { kind: "put", key: 2, bytes: 3000 },
    { kind: "put", key: 0, bytes: 2900 },
    { kind: "put-absent", key: 0, bytes: 2800 },
    { kind: "put", key: 10, bytes: 40 },
  ],
};

/** Atomic commits of keys of all slots, between other changes of them. */
const COMMIT_SCRIPTS: Readonly<Record<string, readonly ScriptStep[]>> = {
  "atomic commits": [
    { kind: "put", key: 2, bytes: 40 },
    { kind: "commit", absent: [9], puts: [0, 2, 6, 11], deletes: [1, 7], adds: [0, 2], bytes: 40 },
    { kind: "put", key: 6, bytes: 60 },
    { kind: "commit", absent: [9, 0], puts: [9, 10], deletes: [], adds: [1], bytes: 40 },
    { kind: "commit", absent: [], puts: [9, 13, 0], deletes: [3, 10, 14], adds: [], bytes: 40 },
    { kind: "delete", key: 9 },
    { kind: "commit", absent: [14], puts: [1, 6], deletes: [11], adds: [2, 0], bytes: 40 },
  ],
  "atomic commits that are large": [
    { kind: "commit", absent: [2], puts: [2, 0, 13], deletes: [5], adds: [], bytes: 900 },
    { kind: "commit", absent: [9], puts: [9, 6], deletes: [2, 12], adds: [1], bytes: 1500 },
  ],
  // Those between two empty lines share no slot, and so are in one set where writes are logged.
  "sets of commits": [
    { kind: "commit", absent: [8], puts: [5], deletes: [], adds: [], bytes: 40 },
    { kind: "commit", absent: [], puts: [4], deletes: [1], adds: [2], bytes: 40 },
    { kind: "commit", absent: [], puts: [3, 9], deletes: [7], adds: [0], bytes: 40 },
    { kind: "commit", absent: [2], puts: [2, 6], deletes: [10], adds: [1], bytes: 40 },

    { kind: "commit", absent: [7], puts: [13], deletes: [], adds: [0], bytes: 40 },
    { kind: "delete", key: 12 },

    { kind: "commit", absent: [2], puts: [11], deletes: [], adds: [], bytes: 40 },
    { kind: "commit", absent: [], puts: [7, 14], deletes: [], adds: [], bytes: 40 },
    { kind: "commit", absent: [6], puts: [10], deletes: [], adds: [], bytes: 40 },

    { kind: "put-absent", key: 2, bytes: 40 },
    { kind: "commit", absent: [], puts: [3], deletes: [13], adds: [], bytes: 300 },

    { kind: "commit", absent: [], puts: [10], deletes: [2], adds: [], bytes: 60 },
    { kind: "touch", key: 14 },

    { kind: "put-absent", key: 2, bytes: 40 },
    { kind: "put-expiring", key: 13, bytes: 40 },
  ],
  "sets of commits that do not fit a segment": [
    { kind: "commit", absent: [], puts: [3, 9], deletes: [7], adds: [0], bytes: 700 },
    { kind: "put", key: 6, bytes: 900 },
    { kind: "commit", absent: [], puts: [4], deletes: [1], adds: [2], bytes: 900 },
    { kind: "commit", absent: [], puts: [13], deletes: [3], adds: [], bytes: 900 },
    { kind: "delete", key: 12 },
  ],
};

/** The scenarios of atomic commits, in a near pool. */
export function commitScenarios(isLogged: boolean): Scenario[] {
  const options = { isLogged, segmentCount: ROOMY_SEGMENT_COUNT, ringBytes: 8 * 1024 };
  const scenarios = Object.entries(COMMIT_SCRIPTS).map(([name, script]) => ({
    name,
    options: { ...options, isBySlot: name.startsWith("sets") },
    before: BEFORE,
    script,
  }));
  const name = "atomic commits in a full pool";
  const scarce = { isLogged, segmentCount: SCARCE_SEGMENT_COUNT, ringBytes: 32 * 1024 };
  const script = CHURN.map((_, i): ScriptStep => ({
    kind: "commit",
    absent: [],
    puts: [5 + (i % 5), 5 + ((i + 2) % 5)],
    deletes: [i % 5],
    adds: [],
    bytes: 900,
  }));
  return [...scenarios, { name, options: scarce, before: WORN, script }];
}

/** Deletes of keys that are not there, which a cache that is logged logs as well. */
const IDLE_SCRIPT: readonly ScriptStep[] = [
  { kind: "delete", key: 2 },
  { kind: "delete", key: 0 },
  { kind: "delete", key: 0 },
  { kind: "put", key: 11, bytes: 40 },
  { kind: "delete", key: 13 },
  { kind: "clear", slot: 1 },
  { kind: "delete", key: 5 },
];

/** In a far pool also reads, between changes of the same keys, of values of all sizes. */
const FAR_SCRIPT: readonly ScriptStep[] = [
  { kind: "get", key: 0 },
  { kind: "put", key: 0, bytes: 60 },
  { kind: "add", slot: 0 },
  { kind: "touch", key: 0 },
  { kind: "get", key: 1 },
  { kind: "touch", key: 1 },
  { kind: "add", slot: 0 },
  { kind: "put", key: 1, bytes: 1400 },
  { kind: "get", key: 0 },
  { kind: "get", key: 1 },
  { kind: "delete", key: 0 },
  { kind: "get", key: 0 },
  { kind: "clear", slot: 1 },
  { kind: "get", key: 5 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "get", key: 5 },
];

/**
 * In a far pool also changes of keys that have cells, of all sizes, and of one whose slot is
 * cleared.
 */
const SHARED_KEYS = [0, 5, 10];
const SHARED_SCRIPT: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 60 },
  { kind: "touch", key: 0 },
  { kind: "get", key: 0 },
  { kind: "put-absent", key: 0, bytes: 40 },
  { kind: "delete", key: 0 },
  { kind: "touch", key: 0 },
  { kind: "touch", key: 10 },
  { kind: "delete", key: 10 },
  { kind: "get", key: 10 },
  { kind: "put-expiring", key: 10, bytes: 40 },
  { kind: "put-absent", key: 0, bytes: 1400 },
  { kind: "put", key: 5, bytes: 1500 },
  { kind: "put", key: 10, bytes: 1500 },
  { kind: "put", key: 0, bytes: 1500 },
  { kind: "get", key: 5 },
  { kind: "clear", slot: 1 },
  { kind: "put-absent", key: 5, bytes: 40 },
  { kind: "put", key: 2, bytes: 40 },
  { kind: "put", key: 0, bytes: 3000 },
  { kind: "get", key: 0 },
];

/** Changes of keys that have cells, few enough for the KN to leave them to a merger. */
export const UNMERGED_SCRIPT: readonly ScriptStep[] = [
  { kind: "put", key: 0, bytes: 60 },
  { kind: "put", key: 5, bytes: 40 },
  { kind: "put", key: 0, bytes: 40 },
  { kind: "delete", key: 10 },
  { kind: "put-expiring", key: 10, bytes: 40 },
  { kind: "delete", key: 5 },
  { kind: "put", key: 2, bytes: 40 },
];

/** Reads of one key before and behind changes of it. */
export const ALTERNATING: readonly ScriptStep[] = Array.from({ length: 4 }, () =>
  [
    { kind: "get", key: 0 },
    { kind: "put", key: 0, bytes: 40 },
  ] as const).flat();

/** What is issued while nobody knows yet what has become of the step. */
export const AFTER: readonly ScriptStep[] = [
  { kind: "put-absent", key: 0, bytes: 40 },
  { kind: "put-absent", key: 2, bytes: 40 },
  { kind: "delete", key: 10 },
  { kind: "put", key: 5, bytes: 40 },
];

/** A store, what is in it, and what is done to it. */
export interface Scenario {
  readonly name: string;
  readonly options: FailoverOptions;
  readonly before: readonly ScriptStep[];
  readonly script: readonly ScriptStep[];
  /** Keys that have cells while it runs. @default none */
  readonly shared?: readonly number[];
  /** Whether a watcher waits for changes meanwhile. @default false */
  readonly isWatched?: boolean;
}

const ROOMY_SEGMENT_COUNT = 16;
const FAR_SEGMENT_COUNT = 32;
/** So few that what has been overwritten must be cleaned before anything else fits. */
const SCARCE_SEGMENT_COUNT = 9;

/** Leaves every segment half full of records that are live. */
const WORN: readonly ScriptStep[] = Array.from({ length: 24 }, (_, i) => ({
  kind: "put",
  key: i % 3 === 0 ? (i / 3) % 5 : 5 + (i % 5),
  bytes: 900,
}));
/**
 * The same for a far pool with keys that have cells: each segment holds the newest record of one of
 * them, and dead ones.
 */
export const FAR_WORN: readonly ScriptStep[] = [0, 6, 11, 5, 10].flatMap((kept, i) => [
  { kind: "put", key: kept, bytes: 300 } as const,
  ...Array.from({ length: 11 }, () => ({ kind: "put", key: 1 + i % 4, bytes: 300 } as const)),
]);
const CHURN: readonly ScriptStep[] = Array.from({ length: 8 }, (_, i) => ({
  kind: "put",
  key: 5 + (i % 5),
  bytes: 900,
}));

/** The scenarios of a pool. */
export function scenariosOf(isLogged: boolean, isFar: boolean): Scenario[] {
  const segmentCount = isFar ? FAR_SEGMENT_COUNT : ROOMY_SEGMENT_COUNT;
  const roomy = { isLogged, isFar, segmentCount, ringBytes: 8 * 1024 };
  const scarce = { isLogged, segmentCount: SCARCE_SEGMENT_COUNT, ringBytes: 32 * 1024 };
  const scenarios = Object.entries(SCRIPTS).map(([name, script]) => ({
    name,
    options: roomy,
    before: BEFORE,
    script,
  }));
  if (isFar) {
    const name = "reads between changes";
    return [...scenarios, { name, options: roomy, before: BEFORE, script: FAR_SCRIPT }];
  }
  if (isLogged) {
    const options = { ...roomy, evicts: true };
    scenarios.push({ name: "deletes in a cache", options, before: BEFORE, script: IDLE_SCRIPT });
  }
  return [...scenarios, { name: "cleaning", options: scarce, before: WORN, script: CHURN }];
}

/** The scenario of keys that have cells, in a far pool. */
export function cellScenario(isLogged: boolean): Scenario {
  return {
    name: "keys with cells",
    options: { isLogged, isFar: true, segmentCount: FAR_SEGMENT_COUNT, ringBytes: 8 * 1024 },
    before: BEFORE,
    script: SHARED_SCRIPT,
    shared: SHARED_KEYS,
  };
}
