/**
 * Takeovers, explored: hosts die and connections are cut at any step, and each request is applied
 * once, in its order, and told so.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { defineExploredTests } from "../support/explorer.ts";
import type { OperationKind, ScriptedOperation } from "../support/takeover_operations.ts";
import { checkTakeover } from "../support/takeover_rules.ts";
import { type TakeoverBounds, TakeoverWorld } from "../support/takeover_world.ts";

type Limits = Partial<Omit<TakeoverBounds, "scripts">>;

/** Scripts as "put, add b | delete": operations of processes, on key "a" if they name none. */
function bounds(scripts: string, limits: Limits): TakeoverBounds {
  return {
    scripts: scripts.split("|").map((script) => script.split(",").map(operation)),
    ...{ deaths: 0, cuts: 0, checkpoints: 0, fulls: 0, closes: 0, ...limits },
  };
}

function operation(text: string): ScriptedOperation {
  const [kind, key = "a"] = text.trim().split(" ");
  return { kind: kind as OperationKind, key };
}

const SMALL: readonly TakeoverBounds[] = [
  bounds("put, put", { deaths: 1, fulls: 1 }),
  bounds("absent, put", { deaths: 1 }),
  bounds("get, put", { deaths: 1 }),
  bounds("put, get", { deaths: 1 }),
  bounds("version, put", { deaths: 1 }),
  bounds("put, limited, delete", { deaths: 1 }),
  bounds("absent, put, get", {}),
  bounds("delete, add", { deaths: 1 }),
  bounds("add, add", { deaths: 1 }),
  bounds("put, put b", { deaths: 1 }),
  bounds("put, put", { cuts: 1 }),
  bounds("add", { cuts: 2 }),
  bounds("add", { deaths: 2, checkpoints: 1 }),
  bounds("add", { deaths: 1, cuts: 1 }),
  bounds("put, add", { deaths: 1, closes: 1 }),
  bounds("add", { cuts: 1, checkpoints: 1, closes: 1 }),
  bounds("put | add", { closes: 2 }),
];

const WIDE: readonly TakeoverBounds[] = [
  bounds("put, add, delete", { deaths: 1, cuts: 1 }),
  bounds("put, absent, put", { deaths: 1, cuts: 1, fulls: 1 }),
  bounds("add, limited, put b", { deaths: 1, cuts: 1, checkpoints: 1 }),
  bounds("add | add", { deaths: 2, checkpoints: 1 }),
  bounds("put, absent | delete, add", { deaths: 1 }),
  bounds("put, version | delete, get", { deaths: 1, cuts: 1 }),
  bounds("put, limited | add, put b", { deaths: 1, checkpoints: 1 }),
  bounds("add | put, add", { deaths: 1, cuts: 1, checkpoints: 1, closes: 2 }),
];

const LARGE = bounds("put, limited, get, put b, put | delete, add, absent, add b", {
  deaths: 3,
  cuts: 3,
  checkpoints: 2,
  fulls: 1,
  closes: 2,
});

defineExploredTests({
  make: (each) => new TakeoverWorld(each),
  what: "each request is applied once",
  small: { "each of a few requests is applied once": SMALL },
  wide: WIDE,
  wideStates: { run: 500, campaign: 60_000 },
  large: LARGE,
  largeCount: 250,
});

test("what a host knows of a session ends with its answers, or with the next session", async () => {
  const world = new TakeoverWorld(bounds("put, put, put, put", { cuts: 1 }));
  for (const step of ["lock", "open", "connect 0", "hear 0", "take 0", "issue 0", "issue 0"]) {
    await world.step(step);
  }
  await finish(world, ["issue 0"]);
  await world.step("cut 0");
  await finish(world, ["issue 0"]);
  assert.is(world.knownSessions, 0);
  for (let i = 0; i < 2; i++) {
    await finish(world, ["issue 0"]);
    await world.step("issue 0");
  }
  await finish(world, []);
  assert.is(world.knownSessions, 1);
  assert.is(world.knownRequests, 1);
  checkTakeover(world);
});

test("what a host knows of a process ends when that closes its store", async () => {
  const world = new TakeoverWorld(bounds("put, put", { cuts: 1, closes: 1 }));
  for (const step of ["lock", "open", "connect 0", "hear 0", "take 0", "issue 0"]) {
    await world.step(step);
  }
  await finish(world, ["issue 0", "close 0"]);
  await world.step("cut 0");
  await finish(world, ["close 0"]);
  assert.is(world.knownSessions, 1);
  await finish(world, []);
  assert.is(world.knownSessions, 0);
  checkTakeover(world);
});

/** Takes steps until there are none but those that are left out, and cuts. */
async function finish(world: TakeoverWorld, without: readonly string[]): Promise<void> {
  for (;;) {
    const next = world.steps().find((step) => !without.includes(step) && !step.startsWith("cut"));
    if (next === undefined) return;
    await world.step(next);
  }
}

test.run();
