/**
 * Atomic commits of another process: in the order of its other requests, all or nothing, and
 * checked before they are executed.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JsonCodec } from "../../lib/codec/plain_codecs.ts";
import { KeyQueues } from "../../lib/client/key_queues.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { nextTurn } from "../../lib/platform/runtime.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { brokenRule } from "../../lib/gateway/request_check.ts";
import {
  decodeRequests,
  encodeRequests,
  numberCount,
  RequestFrame,
} from "../../lib/gateway/request_frames.ts";
import {
  RECORD_HASH,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
} from "../../lib/log/record_layout.ts";
import { commitHeadWords } from "../../lib/rings/commit_words.ts";
import {
  Operation,
  operationOf,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
} from "../../lib/rings/ring_layout.ts";
import type { Commit, CommitOptions } from "../../lib/store/arguments/commit_options.ts";
import { CommitWrites } from "../../lib/store/commits/commit_writes.ts";
import type { OperationParts } from "../../lib/store/parts/store_parts.ts";
import { FrameReader, WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import {
  CommitTooLargeError,
  NotANumberError,
  open,
  type Store,
  StoreClosedError,
  UnavailableError,
} from "../../mod.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { errorOf } from "../support/errors.ts";
import { GatewayPair, makeConnected } from "../support/gateway_pair.ts";
import { Random, SEED, seeded } from "../support/random.ts";

const RANDOM = new Random(SEED);
const KEYS = ["a", "b", "c", "user:é", "e", "f"];
const ROUNDS = 400 * Math.max(1, CAMPAIGN_FACTOR);
const HASH_KEY = [7, 8] as const;

type JsonStore = Store<unknown, string>;
type Client = GatewayPair["client"];

function openStore(): Promise<JsonStore> {
  return open<unknown>({ codec: "json", nodes: 1, capacity: "32MiB" });
}

/** Commits of a client, as a store makes them. */
function commitsOf(client: Client, hashKey: readonly [number, number]): CommitWrites<unknown> {
  const nothing = () => {};
  return new CommitWrites<unknown>({
    pool: { facts: { level: 0 }, assertCommits: nothing },
    client,
    codec: new JsonCodec(),
    garbage: { count: nothing },
    queues: new KeyQueues(client),
    counters: { put: nothing, delete: nothing, update: nothing },
    key: new KeyEncoder(...hashKey),
    lifetime: { assertOpen: nothing, assertWritable: nothing },
  } as unknown as OperationParts<unknown>);
}

/** What one commit does. */
type Step =
  | { kind: "check"; key: string; version: number | null }
  | { kind: "put"; key: string; value: unknown }
  | { kind: "delete"; key: string }
  | { kind: "increment"; key: string; by: number };

function issue(
  commits: CommitWrites<unknown>,
  steps: readonly Step[],
  options?: CommitOptions,
): Promise<Commit | null> {
  const draft = commits.begin("atomic");
  for (const step of steps) {
    if (step.kind === "check") commits.check(draft, step.key, step.version);
    else if (step.kind === "put") commits.put(draft, step.key, step.value, undefined);
    else if (step.kind === "delete") commits.delete(draft, step.key);
    else commits.increment(draft, step.key, step.by, undefined);
  }
  return commits.commit(draft, options);
}

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const parsed = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

test(
  "commits and other requests apply in the order in which they were issued",
  seeded(async () => {
    await using store = await openStore();
    const pair = await GatewayPair.connect(store.share() as never, RANDOM);
    const commits = commitsOf(pair.client, pair.host.pool.hashKey);
    const model = new Map<string, number>();
    let pending: Promise<void>[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const keys = KEYS.filter(() => RANDOM.below(2) === 0);
      const kind = RANDOM.below(5);
      if (kind <= 1) {
        const steps: Step[] = [];
        let isMet = true;
        const next = new Map(model);
        for (const key of keys) {
          if (RANDOM.below(4) === 0) {
            steps.push({ kind: "check", key, version: null });
            isMet &&= !model.has(key);
          }
          const change = RANDOM.below(4);
          if (change === 0) steps.push({ kind: "delete", key });
          else if (change === 1) steps.push({ kind: "put", key, value: i });
          else if (change === 2) steps.push({ kind: "increment", key, by: i });
          if (change === 0) next.delete(key);
          else if (change === 1) next.set(key, i);
          else if (change === 2) next.set(key, (model.get(key) ?? 0) + i);
        }
        if (isMet) {
          for (const key of KEYS) {
            if (next.has(key)) model.set(key, next.get(key)!);
            else model.delete(key);
          }
        }
        pending.push(
          issue(commits, steps).then((commit) => {
            assert.is(commit !== null, isMet);
            if (commit !== null) assert.is(commit.versions.length, steps.filter(isChange).length);
          }),
        );
      } else if (kind === 2) {
        const key = RANDOM.pick(KEYS);
        model.set(key, i);
        pending.push(pair.put(key, json(i)).then(() => {}));
      } else {
        const key = RANDOM.pick(KEYS);
        const expected = model.get(key);
        pending.push(
          pair.get(key).then((found) => {
            assert.is(found && parsed(found.bytes), expected, `${key} in round ${i}`);
          }),
        );
      }
      if (pending.length < 30) continue;
      await Promise.all(pending);
      pending = [];
    }
    await Promise.all(pending);
    for (const key of KEYS) assert.is(await store.get(key), model.get(key));
    await pair.close();
  }),
);

