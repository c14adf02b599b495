/**
 * What chaos came to, added up over rounds.
 *
 * @module
 */
import { Fault } from "../faults.ts";
import { ClientFault } from "./client_orders.ts";

/** Counts and times. */
export class ChaosTally {
  rounds = 0;
  /** Operations that the checker has seen. */
  operations = 0;
  /** Faults that were carried out, by kind. */
  readonly faults = new Map<string, number>();
  /** Threads of clients that died, or left in an orderly way. */
  clientDeaths = 0;
  clientsLeft = 0;
  /** KNs that were given up, and of those the ones of which nothing was left in the end. */
  failovers = 0;
  recoveries = 0;
  /** Threads that woke up in the middle of a step after their KN had been given up. */
  zombiesWoken = 0;
  scales = 0;
  snapshots = 0;
  replications = 0;
  /**
   * Records that stores have dropped, which evict; and shared keys that clients have seen dropped.
   */
  evicted = 0;
  keysMissed = 0;
  /** Items that watchers have got. */
  watched = 0;
  /** Commits, reads of all accounts at one moment, and ranges, by all clients. */
  commits = 0;
  sums = 0;
  scans = 0;
  /** Faults in the middle of an atomic commit. */
  commitsHit = 0;
  /**
   * From the failure of a KN being noticed until nothing was left of it: KNs that died, and KNs
   * that stalled.
   */
  readonly deathRecoveryMs: number[] = [];
  /** See {@linkcode deathRecoveryMs}. */
  readonly stallRecoveryMs: number[] = [];
  /**
   * From a fault until an operation that was pending for its KN had ended: KNs that died, where
   * clients help and where not.
   */
  readonly settledHelpedMs: number[] = [];
  /** See {@linkcode settledHelpedMs}. */
  readonly settledUnhelpedMs: number[] = [];
  /** The same for KNs that stalled, or died while another one did. */
  readonly settledAfterStallMs: number[] = [];
  /** What must not be, with the seed of the round. */
  readonly violations: string[] = [];

  /** Counts a fault that was carried out. */
  countFault(name: string): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
  }

  /** Faults that have hit KNs: by their own threads, or by clients that executed for them. */
  get nodeFaults(): number {
    let count = 0;
    for (const [name, times] of this.faults) if (!name.startsWith("client ")) count += times;
    return count;
  }

  /** One line. */
  get progress(): string {
    return [
      `${this.rounds} rounds`,
      `${this.operations} operations`,
      `${this.nodeFaults} faults of KNs`,
      `${this.zombiesWoken} zombies`,
      `${this.clientDeaths} clients died`,
      `${this.violations.length} violations`,
    ].join(", ");
  }

  /** All of it, a line each. */
  get table(): string {
    const faults = [...this.faults].sort().map(([name, count]) => [`  ${name}`, `${count}`]);
    const rows = [
      ["rounds", `${this.rounds}`],
      ["operations checked", `${this.operations}`],
      ["faults of KNs", `${this.nodeFaults}`],
      ...faults,
      ["KNs given up", `${this.failovers}`],
      ["KNs recovered from", `${this.recoveries}`],
      ["zombies that woke up", `${this.zombiesWoken}`],
      ["clients that died", `${this.clientDeaths}`],
      ["clients that left", `${this.clientsLeft}`],
      ["changes of scale", `${this.scales}`],
      ["snapshots", `${this.snapshots}`],
      ["keys given to other KNs", `${this.replications}`],
      ["records evicted", `${this.evicted}`],
      ["shared keys seen evicted", `${this.keysMissed}`],
      ["items told to watchers", `${this.watched}`],
      ["atomic commits and transactions", `${this.commits}`],
      ["  of which faults have hit", `${this.commitsHit}`],
      ["reads of all accounts", `${this.sums}`],
      ["ranges read", `${this.scans}`],
      ["from nodefailed to noderecovered, deaths", timesOf(this.deathRecoveryMs)],
      ["from nodefailed to noderecovered, stalls", timesOf(this.stallRecoveryMs)],
      ["from a death to the end of a pending operation, with help", timesOf(this.settledHelpedMs)],
      ["from a death to the end of a pending operation, without", timesOf(this.settledUnhelpedMs)],
      ["from a stall to the end of a pending operation", timesOf(this.settledAfterStallMs)],
      ["violations", `${this.violations.length}`],
    ];
    const width = Math.max(...rows.map(([name]) => name!.length));
    return rows.map(([name, value]) => `${name!.padEnd(width)}  ${value}`).join("\n");
  }
}

/** Names of faults of KNs, and of clients while they execute for KNs, as they are counted. */
export const FAULT_NAMES: Readonly<Record<number, string>> = {
  [Fault.THROW]: "KN throws",
  [Fault.EXIT]: "KN exits",
  [Fault.STALL]: "KN stalls",
  [Fault.LOOP]: "KN loops",
};

/** See {@linkcode FAULT_NAMES}. */
export const CLIENT_FAULT_NAMES: Readonly<Record<number, string>> = {
  [ClientFault.EXIT]: "client exits",
  [ClientFault.EXIT_HELPING]: "helper exits",
  [ClientFault.THROW_HELPING]: "helper throws",
  [ClientFault.STALL_HELPING]: "helper stalls",
  [ClientFault.THROW]: "client throws",
  [ClientFault.EXIT_COMMITTING]: "helper exits in a commit",
};

function timesOf(times: readonly number[]): string {
  if (times.length === 0) return "none";
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  const ms = (time: number) => `${Math.round(time)} ms`;
  return `median ${ms(at(0.5))}, p99 ${ms(at(0.99))}, max ${ms(sorted.at(-1)!)} (${sorted.length})`;
}
