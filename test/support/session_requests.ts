/**
 * The requests of simulated processes: which there are, how they are written, and what their
 * answers say.
 *
 * @module
 */
import type { Client } from "../../lib/client/client.ts";
import type { Completion } from "../../lib/client/completions.ts";
import {
  draftDerived,
  draftOfKey,
  draftPut,
  type RequestDraft,
  slotRequest,
} from "../../lib/client/request_draft.ts";
import { RequestWriter } from "../../lib/client/request_writer.ts";
import { nameCommit } from "./session_commits.ts";
import { NumberForm } from "../../lib/codec/stored_numbers.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { RECORD_REQUEST_POSITION } from "../../lib/log/record_layout.ts";
import { commitRequest, EntryBuffer, versionLeft } from "../../lib/rings/commit_words.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../lib/rings/derivation_words.ts";
import { Condition, Operation, REQUEST_RECORD, Status } from "../../lib/rings/ring_layout.ts";
import type { Random } from "./random.ts";
import type { Ask, Effect, Held, Wish } from "./session_history.ts";
import { HASH_KEY, keysOfSlots, type SimKey } from "./sim_keys.ts";
import { makeValue, VALUE_BYTES_MIN } from "./sim_values.ts";

export const SLOTS = [17, 1200, 2400] as Slot[];
const PER_SLOT = 4;
const ALL = keysOfSlots(SLOTS, PER_SLOT + 1).map((key, number) => ({ ...key, number }));
/** One key of each slot holds a sum. */
export const SUM_KEYS: readonly SimKey[] = SLOTS.map((slot) =>
  ALL.findLast((key) => key.slot === slot)!
);
/** The others hold what was put. */
export const KEYS: readonly SimKey[] = ALL.filter((key) => !SUM_KEYS.includes(key));
const FAR_FUTURE_MS = 2 ** 41;

const encoder = new KeyEncoder(...HASH_KEY);
const asked = new DerivationWords();
const writer = new RequestWriter(0);
const left = new DerivationWords();

/** Numbers that a request takes in its session. */
export function numbersOf({ wishes }: Ask): number {
  return wishes.length;
}

/** Whether a request leaves a record, unless the pool has no room for it. */
export function isCertain({ isCommit, wishes: [wish] }: Ask): boolean {
  if (isCommit) return false;
  return wish!.kind === "clear" || (wish!.kind === "put" && wish!.condition === Condition.NONE);
}

/** A random request; its conditions may hold. */
export function randomAsk(
  random: Random,
  id: number,
  process: number,
  find: (key: SimKey) => Held | undefined,
): Ask {
  const isCommit = random.next() < 0.12;
  if (!isCommit) return { id, process, isCommit, wishes: [randomWish(random, find)] };
  const wishes = new Map<SimKey, Wish>();
  for (let i = random.between(1, 4); i > 0; i--) {
    const wish = randomWish(random, find);
    if (wish.key === undefined || wish.kind === "touch" || wish.bytes > 900) continue;
    const isCheck = wish.condition !== Condition.NONE && random.below(2) === 0;
    wishes.set(wish.key, isCheck ? { ...wish, kind: "check" } : wish);
  }
  if (wishes.size === 0) return randomAsk(random, id, process, find);
  const hashOf = ({ key }: Wish) => encoder.encode(key!.text) >>> 0;
  const sorted = [...wishes.values()].sort((one, other) => hashOf(one) - hashOf(other));
  return { id, process, isCommit, wishes: sorted };
}

