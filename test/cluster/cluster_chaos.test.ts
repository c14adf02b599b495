/**
 * A minute of chaos: processes on all runtimes and servers of NATS are killed, stopped and cut off,
 * and every operation is checked; and what is checked would be noticed.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Store } from "../../mod.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { runClusterChaos } from "../support/cluster/chaos/chaos.ts";
import { checkLedger } from "../support/cluster/chaos/ledger.ts";
import type { LoadMessage } from "../support/load_messages.ts";
import { seeded } from "../support/random.ts";

const CHAOS_MS = 45_000;

/** What is wrong if one process has said this, and that is stored. */
async function wrongOf(messages: readonly LoadMessage[], stored: object): Promise<string[]> {
  const kept = new Map<string, number>(Object.entries(stored));
  const store = {
    get: (key: string) => Promise.resolve(kept.get(key)),
    getMany: (keys: string[]) => Promise.resolve(keys.map((key) => kept.get(key))),
  } as unknown as Store<number>;
  return await checkLedger([{ id: 0, messages }], store, { answered: 0, histories: 0 });
}

const closed: LoadMessage = { kind: "closed" };

test("what is lost, done twice or out of order is noticed", async () => {
  const adding: LoadMessage = { kind: "adding", key: "n", count: 8 };
  const added: LoadMessage = { kind: "added", key: "n", count: 8 };
  assert.equal(await wrongOf([adding, added, closed], { n: 8 }), []);
  assert.equal(await wrongOf([adding, added, adding], { n: 12 }), []);
  assert.equal(await wrongOf([adding, added, closed], { n: 7 }), ["n is 7, not 8 to 8"]);
  assert.equal(await wrongOf([adding, added, closed], { n: 9 }), ["n is 9, not 8 to 8"]);

  const put: LoadMessage = { kind: "put", round: 2 };
  const units = { "unique 0 2 0": 8, "unique 0 2 1": 9, "unique 0 2 2": 10, "unique 0 2 3": 11 };
  assert.equal(await wrongOf([put, closed], units), []);
  const lost = await wrongOf([put, closed], { ...units, "unique 0 2 2": 6 });
  assert.equal(lost, ["unique 0 2 2 is 6, not 10"]);

  const [linking, linked] = (["linking", "linked"] as const).map((kind) => ({ kind, value: 1 }));
  assert.equal(await wrongOf([linking!, linked!, closed], { chain: 1 }), []);
  assert.equal(await wrongOf([linking!], { chain: 1 }), []);
  assert.is((await wrongOf([linking!, linked!, closed], {})).length, 1);
  assert.is((await wrongOf([linking!, linked!, linked!, closed], { chain: 1 })).length, 1);

  const register = (output: number): LoadMessage[] => [
    { kind: "called", number: 1, key: "r", input: 5, atMs: 10 },
    { kind: "returned", number: 1, output: 0, atMs: 20 },
    { kind: "called", number: 2, key: "r", input: 0, atMs: 30 },
    { kind: "returned", number: 2, output, atMs: 40 },
    closed,
  ];
  assert.equal(await wrongOf(register(5), {}), []);
  assert.is((await wrongOf(register(-1), {})).length, 1);
  assert.equal(await wrongOf([{ kind: "wrong", what: "this" }, closed], {}), ["this"]);
});

test(
  "nothing is lost, done twice or out of order, whatever is killed, stopped or cut off",
  seeded(async (random) => {
    const options = { random, ms: CHAOS_MS, runtimes: RUNTIMES, processes: 3 };
    const { wrong, answered, histories, faults } = await runClusterChaos(options);
    assert.equal(wrong, []);
    assert.ok(answered > 0);
    assert.ok(histories > 0);
    assert.ok(Object.values(faults).some((count) => count > 0));
  }),
);

test.run();
