/**
 * What stands in for tape and Vitest notices what must fail: a suite that passes on it has been
 * tested.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeTest } from "../support/suites/tape.ts";
import { runVitest, type VitestContext } from "../support/suites/vitest.ts";
import { errorOf } from "../support/errors.ts";

function fail(message: string): never {
  throw new Error(message);
}

test("tape: each assertion fails where it must, and is counted", async () => {
  const bad: ((t: TapeTest) => unknown)[] = [
    (t) => (t.ok(0), t.end()),
    (t) => (t.notOk(1), t.end()),
    (t) => (t.is("1", 1), t.end()),
    (t) => (t.isNot(1, 1), t.end()),
    (t) => (t.same([1], ["1"]), t.end()),
    (t) => (t.fail(), t.end()),
    (t) => (t.error(new Error("no")), t.end()),
    (t) => (t.throws(() => {}), t.end()),
    (t) => (t.throws(() => fail("this"), /other/), t.end()),
    (t) => (t.doesNotThrow(() => fail("this")), t.end()),
  ];
  for (const run of bad) {
    const counts = { assertions: 0, tests: 0 };
    const error = await errorOf(() => new TapeTest(counts).run(run));
    assert.instance(error, assert.Assertion, String(run));
    assert.equal(counts, { assertions: 1, tests: 1 }, String(run));
  }
});

test("tape: a test ends once, as planned, and with its parts", async () => {
  const bad: [(t: TapeTest) => unknown, RegExp][] = [
    [(t) => (t.plan(1), t.pass(), t.pass()), /as many as planned/],
    [(t) => (t.end(), t.end()), /already called/],
    [(t) => t.end(new Error("given to end")), /given to end/],
    [() => Promise.reject(new Error("rejected")), /rejected/],
    [(t) => (t.test("part", (part) => (part.fail("in a part"), part.end())), t.end()), /in a part/],
    [(t) => void t.pass(), /has not ended, after 1 assertions/],
    [(t) => (t.plan(2), t.pass()), /has not ended, after 1 assertions/],
  ];
  for (const [run, says] of bad) {
    const counts = { assertions: 0, tests: 0 };
    const error = await errorOf(() => new TapeTest(counts, 20).run(run)) as Error;
    assert.match(error.message, says);
  }
  const counts = { assertions: 0, tests: 0 };
  await new TapeTest(counts).run((t) => {
    t.plan(2);
    t.test("part", (part) => (part.pass(), part.end()));
    t.pass();
  });
  assert.equal(counts, { assertions: 2, tests: 2 });
});

test("Vitest: each expectation fails where it must, and is counted", async () => {
  const bad: ((t: VitestContext) => unknown)[] = [
    ({ expect }) => expect("1").toBe(1),
    ({ expect }) => expect(1).not.toBe(1),
    ({ expect }) => expect([1]).toEqual(["1"]),
    ({ expect }) => expect(0).toBeTruthy(),
    ({ expect }) => expect(1).toBeFalsy(),
    ({ expect }) => expect(null).toBeUndefined(),
    ({ expect }) => expect(undefined).toBeDefined(),
    ({ expect }) => expect(undefined).toBeNull(),
    ({ expect }) => (expect.assertions(2), expect(1).toBe(1)),
  ];
  for (const run of bad) {
    const counts = { assertions: 0, tests: 0 };
    const error = await errorOf(() => runVitest(counts, run));
    assert.instance(error, assert.Assertion, String(run));
    assert.is(counts.assertions, 1, String(run));
  }
});

test.run();
