/**
 * Round trips of a cluster, measured between its nodes and the servers, beside what the
 * experiments' model predicts, and what `stats()` says.
 *
 * @module
 */
import { CLIENTS_PER_NODE } from "../experiments/plan.ts";
import type { Size } from "../options.ts";
import { alignColumns, threeDigits } from "../report/format.ts";
import { ROUND_TRIPS_PLANS } from "./load.ts";
import { type Measured, measureWire } from "./measured.ts";
import { type OperationKinds, perKind } from "./operation_kinds.ts";
import { predict } from "./predicted.ts";
import { WIRE_KINDS } from "./wire_counts.ts";

/** Of so many nodes. */
export interface RoundTripsRow {
  readonly nodeCount: number;
  readonly measured: Measured;
  /** By what was seen between nodes and servers. */
  readonly wire: OperationKinds;
  /** By what the nodes say. */
  readonly stats: OperationKinds;
  readonly predicted: OperationKinds;
}

export interface RoundTripsResults {
  readonly size: Size;
  readonly rows: readonly RoundTripsRow[];
}

/** Measures and predicts, for each number of nodes. */
export async function measureRoundTrips(
  size: Size,
  seed: number,
  progress: (line: string) => void = () => {},
): Promise<RoundTripsResults> {
  const plan = ROUND_TRIPS_PLANS[size];
  const rows: RoundTripsRow[] = [];
  for (const nodeCount of plan.nodeCounts) {
    progress(`${nodeCount} nodes: the model`);
    const predicted = predict(plan, nodeCount, seed);
    progress(`${nodeCount} nodes: the cluster`);
    rows.push(rowOf(await measureWire(plan, nodeCount, seed), predicted));
  }
  return { size, rows };
}

/** Puts side by side what was seen, said and predicted. */
export function rowOf(measured: Measured, predicted: OperationKinds): RoundTripsRow {
  const { nodeCount, served } = measured;
  const stats = perKind(served);
  return { nodeCount, measured, wire: wireKinds(measured), stats, predicted };
}

/**
 * What operations were, by the messages: each miss reads a page and a record, each hit by address a
 * record, and what is left of the reads has read nothing. Reads that were for no operation are
 * taken away.
 */
function wireKinds(measured: Measured): OperationKinds {
  const { reads, changes, wire } = measured;
  const background = backgroundReads(measured);
  const misses = wire.page.roundTrips - background.pages;
  const records = wire.record.roundTrips - background.records;
  return perKind({
    valueHits: reads - records,
    shortcutHits: records - misses,
    misses,
    changes,
    readRoundTrips: misses + records,
    changeRoundTrips: wire.append.roundTrips,
  });
}

/**
 * Reads for no operation: for each page that is written one was read; and nodes go through the keys
 * of slots that they have got, for what expires. Of the latter only the nodes know how many they
 * were, and those that were seen while there were no operations, what.
 */
function backgroundReads({ wire, idle, served }: Measured): { pages: number; records: number } {
  const written = wire.merge.roundTrips;
  const others = served.roundTrips - served.readRoundTrips - wire.index.roundTrips - 2 * written;
  const [idlePages, idleRecords] = [idle.page.roundTrips, idle.record.roundTrips];
  const pages = Math.round(others * idlePages / Math.max(1, idlePages + idleRecords));
  return { pages: written + pages, records: others - pages };
}

/** Round trips that the nodes have counted, of all kinds, against those that were seen. */
export function agreementOf({ wire, served }: Measured): { said: number; seen: number } {
  const kinds = ["record", "page", "append", "merge", "index"] as const;
  const seen = kinds.reduce((sum, kind) => sum + wire[kind].roundTrips, 0);
  return { said: served.roundTrips + served.changeRoundTrips, seen };
}

const KINDS: readonly (readonly [keyof OperationKinds, string])[] = [
  ["valueHit", "read, value in memory"],
  ["shortcutHit", "read, address known"],
  ["miss", "read, any other"],
  ["change", "update"],
  ["operation", "all"],
];

/** Shows the results as tables. */
export function formatRoundTrips({ size, rows }: RoundTripsResults): string {
  const { keyCount, operations, serverCount } = ROUND_TRIPS_PLANS[size];
  const title = `${keyCount} keys, values of 1 KiB, Zipf 0.99, 95/5 update; each node caches ` +
    `1 % of the data and has ${CLIENTS_PER_NODE} clients; ${operations} operations; ` +
    (serverCount === 1 ? "1 server" : `${serverCount} servers`);
  return [title, ...rows.flatMap((row) => [tableOf(row), besideOf(row)])].join("\n\n");
}

function tableOf({ nodeCount, wire, stats, predicted }: RoundTripsRow): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const head = [
    nodeCount === 1 ? "1 node" : `${nodeCount} nodes`,
    "share, predicted",
    "measured",
    "stats()",
    "RTs each, predicted",
    "measured",
    "stats()",
    "measured / predicted",
  ];
  const lines = KINDS.map(([kind, name]) => {
    const all = [predicted[kind], wire[kind], stats[kind]];
    const [base, seen] = all.map(({ share, roundTripsEach }) => share * roundTripsEach);
    return [
      name,
      ...all.map(({ share }) => percent(share)),
      ...all.map(({ roundTripsEach }) => roundTripsEach.toFixed(2)),
      base === 0 ? "" : `${(seen! / base!).toFixed(2)} x`,
    ];
  });
  return alignColumns([head, ...lines]);
}

/** What else was seen. */
function besideOf({ measured }: RoundTripsRow): string {
  const { wire, idle, idleSeconds, seconds, nodeCount, reads, changes } = measured;
  const { said, seen } = agreementOf(measured);
  const counts = WIRE_KINDS.map((kind) => `${kind} ${wire[kind].requests}`).join(", ");
  const perSecond = WIRE_KINDS
    .map((kind) => `${kind} ${(idle[kind].requests / idleSeconds / nodeCount).toFixed(1)}`)
    .join(", ");
  return [
    `requests in ${threeDigits(seconds)} s with ${reads + changes} operations: ${counts}`,
    `without operations, of a node in a second: ${perSecond}`,
    `round trips to logs and indexes: seen ${seen}, by stats() ${said} (${
      (said / seen).toFixed(4)
    } x)`,
  ].join("\n");
}
