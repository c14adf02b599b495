/**
 * Readers against a segment that is freed by one KN and reused by another: at every access of the
 * first one's step the other one makes its own, and readers are let loose on the recording of both.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { GENERATIONS } from "../../lib/pool/control_layout.ts";
import { Random } from "../support/random.ts";
import { interruptAt, SimDuel } from "../support/sim_duel.ts";
import { Trajectory } from "../support/sim_trajectory.ts";
import { TrajectoryReaders } from "../support/sim_trajectory_readers.ts";

/** Three records fill a segment. */
const VALUE_BYTES = 1200;
const RECORDS_PER_SEGMENT = 3;
/** More accesses than a step makes. */
const ACCESSES_MAX = 500;

/**
 * A store in which the next put of the first KN frees a segment, and the other KN has none open.
 */
function prepared(): SimDuel {
  const duel = new SimDuel();
  for (let i = 0; i < RECORDS_PER_SEGMENT; i++) duel.put(duel.models[0]!, VALUE_BYTES);
  duel.drain();
  duel.put(duel.models[0]!, VALUE_BYTES);
  for (let i = 0; i < RECORDS_PER_SEGMENT; i++) duel.put(duel.models[8]!, VALUE_BYTES);
  duel.client.flush();
  return duel;
}

test("a read returns no record of a segment's next life", () => {
  let reuses = 0;
  for (let at = 0, isOver = false; !isOver; at++) {
    assert.ok(at < ACCESSES_MAX, "the step ends");
    const duel = prepared();
    const trajectory = new Trajectory(duel.pool, duel.slots, duel.models, 0);
    const first = () => void duel.nodes[0]!.doWork();
    const second = () => void duel.nodes[1]!.doWork();
    isOver = !interruptAt(at, first, second, (isWrite) => isWrite && trajectory.record(0));
    reuses += duel.pool.control[GENERATIONS];
    duel.finish();
    new TrajectoryReaders(trajectory, new Random(at)).readWithOneLeap(0);
  }
  assert.ok(reuses > 0, "the first segment was reused");
});

test.run();
