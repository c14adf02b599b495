/**
 * The sessions of all peers that take part, and the interleaving of their repetitions: A B C A B C.
 * A disturbance of the machine then meets all peers, and not only the one that was running.
 *
 * A peer that fails is reported with its reason and takes no further part; the others go on.
 *
 * @module
 */
import type { RepetitionFigures } from "../measure/repetition.ts";
import { median } from "../measure/statistics.ts";
import type { Plan, SectionId } from "../options.ts";
import type { Dataset } from "../peers/peer.ts";
import type { Omission, Row } from "../report/results.ts";
import type { Workload } from "../workloads/workload.ts";
import type { PeerDescription, Session } from "./session.ts";

type Schedule = Pick<Plan, "repetitionCount" | "repetitionMs" | "warmUpMs">;

export class SessionGroup {
  readonly omissions: Omission[] = [];
  #sessions: Session[] = [];

  /** Starts a session per peer; those that cannot run here become omissions. */
  static async start(
    peerIds: readonly string[],
    startSession: (peerId: string) => Promise<Session>,
  ): Promise<SessionGroup> {
    const group = new SessionGroup();
    for (const peer of peerIds) {
      try {
        group.#sessions.push(await startSession(peer));
      } catch (error) {
        group.omissions.push({ peer, reason: firstLine(error) });
      }
    }
    return group;
  }

  get peers(): PeerDescription[] {
    return this.#sessions.map((session) => session.peer);
  }

  /** Opens and loads the dataset at every peer, runs the workloads one by one, closes. */
  async measure(
    section: SectionId,
    dataset: Dataset,
    workloads: readonly Workload[],
    schedule: Schedule,
    progress: (line: string) => void,
  ): Promise<Row[]> {
    const { keyCount, valueBytes } = dataset;
    progress(`${section}: loading ${keyCount} records of ${valueBytes} bytes`);
    await this.#forEach(this.#sessions, "loading", (session) => session.open(dataset));
    const rows: Row[] = [];
    for (const workload of workloads) {
      progress(`${section}: ${workload.title}, values of ${valueBytes} bytes`);
      for (const [session, repetitions] of await this.#runInterleaved(workload, schedule)) {
        rows.push({
          section,
          workload: workload.id,
          workloadTitle: workload.title,
          peer: session.peer.id,
          valueBytes,
          keyCount,
          ...mediansOf(repetitions),
          repetitions,
        });
      }
    }
    await this.#forEach(this.#sessions, "closing", (session) => session.close());
    return rows;
  }

  async end(): Promise<void> {
    await this.#forEach(this.#sessions, "ending", (session) => session.end());
  }

  async #runInterleaved(
    workload: Workload,
    { repetitionCount, repetitionMs, warmUpMs }: Schedule,
  ): Promise<Map<Session, RepetitionFigures[]>> {
    const able = this.#sessions.filter((session) =>
      session.peer.supports.sync || !workload.needsSync
    );
    for (const session of this.#sessions) {
      if (!able.includes(session)) {
        this.#omit({
          peer: session.peer.id,
          workload: workload.id,
          reason: "has no synchronous calls",
        });
      }
    }
    const figures = new Map<Session, RepetitionFigures[]>();
    await this.#forEach(able, workload.id, (session) => session.run(workload.id, warmUpMs));
    for (let repetition = 0; repetition < repetitionCount; repetition++) {
      await this.#forEach(able, workload.id, async (session) => {
        const measured = await session.run(workload.id, repetitionMs);
        figures.set(session, [...figures.get(session) ?? [], measured]);
      });
    }
    return figures;
  }

  /** Calls the sessions that still take part, in turn. */
  async #forEach(
    sessions: Session[],
    step: string,
    action: (session: Session) => Promise<unknown>,
  ): Promise<void> {
    for (const session of sessions.filter((session) => this.#sessions.includes(session))) {
      try {
        await action(session);
      } catch (error) {
        this.#sessions = this.#sessions.filter((other) => other !== session);
        this.#omit({ peer: session.peer.id, workload: step, reason: firstLine(error) });
        await session.end().catch(() => {});
      }
    }
  }

  /** The same omission on another dataset is not repeated. */
  #omit(omission: Omission): void {
    const known = this.omissions.some(({ peer, workload }) =>
      peer === omission.peer && workload === omission.workload
    );
    if (!known) this.omissions.push(omission);
  }
}

function mediansOf(
  repetitions: RepetitionFigures[],
): Pick<Row, "operationsPerSecond" | "latency"> {
  const latencies = repetitions.flatMap(({ latency }) => latency ?? []);
  const throughput = median(repetitions.map((figures) => figures.operationsPerSecond));
  if (latencies.length === 0) return { operationsPerSecond: throughput };
  return {
    operationsPerSecond: throughput,
    latency: {
      p50Us: median(latencies.map(({ p50Us }) => p50Us)),
      p99Us: median(latencies.map(({ p99Us }) => p99Us)),
    },
  };
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0];
}
