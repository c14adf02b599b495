/**
 * Processes of all runtimes use a pool while its host is killed, closed or stopped: nothing is
 * lost, nothing applied twice, and no operation fails for it. `npm run chaos:processes` does it for
 * as long as one likes.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { runProcessesChaos } from "../support/processes_chaos.ts";
import { seeded } from "../support/random.ts";

const FAULTS = 3 * Math.max(1, CAMPAIGN_FACTOR);
const PROCESSES = 3;

test(
  "processes whose host ends go on, and everything is applied once",
  seeded(async (random) => {
    const options = { random, faults: FAULTS, runtimes: RUNTIMES, processes: PROCESSES };
    const { wrong, answered } = await runProcessesChaos(options);
    assert.equal(wrong.slice(0, 10), []);
    assert.ok(answered > 0);
  }),
);

test.run();
