/**
 * Planted bugs in loads of missing values.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const API = "test/api/single_flight.test.ts";
const UNIT = "test/unit/load_leases.test.ts";
const FLIGHT = "lib/store/writes/single_flight.ts";
const LEASES = "lib/routing/load_leases.ts";

/** Bugs by which a value is loaded twice, or never. */
export const LOAD_BUGS: readonly PlantedBug[] = [
  {
    name: "a thread loads what another one has loaded before it had the lease",
    breaks: "I4",
    file: FLIGHT,
    edits: [[
      "try {\n      const entry = await this.#reads.getEntry(key);\n      if (entry !== undefined && !isStale(entry, plan)) return entry.value;\n",
      "try {\n",
    ]],
    caughtBy: [API],
  },
  {
    name: "a lease is given back before the value is stored",
    breaks: "I4",
    file: FLIGHT,
    edits: [[
      "await this.#writes.put(key, value, plan.putOptions);",
      "if (isLeased) this.#leases.give(hash); isLeased = false; await this.#writes.put(key, value, plan.putOptions);",
    ]],
    caughtBy: [API],
  },
  {
    name: "a load that fails keeps its lease",
    breaks: "I4",
    file: FLIGHT,
    edits: [[
      "} finally {\n      if (isLeased)",
      "} finally {\n      if (isLeased && await this.#reads.has(key))",
    ]],
    caughtBy: [API],
  },
  {
    name: "a thread that waits does not ask whether the other one still runs",
    breaks: "I4",
    file: LEASES,
    edits: [["return asks && hasThreadEnded(", "return asks && false && hasThreadEnded("]],
    caughtBy: [UNIT],
  },
  {
    name: "a lease is that of whatever client has the place",
    breaks: "I4",
    file: LEASES,
    edits: [["(clientLife(pool, client) << LIFE_SHIFT);", "(0 * clientLife(pool, client));"], [
      "if (clientLife(pool, client) !== owner >>> LIFE_SHIFT) return true;",
      "",
    ]],
    caughtBy: [UNIT],
  },
  {
    name: "a client takes the lease of another one without looking whether it is there still",
    breaks: "I4",
    file: LEASES,
    edits: [[
      "if (Atomics.compareExchange(this.#words, at + OWNER, owner, this.#name) === owner) {\n        return true;\n      }",
      "Atomics.store(this.#words, at + OWNER, this.#name); return true;",
    ]],
    caughtBy: [UNIT],
  },
  {
    name: "a namespace does not know of the loads of its store",
    breaks: "I4",
    file: "lib/store/operations/key_access.ts",
    edits: [[
      ": outer.flights.within(parts, reads, this.writes);",
      ": new SingleFlight(parts, reads, this.writes);",
    ]],
    caughtBy: [API],
    inTest: "namespaces share loads",
  },
];
