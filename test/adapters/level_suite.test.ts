/**
 * The tests of abstract-level, on `dinomo/level`: all of them, on databases and on sublevels.
 *
 * @module
 */
import { createRequire } from "node:module";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DinomoLevel } from "../../lib/adapters/level.ts";
import { open } from "../../mod.ts";
import { type TapeCounts, tapeTest } from "../support/suites/tape.ts";

/** What the suite asserts of a database that has no snapshots. */
const ASSERTIONS = 4530;

type Factory = (options?: Record<string, unknown>) => DinomoLevel;
const require = createRequire(import.meta.url);
const suite = require("abstract-level/test") as (
  options: { test: ReturnType<typeof tapeTest>; factory: Factory },
) => void;

const counts: TapeCounts = { assertions: 0, tests: 0 };
const store = await open({
  ordered: true,
  keys: "bytes",
  codec: "binary",
  capacity: "64MiB",
});
let databaseCount = 0;

suite({
  test: tapeTest(counts),
  factory: (options) => new DinomoLevel(store, { ...options, prefix: `db${++databaseCount}:` }),
});

test("all of the suite has run", async () => {
  await store.close();
  assert.is(counts.assertions, ASSERTIONS);
});

test.run();
