/**
 * Whether the nodes of a cluster and this process trust each other: looked at before the process
 * joins, since nobody would reach the slots of a node that others do not trust.
 *
 * @module
 */
import type { AddressInfo, Server } from "node:net";
import { UntrustedNodeError } from "../../core/cluster_errors.ts";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import { InvalidOptionError } from "../../core/errors.ts";
import { settlesWithin } from "../../platform/settles_within.ts";
import { PLAIN_MESSAGE_BYTES_MAX } from "../messages/message_limits.ts";
import { type Connect, connectTcp, type LinkFailure, NodeLink } from "../network/node_link.ts";

/** How this process shows who it is. */
export interface OwnTrust {
  readonly secret: string | undefined;
  readonly tls: TlsIdentity | undefined;
}

/** A node that does not answer for so long may have ended: it is not waited for. */
const ANSWER_MS_MAX = 3000;
/** The number of a session that sends nothing. */
const NO_REQUESTS = 1;

/**
 * Connects to all nodes, once.
 *
 * @throws {UntrustedNodeError} when one of them does not trust this process, or is not trusted
 */
export async function assertTrusted(
  addresses: ReadonlyMap<number, string>,
  trust: OwnTrust,
): Promise<void> {
  await Promise.all(
    [...addresses].map(async ([node, address]) => {
      const failure = await tryNode(node, address, trust, connectTcp);
      if (failure?.isDistrust !== true) return;
      throw new UntrustedNodeError(
        `node ${node} at ${address} and this process must trust each other: ${failure.reason}`,
      );
    }),
  );
}

/**
 * Connects to a node of this process as others will, if connections are encrypted.
 *
 * @throws {InvalidOptionError} when they would not trust it
 */
export async function assertTrustworthy(
  node: number,
  address: string,
  listener: Server,
  trust: OwnTrust,
): Promise<void> {
  if (trust.tls === undefined) return;
  const { address: host, port } = listener.address() as AddressInfo;
  const reached = ({ "0.0.0.0": "127.0.0.1", "::": "::1" } as Record<string, string>)[host] ?? host;
  const connect: Connect = (_host, _port, tls) => connectTcp(reached, port, tls);
  const failure = await tryNode(node, address, trust, connect);
  if (failure?.isDistrust !== true) return;
  throw new InvalidOptionError(
    "cluster.tls must be what other processes trust, for the host at which they reach this one, " +
      `${address}: ${failure.reason}`,
  );
}

/** Connects; undefined if the node takes requests, or if it is not known. */
async function tryNode(
  node: number,
  address: string,
  { secret, tls }: OwnTrust,
  connect: Connect,
): Promise<LinkFailure | undefined> {
  let link: NodeLink | undefined;
  const tried = new Promise<LinkFailure | undefined>((resolve) => {
    link = new NodeLink({
      connect,
      address,
      node,
      session: NO_REQUESTS,
      number: 0,
      secret,
      tls,
      messageBytes: PLAIN_MESSAGE_BYTES_MAX,
      ends: { onOpen: () => resolve(undefined), onAnswers() {}, onCall() {}, onEnd: resolve },
    });
  });
  const hasAnswered = await settlesWithin(tried, ANSWER_MS_MAX);
  link?.close();
  return hasAnswered ? await tried : undefined;
}
