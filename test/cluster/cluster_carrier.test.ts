/**
 * The carrier of a cluster's threads, and the sessions of its nodes, in seeded simulations:
 * whatever happens to owners and connections, each request is applied once, and those of a key in
 * the order in which they were issued.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeClusterClient } from "../../lib/cluster/store/cluster_client.ts";
import { TRANSIT_MS_MAX } from "../../lib/cluster/network/node_session.ts";
import { RESEND_MS } from "../../lib/cluster/node/requests.ts";
import type { Completion } from "../../lib/client/completions.ts";
import { UnavailableError } from "../../lib/core/errors.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { Condition, Status } from "../../lib/rings/ring_layout.ts";
import { Random, seeded } from "../support/random.ts";
import { forEachFreshSeedInTurn } from "../support/sim_seeds.ts";
import { simulateProgram, turn } from "../support/cluster/sim_program.ts";
import { NODES, SimThreads } from "../support/cluster/sim_threads.ts";

const HASH_KEY = [1, 2] as const;
const MIB = 1024 * 1024;

test(
  "each request is applied once, and those of a key in their order",
  async () => {
    await forEachFreshSeedInTurn(60, async (seed) => {
      await simulateProgram(new Random(seed));
    });
  },
);

test(
  "a request that nobody takes ends, and what was sent may have been done",
  seeded(async (random) => {
    const sim = new SimThreads(random, HASH_KEY);
    const client = makeClusterClient({ secret: sim.secret, tls: undefined }, {
      clock: sim.clock,
      connect: sim.connect,
    });
    const key = new KeyEncoder(...HASH_KEY);
    const errors: unknown[] = [];
    const ended: Completion = { settle: () => {}, fail: (error) => errors.push(error) };
    key.encode("a");
    client.delete(key, ended);
    await turn();
    for (let i = 0; sim.nowMs < RESEND_MS + 1000; i++) {
      sim.nowMs += 50;
      sim.step([], false);
      await turn();
    }
    assert.is(errors.length, 1);
    assert.instance(errors[0], UnavailableError);
    assert.match((errors[0] as Error).message, "the request was not executed");
    client.close();
    await sim.close();
  }),
);

test(
  "keys of an owner that one thread cannot reach end with an error there, and others are served",
  seeded(async (random) => {
    const sim = new SimThreads(random, HASH_KEY);
    const client = makeClusterClient({ secret: sim.secret, tls: undefined }, {
      clock: sim.clock,
      connect: sim.connect,
    });
    client.carrier.update(sim.view());
    const key = new KeyEncoder(...HASH_KEY);
    const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`);
    const nodeOf = (name: string) => (key.encode(name) >>> SLOT_SHIFT) % NODES;
    const ends = new Map<string, unknown>();
    const putAll = () => {
      ends.clear();
      for (const name of keys) {
        key.encode(name);
        const ended: Completion = {
          settle: () => void ends.set(name, "put"),
          fail: (error) => void ends.set(name, error),
        };
        const value = { bytes: key.bytes, start: 0, end: 1 };
        client.put(key, value, Infinity, Condition.NONE, 0, ended);
      }
    };
    const run = async (isDone: () => boolean) => {
      for (let i = 0; !isDone(); i++) {
        assert.ok(i < 40_000, "it does not end");
        sim.step([], false);
        await turn();
      }
    };
    putAll();
    await run(() => ends.size === keys.length);
    sim.unreachableNode = nodeOf(keys[0]!);
    const reachable = keys.filter((name) => nodeOf(name) !== sim.unreachableNode);
    const cutAtMs = sim.nowMs;
    putAll();
    await run(() => ends.size >= reachable.length);
    assert.equal([...ends.keys()].sort(), [...reachable].sort());
    assert.ok(sim.nowMs < cutAtMs + RESEND_MS / 2);
    await run(() => ends.size === keys.length);
    assert.ok(sim.nowMs >= cutAtMs + RESEND_MS);
    for (const name of keys.filter((one) => !reachable.includes(one))) {
      const error = ends.get(name);
      assert.instance(error, UnavailableError);
      assert.match((error as Error).message, "the change may or may not have been made");
    }
    // The way is free again: nothing else has to happen.
    sim.unreachableNode = -1;
    putAll();
    await run(() => ends.size === keys.length);
    assert.ok([...ends.values()].every((end) => end === "put"));
    client.close();
    await sim.close();
  }),
);

/** A thread that issues requests by itself, and what they have ended with. */
function thread(random: Random, messageBytes?: number) {
  const sim = new SimThreads(random, HASH_KEY);
  const client = makeClusterClient({ secret: sim.secret, tls: undefined, messageBytes }, {
    clock: sim.clock,
    connect: sim.connect,
  });
  client.carrier.update(sim.view());
  const ends: string[] = [];
  const ended: Completion = {
    settle: (status) => void ends.push(String(status)),
    fail: (error) => void ends.push(error.message),
  };
  const key = new KeyEncoder(...HASH_KEY);
  const put = (name = "a", bytes = 1, completion: Completion = ended) => {
    key.encode(name);
    const value = { bytes: new Uint8Array(bytes), start: 0, end: bytes };
    client.put(key, value, Infinity, Condition.NONE, 0, completion);
  };
  const until = async (isDone: () => boolean) => {
    for (let i = 0; !isDone(); i++) {
      assert.ok(i < 20_000, "it does not end");
      sim.step([], false);
      await turn();
    }
  };
  const close = () => {
    client.close();
    return sim.close();
  };
  return { sim, client, ends, put, until, close };
}

