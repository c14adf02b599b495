/**
 * The cost model: every constant that turns work into virtual time, with its source. The page of
 * the documentation prints this table, so there is no other place for a cost. Constants that were
 * measured here are in measured_costs.ts.
 *
 * @module
 */
import { MEASURED_NS, MEASURED_ON } from "./measured_costs.ts";

/** A constant of the model. */
export interface Cost {
  readonly value: number;
  readonly unit: string;
  readonly what: string;
  readonly source: string;
}

const PAPER = "the setting of the paper's evaluation";
const DINOMO_CONFIG = "utsaslab/dinomo, conf/dinomo-base.yml";
const CLOVER_PARAMETERS = "utsaslab/dinomo, include/clover/mitsume_parameter.h";
const HERD =
  "Kalia et al. (HERD), SIGCOMM '14, on NICs of this generation (ConnectX-3); its abstract has the 26 M/s";
const MEASURED = `measured by \`npm run experiments:calibrate\`: ${MEASURED_ON}`;

const measured = (name: keyof typeof MEASURED_NS, what: string): Cost => ({
  value: MEASURED_NS[name] / 1000,
  unit: "us",
  what,
  source: MEASURED,
});

export const COSTS = {
  roundTripUs: {
    value: 2,
    unit: "us",
    what: "round trip over the fabric, without its bytes; between KN and DPM, KN and client",
    source: `${PAPER}; 2 us below 1 KiB in Clover's own estimate (mitsume_con_thread.cc)`,
  },
  linkBytesPerUs: {
    value: 7000,
    unit: "B/us",
    what: "bandwidth of each port, in each direction: 56 Gbit/s",
    source: PAPER,
  },
  headerBytes: {
    value: 42,
    unit: "B",
    what: "headers of one message: LRH, BTH, RETH, and both checksums",
    source: "InfiniBand Architecture Specification, volume 1",
  },
  readVerbUs: {
    value: 1 / 26,
    unit: "us",
    what: "the DPM's NIC for one read, however small: 26 million per second",
    source: HERD,
  },
  writeVerbUs: {
    value: 1 / 35,
    unit: "us",
    what: "the DPM's NIC for one write or compare-and-swap, however small: 35 million per second",
    source: `${HERD}; atomics are slower, which is left out in Clover's favour`,
  },
  threadsPerNode: {
    value: 8,
    unit: "threads",
    what: "of one KN, each the only one for its share of the KN's slots (Clover: any for any key)",
    source: `${DINOMO_CONFIG} (memory: 8); MITSUME_CLT_CONSUMER_NUMBER in ${CLOVER_PARAMETERS}`,
  },
  dpmProcessors: {
    value: 4,
    unit: "threads",
    what: "of the DPM, which merge logs into the index",
    source: `${DINOMO_CONFIG} (storage: 4)`,
  },
  metadataRequestUs: {
    value: 6 / 26,
    unit: "us",
    what: "a thread of Clover's metadata server for one request and its reply: 26 M/s with 6 cores",
    source: `${HERD}: the best published for them; Clover's is not published`,
  },
  shortSleepUs: {
    value: 54,
    unit: "us",
    what:
      "a sleep of 4 us, as a collector of that server does for each 64 buffers that it recycles",
    source:
      "mitsume_con_thread.cc: two round trips; PR_SET_TIMERSLACK(2const): timers are up to 50 us late by default, and mostly are",
  },
  memoryAccessUs: {
    value: 0.1,
    unit: "us",
    what: "a load from memory that depends on the one before, in that server's tables",
    source: "Izraelevitz et al., arXiv:1903.05714: 101 ns, random, DRAM",
  },
  valueReadUs: measured(
    "valueRead",
    "a KN's thread for a read of a cached value, from request to answer",
  ),
  shortcutReadUs: measured(
    "shortcutRead",
    "the same by a cached shortcut, without the round trip; and for every operation of Clover",
  ),
  logReadUs: measured("logRead", "the same, of a record that is logged and not merged"),
  missReadUs: measured("missRead", "the same through the index, without the round trips"),
  writeUs: measured("write", "the same for an update or insert, with its share of logging it"),
  mergeUs: measured("merge", "a DPM processor for merging one record into the index"),
} as const satisfies Record<string, Cost>;
