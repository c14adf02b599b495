/**
 * The client of a thread in the process that has the pool: rings carry its requests.
 *
 * @module
 */
import type { Pool } from "../pool/pool.ts";
import { Client, type ClientOptions } from "./client.ts";
import type { RingWaiter } from "./client_waiter.ts";
import { RingCarrier } from "./ring_carrier.ts";

/** Such a client. */
export type RingClient = Client<RingCarrier>;

/** What it is made of. */
export interface RingClientOptions
  extends Omit<ClientOptions<RingCarrier>, "carry" | "segmentBytes"> {
  readonly pool: Pool;
  /** Decides how to wait; the tests' waiter runs the KNs instead. */
  readonly waiter: RingWaiter;
}

/** Makes a client without connections. */
export function makeRingClient(options: RingClientOptions): RingClient {
  const { pool, clientId, waiter } = options;
  return new Client({
    ...options,
    segmentBytes: pool.geometry.segmentBytes,
    carry: (inFlight, ends) =>
      new RingCarrier(pool, inFlight, ends, clientId, (producer) => waiter.waitSync(producer)),
  });
}
