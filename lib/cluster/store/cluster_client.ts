/**
 * The client of an application thread in a cluster.
 *
 * @module
 */
import { Client } from "../../client/client.ts";
import { ArrivalWaiter } from "../../gateway/remote_client.ts";
import { ClusterCarrier, type ClusterCarrierOptions } from "../client/cluster_carrier.ts";
import { PLAIN_MESSAGE_BYTES_MAX } from "../messages/message_limits.ts";
import { clientSegmentBytes } from "../network/record_sizes.ts";

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
 * @param way how nodes are reached, and by which clock they are waited for
 */
export function makeClusterClient(
  { messageBytes = PLAIN_MESSAGE_BYTES_MAX, secret, tls }:
    & Pick<ClusterCarrierOptions, "secret" | "tls">
    & { readonly messageBytes?: number | undefined },
  way: Pick<ClusterCarrierOptions, "clock" | "connect" | "lentCopies">,
): ClusterClient {
  const waiter = new ArrivalWaiter();
  const segmentBytes = clientSegmentBytes(messageBytes);
  return new Client({
    segmentBytes,
    room: {
      name: `the ${segmentBytes} bytes that the cluster takes`,
      advice: "a cluster takes larger ones, up to 8 MiB, that is made on servers of NATS with a " +
        "larger max_payload",
    },
    clientId: UNSIGNED,
    waiter,
    onFlush: () => {},
    onBlocked: () => {},
    carry: (_inFlight, ends) =>
      new ClusterCarrier(ends, {
        ...way,
        secret,
        tls,
        messageBytes,
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
