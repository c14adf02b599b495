/**
 * Has the server lead a stream that its writer is connected to. An append goes from there to the
 * other servers; through one that does not lead the stream it would go to the leader first, and its
 * answer come back the same way.
 *
 * It decides nothing: while a stream changes its leader, appends may be lost and conditions may not
 * hold, as at any other time (log_engine.ts). Servers that do not allow it leave all as it is.
 *
 * @module
 */
import type { StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { monotonicMs, sleep } from "../../platform/runtime.ts";

/** Until the next look at who leads, at first: servers agree on that in 20 to 60 milliseconds. */
const LOOK_MS = 10;
/** Later on: a server that was gone catches up first. */
const LATE_LOOK_MS = 1000;
/** A server answers nothing about a stream that nobody leads. */
const ANSWER_MS_MAX = 100;

/**
 * Ends when the server of a connection leads a stream, or is not going to, or need not, or after so
 * many milliseconds: it may have to catch up first.
 */
export async function leadHere(
  connection: NatsConnection,
  stream: string,
  msMax: number,
  signal: AbortSignal,
): Promise<void> {
  let isAsked = false;
  let lookMs = LOOK_MS;
  const endMs = monotonicMs() + msMax;
  while (monotonicMs() < endMs && !connection.isClosed() && !signal.aborted) {
    const server = connection.info?.server_name;
    const cluster = await clusterOf(connection, stream);
    if (cluster !== undefined) {
      const here = cluster.replicas?.find(({ name }) => name === server);
      // It leads already, or keeps no replica.
      if (here === undefined) return;
      if (here.current && !isAsked && !signal.aborted) {
        isAsked = true;
        const placement = { preferred: server };
        await ask(connection, `STREAM.LEADER.STEPDOWN.${stream}`, { placement });
      }
    }
    await sleep(lookMs, { keepsAlive: false, signal });
    lookMs = Math.min(1.5 * lookMs, LATE_LOOK_MS);
  }
}

/** Who keeps a stream; undefined while nobody says so. */
async function clusterOf(connection: NatsConnection, stream: string) {
  const info = await ask<Pick<StreamInfo, "cluster">>(connection, `STREAM.INFO.${stream}`);
  return info === undefined ? undefined : info.cluster ?? {};
}

/** Asks the interface of JetStream; undefined when there is no answer. */
async function ask<T>(
  connection: NatsConnection,
  subject: string,
  body?: object,
): Promise<T | undefined> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  try {
    const answer = await connection.request(`$JS.API.${subject}`, payload, {
      timeout: ANSWER_MS_MAX,
    });
    return answer.json<T>();
  } catch {
    return undefined;
  }
}
