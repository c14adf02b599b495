/**
 * Each kind of request to a node of a cluster ends as the operation of a store of one machine does:
 * the same program runs on both, with a codec of JSON.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NotANumberError, open, type Store } from "../../mod.ts";
import type { ClusterAnswer, ClusterRequest } from "../../lib/cluster/node/requests.ts";
import { NumberForm } from "../../lib/codec/stored_numbers.ts";
import { KEEP_EXPIRY } from "../../lib/rings/derivation_words.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import {
  addOf,
  ask,
  compareAndSetOf,
  deleteOf,
  getOf,
  hasOf,
  putOf,
  touchOf,
} from "../support/cluster/cluster_requests.ts";
import { SimCluster } from "../support/cluster/sim_cluster.ts";
import { type Random, seeded } from "../support/random.ts";

const KEYS = ["a", "b", "ключ"];
const LATE_MS = 4e12;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What an operation is, and what it says on either side. */
interface Step {
  readonly name: string;
  readonly key: string;
  readonly value: unknown;
  readonly addend: number;
  readonly bounds: { readonly min?: number; readonly max?: number };
  /** Infinity: never; undefined: not given. */
  readonly expiresAt: number | undefined;
  /** Whether a version is the newest that is known. */
  readonly isNewest: boolean;
}

const NAMES = [
  ...["put", "delete", "has", "getEntry", "compareAndSet", "putIfAbsent", "compareAndDelete"],
  ...["increment", "increment", "touch"],
];

function randomStep(random: Random): Step {
  const numbers = [0, 1, -7, 0.1, 2 ** 53, Number.MAX_VALUE, 1e-7];
  return {
    name: random.pick(NAMES),
    key: random.pick(KEYS),
    value: random.pick([...numbers, "text", [1, 2], null, "12"]),
    addend: random.pick([1, -1, 0.2, 1e300, -0, Number.MAX_VALUE]),
    bounds: random.pick([{}, {}, { max: 3 }, { min: 0 }, { min: -5, max: 5 }]),
    expiresAt: random.pick([undefined, Infinity, LATE_MS, LATE_MS + 1, 1]),
    isNewest: random.below(3) > 0,
  };
}

/** What both sides are compared by; versions are each side's own. */
type Said = readonly unknown[];

/** Whether a change was made: where it is, a version or true is told. */
function isMade(told: unknown): boolean {
  return told !== undefined && told !== false;
}

class LocalSide {
  readonly #store: Store<unknown>;
  readonly #versions = new Map<string, number>();

  constructor(store: Store<unknown>) {
    this.#store = store;
  }

  async run(step: Step): Promise<Said> {
    const { name, key, value, addend, bounds, expiresAt, isNewest } = step;
    const store = this.#store;
    const version = (this.#versions.get(key) ?? 1) + (isNewest ? 0 : 1e6);
    const options = expiresAt === undefined ? {} : { expiresAt };
    switch (name) {
      case "put":
        return [isMade(await store.put(key, value, options))];
      case "delete":
        return [isMade(await store.delete(key))];
      case "has":
        return [await store.has(key)];
      case "compareAndSet":
        return [isMade(await store.compareAndSet(key, version, value, options))];
      case "putIfAbsent":
        return [isMade(await store.compareAndSet(key, null, value, options))];
      case "compareAndDelete":
        return [isMade(await store.compareAndDelete(key, version))];
      case "touch":
        return [isMade(await store.touch(key, { expiresAt: expiresAt ?? LATE_MS }))];
      case "increment":
        return await store.increment(key, addend, { ...bounds, ...options }).then(
          (sum) => [sum],
          (error) => [error instanceof NotANumberError ? "no number" : error],
        );
      default: {
        const entry = await store.getEntry(key);
        if (entry !== undefined) this.#versions.set(key, entry.version);
        return entry === undefined ? [] : [entry.value, entry.expiresAt];
      }
    }
  }
}

class ClusterSide {
  readonly #made = new SimCluster({ seed: 1, nodeCount: 1 });
  readonly #versions = new Map<string, number>();

  constructor() {
    this.#made.time.run(2000);
  }

  run(step: Step): Said {
    const { name, key, addend, expiresAt, bounds, isNewest } = step;
    const version = (this.#versions.get(key) ?? 1) + (isNewest ? 0 : 1e6);
    const value = encoder.encode(JSON.stringify(step.value));
    const put = (request: ClusterRequest) => ({ ...request, expiresAtMs: expiresAt ?? Infinity });
    switch (name) {
      case "put":
        return [this.#ask(put(putOf(key, value))).status === Status.OK];
      case "delete":
        return [this.#ask(deleteOf(key)).status === Status.OK];
      case "has":
        return [this.#ask(hasOf(key)).status === Status.OK];
      case "compareAndSet":
        return [this.#ask(put(compareAndSetOf(key, version, value))).status === Status.OK];
      case "putIfAbsent":
        return [this.#ask(put(compareAndSetOf(key, undefined, value))).status === Status.OK];
      case "compareAndDelete":
        return [this.#ask(deleteOf(key, version)).status === Status.OK];
      case "touch":
        return [this.#ask(touchOf(key, expiresAt ?? LATE_MS)).status === Status.OK];
      case "increment": {
        const expiresAtMs = expiresAt ?? KEEP_EXPIRY;
        const newExpiresAtMs = expiresAt ?? Infinity;
        const parts = { ...bounds, form: NumberForm.JSON, expiresAtMs, newExpiresAtMs };
        const request = addOf(key, addend, parts);
        const { status, before } = this.#ask(request);
        if (status === Status.NOT_A_NUMBER) return ["no number"];
        return [status === Status.OK ? request.derivation!.sumAfter(before) : undefined];
      }
      default: {
        const answer = this.#ask(getOf(key));
        if (answer.status !== Status.FOUND) return [];
        this.#versions.set(key, answer.version);
        const { expiresAtMs } = answer;
        const expiry = expiresAtMs === Infinity ? undefined : expiresAtMs;
        return [JSON.parse(decoder.decode(answer.value)), expiry];
      }
    }
  }

  #ask(request: ClusterRequest): ClusterAnswer {
    let answer: ClusterAnswer | undefined;
    ask(this.#made.nodes[0]!.node, request, (given) => answer = given);
    for (let ms = 0; ms < 1000 && answer === undefined; ms += 5) this.#made.time.run(5);
    assert.ok(answer, "it is answered");
    return answer;
  }
}

test(
  "each kind of request ends as the operation of a store of one machine does",
  seeded(async (random) => {
    const store = await open<unknown>({ nodes: 1, codec: "json", capacity: "1MiB" });
    try {
      const local = new LocalSide(store);
      const cluster = new ClusterSide();
      const seen = new Set<string>();
      for (let i = 0; i < 500; i++) {
        const step = randomStep(random);
        const said = await local.run(step);
        assert.equal(cluster.run(step), said, `${i}: ${JSON.stringify(step)}`);
        seen.add(`${step.name} ${typeof said[0] === "object" ? "object" : said[0]}`);
      }
      for (const name of ["increment no number", "touch true", "touch false", "has true"]) {
        assert.ok(seen.has(name), name);
      }
    } finally {
      await store.close();
    }
  }),
);

test.run();
