/**
 * The client of an application thread in a cluster.
 *
 * @module
 */
import { Client } from "../../client/client.ts";
import { ArrivalWaiter } from "../../gateway/remote_client.ts";
import { ClusterCarrier, type ClusterCarrierOptions } from "../client/cluster_carrier.ts";
import { connectTcp } from "../network/node_link.ts";
import { RUNTIME_CLOCK } from "../node/cluster_clock.ts";
import { CLUSTER_SEGMENT_BYTES } from "../network/record_sizes.ts";

/** Such a client. */
export type ClusterClient = Client<ClusterCarrier>;

/** Records are signed by sessions. */
const UNSIGNED = 0;
/** Bits of the two halves of a session's number. */
const HIGH_BITS = 21;
const HIGH = 2 ** 32;

/**
 * Makes a client that knows no owner yet.
 *
 * @param way how nodes are reached, and by which clock they are waited for; for tests
 */
export function makeClusterClient(
  trust: Pick<ClusterCarrierOptions, "secret" | "tls">,
  way: Pick<ClusterCarrierOptions, "clock" | "connect"> = {
    clock: RUNTIME_CLOCK,
    connect: connectTcp,
  },
): ClusterClient {
  const waiter = new ArrivalWaiter();
  return new Client({
    segmentBytes: CLUSTER_SEGMENT_BYTES,
    clientId: UNSIGNED,
    waiter,
    onFlush: () => {},
    onBlocked: () => {},
    carry: (_inFlight, ends) =>
      new ClusterCarrier(ends, {
        ...way,
        ...trust,
        makeSession,
        onArrival: () => waiter.arrive(),
        onClose: () => waiter.end(),
      }),
  });
}

/** A random number of 53 bits, which no session has had. */
function makeSession(): number {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2));
  return (high! >>> (32 - HIGH_BITS)) * HIGH + low! || makeSession();
}