function randomWish(random: Random, find: (key: SimKey) => Held | undefined): Wish {
  const wish = {
    condition: Condition.NONE as number,
    expectedVersion: 0,
    bytes: 0,
    addend: 0,
    expiresAtMs: Infinity,
  };
  const choice = random.next();
  const sumKey = random.pick(SUM_KEYS);
  const { slot } = sumKey;
  if (choice < 0.25) {
    return { ...wish, kind: "add", slot, key: sumKey, addend: random.between(1, 2 ** 30) / 8 };
  }
  if (choice < 0.28) return { ...wish, kind: "delete", slot, key: sumKey };
  if (choice < 0.32) return { ...wish, kind: "clear", slot, key: undefined };
  const key = random.pick(choice < 0.36 ? SUM_KEYS : KEYS);
  const expiresAtMs = FAR_FUTURE_MS + random.below(1000);
  if (choice < 0.42) return { ...wish, kind: "touch", slot: key.slot, key, expiresAtMs };
  const condition = random.pick([
    Condition.NONE,
    Condition.NONE,
    Condition.ABSENT,
    Condition.VERSION,
  ]);
  const expectedVersion = condition === Condition.VERSION ? find(key)?.version ?? 1 : 0;
  if (choice < 0.55 && condition !== Condition.ABSENT) {
    return { ...wish, kind: "delete", slot: key.slot, key, condition, expectedVersion };
  }
  const size = random.next();
  const bytesMax = size < 0.05 ? 2600 : size < 0.15 ? 900 : 120;
  return {
    ...wish,
    kind: "put",
    slot: key.slot,
    key,
    condition,
    expectedVersion,
    bytes: random.between(VALUE_BYTES_MIN, bytesMax),
    expiresAtMs: random.below(4) === 0 ? expiresAtMs : Infinity,
  };
}

/** Issues a request in the name of a session, as a host's gateway does. */
export function issueAsk(
  client: Client,
  ask: Ask,
  session: number,
  number: number,
  completion: Completion,
): void {
  if (ask.isCommit) return issueCommit(client, ask, session, number, completion);
  const [wish] = ask.wishes;
  const words = wish!.kind === "clear"
    ? slotRequest(Operation.CLEAR_SLOT, wish!.slot)
    : writer.copy(draftOf(wish!, ask.id));
  words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = number;
  client.forward(words, completion, session);
}

function issueCommit(
  client: Client,
  { id, wishes }: Ask,
  session: number,
  number: number,
  completion: Completion,
): void {
  const buffer = new EntryBuffer();
  const entries = wishes.map((wish) => ({ at: client.writeEntry(draftOf(wish, id), buffer) }));
  const words = commitRequest(buffer, entries, false);
  nameCommit(words, session, number);
  client.commit([...new Set(wishes.map(({ slot }) => slot))], words, completion);
}

function draftOf(wish: Wish, id: number): RequestDraft {
  const { kind, condition, expectedVersion, expiresAtMs } = wish;
  const key = wish.key!;
  encoder.encode(key.text);
  if (kind === "put") {
    const bytes = makeValue(key.number, id, wish.bytes);
    const value = { bytes, start: 0, end: bytes.length };
    return draftPut(encoder, value, expiresAtMs, condition, expectedVersion, false);
  }
  if (kind === "add") {
    const { MSGPACK } = NumberForm;
    asked.askToAdd(MSGPACK, wish.addend, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
    return draftDerived(Operation.ADD, encoder, asked, false);
  }
  if (kind === "touch") {
    asked.askToTouch(expiresAtMs);
    return draftDerived(Operation.TOUCH, encoder, asked, false);
  }
  const operation = kind === "check" ? Operation.PAD : Operation.DELETE;
  return draftOfKey(operation, encoder, condition, expectedVersion);
}

/** What an answer says. */
export function effectsOf(
  { isCommit, wishes }: Ask,
  status: number,
  low: number,
  high: number,
  ring: Int32Array,
  requestAt: number,
): Effect[] {
  if (status !== Status.OK) return [];
  if (isCommit) return wishes.map((_, i) => ({ version: versionLeft(ring, requestAt, i) }));
  const version = high * 2 ** 32 + (low >>> 0);
  const [{ kind, addend }] = wishes as [Wish];
  if (kind !== "add") return [{ version }];
  left.read(ring, requestAt + REQUEST_RECORD);
  return [{ version, number: left.before + addend, expiresAtMs: left.expiresAtMs }];
}
