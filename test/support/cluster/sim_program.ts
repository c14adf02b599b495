/**
 * A program of one thread of a cluster, with the real carrier and connections, over nodes that are
 * simulated: whatever happens to owners and connections, each of its requests is applied once, and
 * those of a key in the order in which they were issued.
 *
 * @module
 */
import * as assert from "uvu/assert";
import type { Completion } from "../../../lib/client/completions.ts";
import { makeClusterClient } from "../../../lib/cluster/store/cluster_client.ts";
import type { Slot } from "../../../lib/core/brands.ts";
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../../lib/core/limits.ts";
import { ReadCompletion } from "../../../lib/far/client/routed_reads.ts";
import { Condition, Status } from "../../../lib/rings/ring_layout.ts";
import type { Random } from "../random.ts";
import { SimThreads } from "./sim_threads.ts";

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

  /** Requests so far. */
  get count(): number {
    return this.#count;
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

/** Long enough for all that promises do. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 6; i++) await Promise.resolve();
}

/** Runs a program, and checks what each request ends with; returns how many there were. */
export async function simulateProgram(random: Random): Promise<number> {
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
    return program.count;
  } finally {
    client.close();
    await sim.close();
  }
}
