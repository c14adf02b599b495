/**
 * Hosts of a pool that other processes use end at any call of the file system, by a kill, a loss of
 * power, or a close, and others follow. Each process is told of each request what has become of it,
 * and sends again what was not applied: each is applied once.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { type Ending, SessionWorld } from "../support/session_world.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const SEED_COUNT = Number(process.env["DINOMO_SESSION_SEEDS"] ?? 120);
const IS_REPLAY = (process.env["DINOMO_SEED"] ?? "") !== "";
const LIVES = 6;

function testEndings(name: string, level: number, endings: readonly Ending[], share: number): void {
  test(name, () => {
    let [found, resent, applied] = [0, 0, 0];
    forEachSeed(Math.ceil(SEED_COUNT * share), (seed) => {
      const world = new SessionWorld(seed, level);
      world.live(endings, LIVES);
      found += world.seen.found;
      resent += world.seen.resent;
      applied += world.history.appliedCount;
    });
    assert.ok(IS_REPLAY || (found > 0 && resent > 0), `${found} found, ${resent} resent`);
    assert.ok(applied > 0);
  });
}

const { OS, DISK } = DurabilityLevel;

test("hosts take over a pool that was restored ahead, with its sessions", () => {
  let [found, resent, takenOver] = [0, 0, 0];
  forEachSeed(Math.ceil(SEED_COUNT * 0.1), (seed) => {
    const world = new SessionWorld(seed, [OS, DISK][seed % 2]!, true);
    world.live(["kill", "close"], LIVES);
    found += world.seen.found;
    resent += world.seen.resent;
    takenOver += world.standby!.takenOver;
  });
  const says = `${found} found, ${resent} resent, ${takenOver} taken over`;
  assert.ok(IS_REPLAY || (found > 0 && resent > 0 && takenOver > 0), says);
});

testEndings("hosts are killed at level os", OS, ["kill"], 0.4);
testEndings("hosts are killed or closed at level os", OS, ["kill", "close"], 0.2);
testEndings("the power goes at level disk", DISK, ["power", "kill", "close"], 0.4);

test.run();