function isChange({ kind }: Step): boolean {
  return kind !== "check";
}

test("a commit tells the versions that it has made, and what it was refused for", async () => {
  await using store = await openStore();
  const pair = await GatewayPair.connect(store.share() as never, RANDOM);
  const commits = commitsOf(pair.client, pair.host.pool.hashKey);
  const made = await issue(commits, [
    { kind: "put", key: "a", value: 1 },
    { kind: "check", key: "b", version: null },
    { kind: "delete", key: "c" },
    { kind: "increment", key: "d", by: 5 },
  ]);
  const entry = await store.getEntry("a");
  assert.equal(made!.versions, [entry!.version, undefined, (await store.getEntry("d"))!.version]);
  assert.is(await store.get("d"), 5);
  const checked = (version: number) =>
    issue(commits, [{ kind: "check", key: "a", version }, { kind: "put", key: "x", value: 1 }]);
  assert.is(await checked(entry!.version + 1), null);
  assert.is(await store.has("x"), false);
  assert.ok(await checked(entry!.version));
  await store.put("text", "no number");
  const error = await errorOf(() =>
    issue(commits, [
      { kind: "put", key: "y", value: 1 },
      { kind: "increment", key: "text", by: 1 },
    ])
  );
  assert.ok(error instanceof NotANumberError);
  assert.match(String(error), '"text"');
  assert.is(await store.has("y"), false);
  await pair.close();
});

test("a commit may have many keys, and large values; one that fits no segment is refused", async () => {
  await using store = await openStore();
  const pair = await GatewayPair.connect(store.share() as never, RANDOM);
  const commits = commitsOf(pair.client, pair.host.pool.hashKey);
  const many = Array.from(
    { length: 1024 },
    (_, i): Step => ({ kind: "put", key: `k${i}`, value: i }),
  );
  assert.is((await issue(commits, many))!.versions.length, 1024);
  const large = [1, 2, 3].map((i): Step => ({
    kind: "put",
    key: `l${i}`,
    value: "x".repeat(60_000),
  }));
  assert.is((await issue(commits, large))!.versions.length, 3);
  assert.is((await store.get("l3") as string).length, 60_000);
  assert.is(await store.get("k1023"), 1023);
  const { segmentBytes } = pair.host.pool.geometry;
  const parts = [1, 2, 3, 4].map((i): Step => ({
    kind: "put",
    key: `m${i}`,
    value: "x".repeat(segmentBytes / 4),
  }));
  assert.ok(await errorOf(() => issue(commits, parts)) instanceof CommitTooLargeError);
  assert.is(await store.has("m1"), false);
  await pair.close();
});

test("a commit ends by what the next host knows: made, not made, or not known", async () => {
  const frames: Uint8Array[] = [];
  const write = (bytes: Uint8Array) => void frames.push(bytes);
  const client = makeConnected(64 * 1024, write);
  const { carrier } = client;
  const commits = commitsOf(client, HASH_KEY);
  const puts = (...keys: string[]) => keys.map((key): Step => ({ kind: "put", key, value: 1 }));
  const made = issue(commits, [{ kind: "check", key: "x", version: null }, ...puts("y")]);
  const again = issue(commits, puts("z"));
  await nextTurn();
  carrier.disconnect();
  const { session, numbers } = carrier.previous!;
  assert.equal([session, numbers], [1, [1, 2, 3]]);
  // Which entry is the first one is up to the hashes of their keys.
  const verdict = { version: 7, stored: NaN, expiresAtMs: Infinity };
  carrier.connect({ session: 2, write }, {
    isKnown: true,
    verdicts: [{ ...verdict, number: 1 }, { ...verdict, number: 2 }],
  });
  assert.equal((await made)!.versions, [7]);
  assert.equal(carrier.previous!.numbers, [1]);
  carrier.disconnect();
  carrier.connect({ session: 3, write }, { isKnown: false, verdicts: [] });
  const error = await errorOf(() => again);
  assert.ok(error instanceof UnavailableError);
  assert.match(String(error), "may or may not have been made");
});