test(
  "a request grows old while its machine is suspended, and is not sent again then",
  seeded(async (random) => {
    const { sim, client, ends, put, until, close } = thread(random);
    put();
    await until(() => sim.history.length === 1);
    const { resentCount } = client.carrier;
    sim.cutAll();
    sim.suspendedMs += RESEND_MS + 1000;
    await until(() => ends.length === 1);
    assert.match(ends[0]!, "the change may or may not have been made");
    assert.is(client.carrier.resentCount, resentCount);
    await close();
  }),
);

test(
  "what has been on its way for long is not executed as it comes, but sent again",
  seeded(async (random) => {
    const { sim, client, ends, put, until, close } = thread(random);
    put();
    await until(() => ends.length === 1);
    // In the course of days.
    sim.aheadMs += 10 * TRANSIT_MS_MAX;
    put();
    await until(() => ends.length === 2);
    const { resentCount } = client.carrier;
    put();
    await turn();
    sim.nowMs += TRANSIT_MS_MAX + 1000;
    await until(() => ends.length === 3);
    assert.equal(ends, Array.from({ length: 3 }, () => String(Status.OK)));
    assert.is(sim.history.length, 3);
    assert.ok(client.carrier.resentCount > resentCount);
    await close();
  }),
);

test(
  "what an owner gives back is sent when another one has the slot, or after a while",
  seeded(async (random) => {
    const { sim, client, ends, put, until, close } = thread(random);
    const { carrier } = client;
    const slot = (new KeyEncoder(...HASH_KEY).encode("a") >>> SLOT_SHIFT) as Slot;
    const names = Array.from({ length: 100 }, (_, i) => `key ${i}`);
    for (const name of names) put(name);
    await until(() => ends.length === names.length);
    assert.equal(carrier.connected().length, NODES);
    for (let i = 1; i <= 4; i++) {
      sim.give(slot, (slot + i) % NODES);
      const { returnedCount } = sim;
      const { resentCount } = carrier;
      put();
      await until(() => sim.returnedCount > returnedCount);
      const sinceMs = sim.nowMs;
      const isTold = i % 2 === 0;
      await until(() => sim.nowMs > sinceMs + 100);
      assert.is(carrier.resentCount, resentCount, "its owner has said no");
      if (isTold) carrier.update(sim.view());
      else await until(() => carrier.resentCount > resentCount);
      assert.is(carrier.resentCount, resentCount + 1);
      assert.ok(sim.nowMs < sinceMs + 1000, `${sim.nowMs - sinceMs} ms`);
      carrier.update(sim.view());
      await until(() => ends.length === names.length + i);
    }
    assert.ok(ends.every((end) => end === String(Status.OK)));
    await close();
  }),
);

test(
  "a large request does not wait until there is no other one",
  seeded(async (random) => {
    const { ends, put, until, close } = thread(random, 2 * MIB);
    let count = 0;
    // There is always one of each on its way.
    const again = (): void => {
      if (++count < 120) put(`small ${count % 8}`, 100, { settle: again, fail: again });
    };
    for (let i = 0; i < 8; i++) again();
    await until(() => count > 20);
    put("a", 600_000);
    put("b", 600_000);
    await until(() => ends.length === 2);
    assert.equal(ends, [String(Status.OK), String(Status.OK)]);
    assert.ok(count < 120, "they have waited for all others");
    await close();
  }),
);

test(
  "a thread has so many bytes of changes waiting, and is told of the others",
  seeded(async (random) => {
    const { ends, put, close } = thread(random, 8 * MIB);
    for (let i = 0; i < 12; i++) put(`key ${i}`, 3 * MIB);
    await turn();
    assert.ok(ends.length > 0 && ends.length < 10, `${ends.length} of 12`);
    for (const end of ends) assert.match(end, "not have more than 16777216 bytes of changes");
    await close();
  }),
);

