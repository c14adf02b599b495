/**
 * A client keeps the order of its calls, whatever its carrier does: lanes that are full or gone,
 * slots that move, executors that die, answers that come while it waits for room, and calls that
 * are issued meanwhile (I4). Each call ends once (I5), everything ends when the carrier goes on,
 * and what waits for the end of others waits for it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OrderWorld } from "../support/client_order/order_world.ts";
import { forEachSeedInTurn } from "../support/sim_seeds.ts";

const SEED_COUNT = 600;
const STEPS = 50;
/** Calls that a seed has executed, at least, on average. */
const EXECUTED_MIN = 20;

test("what is executed of a slot is executed in the order of the calls", async () => {
  let executed = 0;
  const seeds = await forEachSeedInTurn(SEED_COUNT, async (seed) => {
    const world = new OrderWorld(seed);
    await world.run(STEPS);
    executed += world.executed.count;
  });
  assert.ok(executed > (seeds === 1 ? 0 : EXECUTED_MIN * seeds), `${executed} of ${seeds} seeds`);
});

test.run();
