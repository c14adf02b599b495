/**
 * The tests of Keyv on `dinomo/keyv`: all of them with Keyv 5, for which the suite is made, and
 * with Keyv 6 all but the one that its own Map fails, too.
 *
 * @module
 */
import suite, { keyvIteratorTests } from "@keyv/test-suite";
import Keyv5 from "keyv";
import Keyv6 from "keyv6";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Keyv6Dinomo, KeyvDinomo } from "../../lib/adapters/keyv.ts";
import { open } from "../../mod.ts";
import { type VitestCounts, vitestOf } from "../support/suites/vitest.ts";

/** Keyv 6 resolves to an array, which says it of each key. */
const OTHERWISE_IN_6 = [".deleteMany([keys]) with nonexistent keys resolves to false"];

const store = await open({ capacity: "64MiB" });

const of5: VitestCounts = { assertions: 0, tests: 0 };
const make5 = () => new KeyvDinomo(store, { prefix: "5:" }) as never;
suite(vitestOf(of5, "5") as never, Keyv5 as never, make5);
keyvIteratorTests(vitestOf(of5, "5") as never, Keyv5 as never, make5);

const of6: VitestCounts = { assertions: 0, tests: 0 };
const make6 = () => new KeyvDinomo(store, { prefix: "6:" }) as never;
suite(vitestOf(of6, "6", OTHERWISE_IN_6) as never, Keyv6 as never, make6);
keyvIteratorTests(vitestOf(of6, "6", OTHERWISE_IN_6) as never, Keyv6 as never, make6);

const of6alone: VitestCounts = { assertions: 0, tests: 0 };
// One of the tests writes to what adapters of Keyv 5 have.
const make6alone = () =>
  Object.assign(new Keyv6Dinomo(store, { prefix: "6 alone:" }), { opts: {} }) as never;
suite(vitestOf(of6alone, "6 alone", OTHERWISE_IN_6) as never, Keyv6 as never, make6alone);
keyvIteratorTests(
  vitestOf(of6alone, "6 alone", OTHERWISE_IN_6) as never,
  Keyv6 as never,
  make6alone,
);

test("all of the suite has run", async () => {
  await store.close();
  assert.equal(of5, { tests: 42, assertions: 79 });
  assert.equal(of6, { tests: 41, assertions: 78 });
  assert.equal(of6alone, { tests: 41, assertions: 78 });
});

test.run();
