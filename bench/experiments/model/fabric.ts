/**
 * The network: one port of the DPM, one of each KN, full duplex, and a switch that is never the
 * bottleneck. Clients have as many ports as they need.
 *
 * A message takes half a round trip, and holds the ports at its both ends for its bytes. It passes
 * them at the same time (cut-through), so an idle network costs the time of the bytes once.
 *
 * @module
 */
import type { Process, Simulation } from "../kernel/simulation.ts";
import { Station } from "../kernel/station.ts";
import { COSTS } from "./costs.ts";

const HALF_ROUND_TRIP_US = COSTS.roundTripUs.value / 2;

/** How long the bytes of a message hold a port. */
function transmissionUs(bytes: number): number {
  return (bytes + COSTS.headerBytes.value) / COSTS.linkBytesPerUs.value;
}

/** Both directions of one port. */
export class Port {
  readonly incoming: Station;
  readonly outgoing: Station;

  constructor(simulation: Simulation, name: string) {
    this.incoming = new Station(simulation, `${name}, incoming`, 1);
    this.outgoing = new Station(simulation, `${name}, outgoing`, 1);
  }

  reset(): void {
    this.incoming.reset();
    this.outgoing.reset();
  }
}

/** The DPM's port, and the ways to it. */
export class Fabric {
  readonly dpm: Port;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.dpm = new Port(simulation, "DPM link");
  }

  /**
   * Reads so many bytes of the DPM, one-sidedly: one round trip.
   *
   * @param atDpm called at the moment at which the DPM's memory is read
   */
  *read(node: Port, bytes: number, atDpm?: () => void): Process {
    yield this.#simulation.nowUs + HALF_ROUND_TRIP_US;
    const wireUs = transmissionUs(bytes);
    atDpm?.();
    yield this.dpm.outgoing.serve(Math.max(wireUs, COSTS.readVerbUs.value));
    yield node.incoming.follow(wireUs) + HALF_ROUND_TRIP_US;
  }

  /**
   * Writes so many bytes to the DPM: one round trip, like a compare-and-swap, which is 8 bytes.
   *
   * @param atDpm called at the moment at which the DPM's memory is changed
   */
  *write(node: Port, bytes: number, atDpm?: () => void): Process {
    const wireUs = transmissionUs(bytes);
    yield node.outgoing.serve(wireUs) + HALF_ROUND_TRIP_US;
    yield this.dpm.incoming.follow(Math.max(wireUs, COSTS.writeVerbUs.value));
    atDpm?.();
    yield this.#simulation.nowUs + HALF_ROUND_TRIP_US;
  }

  /** Sends so many bytes from a client to a KN. */
  *fromClient(node: Port, bytes: number): Process {
    yield this.#simulation.nowUs + HALF_ROUND_TRIP_US;
    yield node.incoming.serve(transmissionUs(bytes));
  }

  /** Sends so many bytes from a KN to a client. */
  *toClient(node: Port, bytes: number): Process {
    yield node.outgoing.serve(transmissionUs(bytes)) + HALF_ROUND_TRIP_US;
  }
}
