/**
 * What is compared: a store of a cluster whose keys this process owns, one whose keys another
 * process owns, and the key-value store of JetStream itself, on the same three servers; and Valkey,
 * if it is there.
 *
 * @module
 */
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { type ClusterOptions, open, type Store } from "../../mod.ts";
import { ClusterProcess } from "../../scripts/cluster_process.ts";
import { THIS_RUNTIME } from "../../scripts/runtimes.ts";
import type { Contestant } from "./contestant.ts";
import { startValkeys } from "./valkey.ts";

export const LEASE_MS = 3000;
export const NAMES = ["own keys", "keys of another process", "JetStream KV"] as const;

/** Starts all of them. */
export async function startField(servers: readonly string[]): Promise<Contestant[]> {
  const options = (name: string, node: boolean): ClusterOptions => ({
    servers,
    name,
    node,
    leaseMs: LEASE_MS,
  });
  const owner = await open<string>({ cluster: options("own", true) });
  const other = await ClusterProcess.start(options("other", true), THIS_RUNTIME);
  const asking = await open<string>({ cluster: options("other", false) });
  return [
    ofStore(NAMES[0], owner, () => owner.close()),
    ofStore(NAMES[1], asking, () => asking.close().then(() => other.close())),
    await jetStream(servers),
    ...await startValkeys(),
  ];
}

function ofStore(name: string, store: Store<string>, close: () => Promise<void>): Contestant {
  return { name, get: (key) => store.get(key), put: (key, value) => store.put(key, value), close };
}

/** As the client's package for it does it: a subject for each key, whose last message counts. */
async function jetStream(servers: readonly string[]): Promise<Contestant> {
  const connection = await connect({ servers: [...servers] });
  const manager = await jetstreamManager(connection);
  const client = jetstream(connection);
  const name = "KV_bench";
  await manager.streams.add({
    name,
    subjects: ["$KV.bench.>"],
    num_replicas: 3,
    max_msgs_per_subject: 1,
    allow_direct: true,
  });
  const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
  const subject = (key: string) => `$KV.bench.${key}`;
  return {
    name: NAMES[2],
    get: async (key) => {
      const found = await manager.direct.getMessage(name, { last_by_subj: subject(key) });
      return found === null ? undefined : decoder.decode(found.data);
    },
    put: (key, value) => client.publish(subject(key), encoder.encode(value)),
    close: () => connection.close(),
  };
}
