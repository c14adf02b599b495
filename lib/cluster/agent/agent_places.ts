/**
 * Where an agent connects to, and where it listens.
 *
 * @module
 */
import type { Server } from "node:net";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import { InvalidOptionError, UnavailableError } from "../../core/errors.ts";
import { connectJetStream, type JetStreamOptions, type ServedEngine } from "../engine/jetstream.ts";
import { isRefusal } from "../engine/nats_access.ts";
import { listenTcp } from "../network/node_server.ts";

/**
 * Connects to the servers.
 *
 * @throws {UnavailableError} when none can be reached
 * @throws {InvalidOptionError} when they refuse this process, an address is none, or packages are
 *   missing
 */
export async function connectEngine(options: JetStreamOptions): Promise<ServedEngine> {
  const { servers } = options;
  try {
    return await connectJetStream(options);
  } catch (cause) {
    if (isMissing(cause)) throw notInstalled(cause);
    if (isRefusal(cause)) {
      throw new InvalidOptionError(
        `cluster.nats must be what the servers of NATS take: ${String(cause)}`,
        { cause },
      );
    }
    const message = `cluster.servers must name a server of NATS that can be reached, got ${
      JSON.stringify(servers)
    }: ${String(cause)}`;
    throw isNoAddress(cause)
      ? new InvalidOptionError(message, { cause })
      : new UnavailableError(message, { cause });
  }
}

/** Whether the client of NATS could not even try: it throws what the parser of URLs does. */
function isNoAddress(cause: unknown): boolean {
  return cause instanceof TypeError || (cause as Error).name === "InvalidArgumentError";
}

/** Whether a package could not be found. */
function isMissing(cause: unknown): boolean {
  const { code, name, message = "" } = cause as { code?: string; name?: string; message?: string };
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" ||
    name === "ResolveMessage" || /@nats-io\/.*not (?:found|in|a dependency)/.test(message);
}

function notInstalled(cause: unknown): InvalidOptionError {
  return new InvalidOptionError(
    "cluster must be used where the packages of NATS are installed: " +
      "npm install @nats-io/transport-node @nats-io/jetstream",
    { cause },
  );
}

/**
 * Listens for application threads.
 *
 * @throws {InvalidOptionError} when this process may not listen there
 */
export async function listenForThreads(
  host: string,
  port: number,
  tls: TlsIdentity | undefined,
): Promise<Server> {
  try {
    return await listenTcp(host, port, tls);
  } catch (cause) {
    throw new InvalidOptionError(
      `cluster.host and cluster.port must be where this process may listen, got ${host}:${port}: ${
        String(cause)
      }`,
      { cause },
    );
  }
}