/** A thread in a cluster whose last node owns nothing, and is at an address or is gone. */
function threadOfSome(random: Random) {
  const { sim, client, ends, put, until, close } = thread(random);
  const { carrier } = client;
  const key = new KeyEncoder(...HASH_KEY);
  const names = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  const nameOf = (node: number) =>
    names.find((name) => (key.encode(name) >>> SLOT_SHIFT) % NODES === node);
  const putAt = async (node: number) => {
    const { length } = ends;
    put(nameOf(node));
    await until(() => ends.length > length);
    assert.is(ends.at(-1), String(Status.OK));
  };
  const tell = (lastPlace: string | undefined, gone = -1) => {
    const { owners, addresses, ...view } = sim.view();
    const told = new Map([...addresses].filter(([node]) => node < LAST && node !== gone));
    if (lastPlace !== undefined) told.set(LAST, lastPlace);
    const left = owners.map((owner) => owner === LAST ? LAST - 1 : owner);
    carrier.update({ ...view, owners: left, addresses: told });
  };
  const wait = async () => {
    for (let i = 0; i < 300; i++) {
      sim.step([], false);
      await turn();
    }
  };
  return { sim, carrier, ends, nameOf, put, putAt, tell, until, wait, close };
}

const LAST = NODES - 1;
const LAST_PLACE = `127.0.0.1:${NODES}`;
const OTHER_PLACE = `[::1]:${NODES}`;

test(
  "who has reached all owners connects ahead to a node that owns nothing, while it is there",
  seeded(async (random) => {
    const { carrier, putAt, tell, until, wait, close } = threadOfSome(random);
    const hasAll = () => carrier.connected().length === NODES;
    tell(LAST_PLACE);
    await wait();
    assert.equal(carrier.connected(), [], "it has not asked for anything");
    await putAt(0);
    tell(LAST_PLACE);
    await wait();
    assert.equal(carrier.connected(), [0], "it has not reached all owners");
    await putAt(1);
    tell(LAST_PLACE);
    await until(hasAll);
    tell(OTHER_PLACE);
    await wait();
    assert.equal(carrier.connected(), [0, 1], "the node is at another place");
    tell(OTHER_PLACE);
    await until(hasAll);
    tell(undefined);
    await wait();
    assert.equal(carrier.connected(), [0, 1], "the node is gone");
    await close();
  }),
);

test(
  "a connection to a node that is gone from the map ends when nothing is on its way",
  seeded(async (random) => {
    const { carrier, nameOf, ends, put, putAt, tell, until, wait, close } = threadOfSome(random);
    await putAt(0);
    await putAt(1);
    put(nameOf(1));
    await turn();
    tell(undefined, 1);
    await turn();
    assert.equal(carrier.connected(), [0, 1], "an answer is waited for");
    tell(undefined);
    await until(() => ends.length === 3);
    tell(undefined, 1);
    await wait();
    assert.equal(carrier.connected(), [0]);
    await close();
  }),
);

test(
  "a connection ahead that hangs delays no request",
  seeded(async (random) => {
    const { sim, carrier, putAt, tell, wait, close } = threadOfSome(random);
    await putAt(0);
    await putAt(1);
    sim.unreachableNode = LAST;
    tell(LAST_PLACE);
    await wait();
    const sinceMs = sim.nowMs;
    for (let i = 0; i < 20; i++) {
      await putAt(i % LAST);
      tell(LAST_PLACE);
    }
    assert.equal(carrier.connected(), [0, 1]);
    assert.ok(sim.nowMs - sinceMs < 20 * 500, `${sim.nowMs - sinceMs} ms`);
    await close();
  }),
);

test(
  "in the simulation, connections given up at a node that stands still take no turns",
  seeded(async (random) => {
    const { sim, client, ends, put, close } = thread(random);
    sim.freeze([]);
    const { owners } = sim.view();
    const frozen = Array.from({ length: NODES }, (_, node) => node).find((node) =>
      !owners.includes(node)
    )!;
    for (let i = 0; i < 300; i++) {
      assert.is(client.carrier.peerOf(frozen), undefined);
      sim.cutAll();
      sim.nowMs += 100;
      await turn();
    }
    client.carrier.update(sim.view());
    put();
    for (let i = 0; i < 600 && ends.length === 0; i++) {
      sim.step([], false);
      await turn();
    }
    await close();
    assert.is(ends.length, 1, "they take turns");
  }),
);

test.run();
