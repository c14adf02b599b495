/**
 * The carrier of a cluster's threads, and the sessions of its nodes, in seeded simulations: whatever happens to owners and connections, each
 * request is applied once, and those of a key in the order in which they were issued.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeClusterClient } from "../../lib/cluster/store/cluster_client.ts";
import { TRANSIT_MS_MAX } from "../../lib/cluster/network/node_session.ts";
import { RESEND_MS } from "../../lib/cluster/node/requests.ts";
import type { Completion } from "../../lib/client/completions.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { UnavailableError } from "../../lib/core/errors.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { ReadCompletion } from "../../lib/far/client/routed_reads.ts";
import { Condition, Status } from "../../lib/rings/ring_layout.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { type Random, seeded } from "../support/random.ts";
import { SimThreads } from "../support/cluster/sim_threads.ts";

const HASH_KEY = [1, 2] as const;
const KEYS = ["a", "b"];
const STEPS = 1000;

/** What a program knows of a key: what it has issued for it, done one after the other. */
interface Known {
  value: string | undefined;
}

const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

/** A program that issues requests, and knows what each of them has to end with. */
class Program {
  readonly wrong: string[] = [];
  open = 0;
  readonly #random: Random;
  readonly #client: ReturnType<typeof makeClusterClient>;
  readonly #key = new KeyEncoder(...HASH_KEY);
  readonly #known: Known[] = KEYS.map(() => ({ value: undefined }));
  #count = 0;

  constructor(random: Random, client: ReturnType<typeof makeClusterClient>) {
    this.#random = random;
    this.#client = client;
  }

  get slots(): Slot[] {
    return KEYS.map((key) => (this.#key.encode(key) >>> SLOT_SHIFT) as Slot);
  }

  /** Issues something. */
  issue(): void {
    const at = this.#random.below(KEYS.length);
    const known = this.#known[at]!;
    const name = `request ${++this.#count} of ${KEYS[at]}`;
    this.#key.encode(KEYS[at]!);
    this.open += 1;
    switch (this.#random.below(8)) {
      case 0:
        return this.#read(name, known.value);
      case 1: {
        const hasEffect = known.value !== undefined;
        known.value = undefined;
        return this.#client.delete(this.#key, this.#ending(name, hasEffect));
      }
      case 2: {
        const hasEffect = known.value === undefined;
        if (hasEffect) known.value = name;
        return this.#put(name, Condition.ABSENT, hasEffect);
      }
      default:
        known.value = name;
        return this.#put(name, Condition.NONE, true);
    }
  }

  #put(name: string, condition: number, hasEffect: boolean): void {
    const bytes = new TextEncoder().encode(name);
    const value = { bytes, start: 0, end: bytes.length };
    this.#client.put(this.#key, value, Infinity, condition, 0, this.#ending(name, hasEffect));
  }

  #read(name: string, expected: string | undefined): void {
    const read = new ReadCompletion(this.#client.carrier, ({ value, error }) => {
      this.open -= 1;
      const found = error?.message ?? text(value?.bytes);
      if (found !== expected) this.wrong.push(`${name} has read ${found}, not ${expected}`);
    });
    this.#client.get(this.#key, true, read);
  }

  #ending(name: string, hasEffect: boolean): Completion {
    const end = (status: string) => {
      this.open -= 1;
      const expected = String(hasEffect ? Status.OK : Status.UNMET);
      if (status !== expected) this.wrong.push(`${name} has ended with ${status}, not ${expected}`);
    };
    return { settle: (status) => end(String(status)), fail: (error) => end(error.message) };
  }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 6; i++) await Promise.resolve();
}

async function simulate(random: Random): Promise<void> {
  const sim = new SimThreads(random, HASH_KEY);
  const client = makeClusterClient({ secret: sim.secret, tls: undefined }, {
    clock: sim.clock,
    connect: sim.connect,
  });
  const program = new Program(random, client);
  try {
    client.carrier.update(sim.view());
    for (let i = 0; i < STEPS; i++) {
      if (random.below(2) === 0 && program.open < 20) program.issue();
      const hasMoved = sim.step(program.slots, true);
      if (random.below(hasMoved ? 2 : 8) === 0) client.carrier.update(sim.view());
      await turn();
      assert.equal(program.wrong, []);
    }
    client.carrier.update(sim.view());
    for (let i = 0; program.open > 0; i++) {
      assert.ok(i < 20_000, `${program.open} requests do not end`);
      sim.step(program.slots, false);
      await turn();
    }
    assert.equal(program.wrong, []);
    assert.is(client.pendingCount, 0);
  } finally {
    client.close();
    await sim.close();
  }
}

test(
  "each request is applied once, and those of a key in their order",
  seeded(async (random) => {
    for (let i = 0; i < 60 * Math.max(1, CAMPAIGN_FACTOR); i++) await simulate(random);
  }),
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

/** A thread that issues requests by itself, and what they have ended with. */
function thread(random: Random) {
  const sim = new SimThreads(random, HASH_KEY);
  const client = makeClusterClient({ secret: sim.secret, tls: undefined }, {
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
  const put = () => {
    key.encode("a");
    client.put(key, { bytes: key.bytes, start: 0, end: 1 }, Infinity, Condition.NONE, 0, ended);
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

test.run();