/** A frame of a commit of all kinds of entries, as words. */
function sampleCommit(): Int32Array {
  const frames: Uint8Array[] = [];
  const client = makeConnected(64 * 1024, (bytes) => void frames.push(bytes));
  const commits = commitsOf(client, HASH_KEY);
  issue(commits, [
    { kind: "check", key: "one", version: 17 },
    { kind: "check", key: "absent", version: null },
    { kind: "put", key: "two", value: { a: [1, 2, 3] } },
    { kind: "check", key: "two", version: null },
    { kind: "delete", key: "three" },
    { kind: "increment", key: "four", by: 2 },
  ]).catch(() => {});
  client.flush();
  client.failAll(new StoreClosedError("nobody answers"));
  // The first frame has no request.
  const [{ body, kind }] = new FrameReader(2 ** 20).read(frames[1]!) as [
    { body: Uint8Array; kind: number },
  ];
  assert.is(kind, RequestFrame.REQUESTS);
  return decodeRequests(body, 1, RULES).requests[0]!.slice();
}

const RULES = { hashKey: HASH_KEY, keyTypes: KEY_TYPE_NUMBERS.string };

test("the entries of a commit have numbers of their own", () => {
  const words = sampleCommit();
  assert.is(operationOf(words[REQUEST_OPERATION]!), Operation.ATOMIC);
  assert.is(numberCount(words, 0), 5);
  assert.is(words[REQUEST_RECORD + RECORD_REQUEST_POSITION], 1);
  const second = words.slice();
  second[REQUEST_RECORD + RECORD_REQUEST_POSITION] = 6;
  const body = encodeRequests([words, second], 0).slice(WIRE_HEADER_BYTES);
  assert.is(decodeRequests(body, 1, RULES).requests.length, 2);
});

test("a commit with its entries in another order, or with one twice, is refused", () => {
  const words = sampleCommit();
  assert.is(brokenRule(words, 0, words.length, RULES), undefined);
  const first = commitHeadWords(5);
  const entries: Int32Array[] = [];
  for (let at = first; at < words.length; at += words[at + REQUEST_LENGTH]!) {
    entries.push(words.slice(at, at + words[at + REQUEST_LENGTH]!));
  }
  const joined = (list: readonly Int32Array[]) => {
    const all = Int32Array.from([
      ...words.subarray(0, first),
      ...list.flatMap((entry) => [...entry]),
    ]);
    all[REQUEST_LENGTH] = all.length;
    all[REQUEST_RECORD + RECORD_VALUE_BYTES] = (all.length - first) * 4;
    all[REQUEST_RECORD + RECORD_HASH] = all[first + REQUEST_RECORD + RECORD_HASH]!;
    return all;
  };
  assert.is(brokenRule(joined(entries), 0, words.length, RULES), undefined);
  const [a, b, ...others] = entries as [Int32Array, Int32Array, ...Int32Array[]];
  for (const list of [[b, a, ...others], [a, a, ...others]]) {
    const other = joined(list);
    assert.is(brokenRule(other, 0, other.length, RULES), "have the keys of a commit in order");
  }
});

test(
  "a commit that is damaged is refused, or is another one that can be executed",
  seeded(() => {
    const whole = sampleCommit();
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const words = whole.slice();
      for (let i = RANDOM.below(3); i >= 0; i--) {
        const at = RANDOM.below(words.length);
        words[at] = RANDOM.below(3) === 0
          ? RANDOM.below(2 ** 31)
          : words[at]! ^ (1 << RANDOM.below(32));
      }
      const rule = brokenRule(words, 0, words.length, RULES);
      if (rule !== undefined) refused += 1;
      else assert.is(words[REQUEST_LENGTH], words.length);
    }
    // Damage of values, of versions that are expected, and of what is added makes another commit.
    assert.ok(refused > 3000, `${refused} refused`);
  }),
);

test.run();
