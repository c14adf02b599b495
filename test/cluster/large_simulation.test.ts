/**
 * Records that are larger than a batch may be among small ones, in nodes that keep their index in
 * the engine, over a simulated one, in simulated time, with everything that goes wrong there.
 * Messages are tiny, so that a third of the values has one to itself; servers take no longer ones.
 * What clients see is linearizable, and each message is as it may be.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ALONE_PLACE, decodeEntry, recordBytes } from "../../lib/cluster/messages/log_codec.ts";
import { logStream } from "../../lib/cluster/node/log_streams.ts";
import { SHARE_COUNT } from "../support/campaign.ts";
import {
  ALL_NEMESES,
  LATE_FAULTS,
  SimCluster,
  type SimPlan,
  USUAL_FAULTS,
} from "../support/cluster/sim_cluster.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

/** Records of a batch have 200 bytes together, and one has up to 1,000. */
const LIMITS = { batchBytes: 200, recordBytes: 1000 };
/** Less than that, by the key and the header. */
const LARGE_BYTES = 940;
const INDEX = {
  cacheBytes: 3000,
  pageBytes: 120,
  checkpointMs: 300,
  tailBytes: 1000,
  cleaning: { ratio: 1, slackBytes: 0, share: 0.5 },
  // Reads wait for each other.
  readBytes: 4000,
};

/** Messages of several records, of one that is large, and of one that is large and was moved. */
interface Messages {
  several: number;
  alone: number;
  moved: number;
}

/** Looks at all messages that were ever stored in the logs. */
function look(made: SimCluster, seen: Messages): void {
  for (const node of made.nodes.keys()) {
    for (const { body } of made.engine.messagesOf(logStream(node))) {
      const entry = decodeEntry(body);
      if (entry.kind === "own") continue;
      const { records, places, kind } = entry;
      const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0);
      const isAlone = places[0] === ALONE_PLACE;
      assert.is(isAlone, bytes > LIMITS.batchBytes, `${records.length} records, ${bytes} bytes`);
      assert.ok(!isAlone || records.length === 1, "a large record is alone");
      if (records.length > 1) seen.several += 1;
      if (isAlone && kind === "batch") seen.alone += 1;
      if (isAlone && kind === "moved") seen.moved += 1;
    }
  }
}

function check(runs: number, planOf: (seed: number) => SimPlan): void {
  const seen = { several: 0, alone: 0, moved: 0 };
  const counts: number[] = [];
  forEachSeed(runs, (seed) => {
    const made = new SimCluster({
      limits: LIMITS,
      largeBytes: LARGE_BYTES,
      partsOf: () => ({ index: INDEX }),
      keyCount: 8,
      ...planOf(seed),
    });
    made.runAll();
    const { violation, failures, unserved, overlong, answeredCount } = made.result();
    assert.is(violation, undefined);
    assert.equal(failures, []);
    assert.equal(unserved, [], "keys without an owner after the faults have ended");
    assert.equal(overlong, [], "messages that servers do not take");
    const { readBytesMost } = made.engine;
    assert.ok(readBytesMost <= INDEX.readBytes, `${readBytesMost} bytes are read at a time`);
    look(made, seen);
    counts.push(answeredCount);
  });
  const answered = counts.reduce((sum, count) => sum + count, 0);
  const isEnough = answered > 50 * counts.length && seen.alone > 5 * counts.length;
  const isVaried = seen.several > 0 && seen.moved > 0;
  const isCampaign = SHARE_COUNT === 1;
  const said = JSON.stringify({ runs: counts.length, answered, ...seen });
  assert.ok(counts.length < 2 || isEnough && (isVaried || !isCampaign), said);
}

test("what clients see is linearizable where a third of the values is large", () => {
  check(8, (seed) => ({ seed, faults: USUAL_FAULTS, nemeses: ALL_NEMESES, clientCount: 6 }));
});

test("slots that move and owners that come back find what is theirs, large or not", () => {
  const nemeses = ["move", "interrupt", "lag", "leave", "kill"] as const;
  const plan = { nodeCount: 2, keyCount: 8, faults: LATE_FAULTS, nemeses, clientCount: 6 };
  check(8, (seed) => ({ seed, ...plan }));
});

test("large values that expire are not found again", () => {
  check(4, (seed) => ({ seed, faults: USUAL_FAULTS, nemeses: ["move", "kill"], expires: true }));
});

test.run();
