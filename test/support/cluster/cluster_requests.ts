/**
 * Requests to the nodes of a cluster, as tests write them.
 *
 * @module
 */
import {
  type Answered,
  type ClusterAnswer,
  type ClusterRequest,
  slotOf,
} from "../../../lib/cluster/node/requests.ts";
import type { ClusterNode } from "../../../lib/cluster/node/cluster_node.ts";
import { NumberForm } from "../../../lib/codec/stored_numbers.ts";
import { type Key, KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../../lib/rings/derivation_words.ts";
import { Condition, Operation } from "../../../lib/rings/ring_layout.ts";

/** Of the clusters of tests. */
export const HASH_KEY = [11, 22] as const;

const encoder = new KeyEncoder(...HASH_KEY);
const NO_BYTES = new Uint8Array(0);

/** Makes a request; nobody sends it again, and every owner takes it for meant. */
export function requestOf(
  operation: number,
  key: Key,
  parts: Partial<ClusterRequest> = {},
): ClusterRequest {
  const hash = encoder.encode(key);
  return {
    operation,
    key: { bytes: encoder.bytes, isBinary: encoder.isBinary },
    hash,
    condition: Condition.NONE,
    expectedVersion: 0,
    value: NO_BYTES,
    expiresAtMs: Infinity,
    derivation: undefined,
    routedBy: 0,
    session: 0,
    number: 0,
    confirmed: 0,
    untilMs: Infinity,
    ...parts,
  };
}

/** Reads a key. */
export function getOf(key: Key): ClusterRequest {
  return requestOf(Operation.GET, key);
}

/** Asks whether there is a key. */
export function hasOf(key: Key): ClusterRequest {
  return requestOf(Operation.HAS, key);
}

/** Stores bytes under a key. */
export function putOf(key: Key, value: Uint8Array, expiresAtMs = Infinity): ClusterRequest {
  return requestOf(Operation.PUT, key, { value, expiresAtMs });
}

/** Stores bytes if the key has a version, or, without one, if it is absent. */
export function compareAndSetOf(
  key: Key,
  expectedVersion: number | undefined,
  value: Uint8Array,
): ClusterRequest {
  return requestOf(Operation.PUT, key, { value, ...conditionOf(expectedVersion) });
}

/** Deletes a key, maybe only if it has a version. */
export function deleteOf(key: Key, expectedVersion?: number): ClusterRequest {
  const parts = expectedVersion === undefined ? {} : conditionOf(expectedVersion);
  return requestOf(Operation.DELETE, key, parts);
}

/** What an addition may say beside how much. */
export interface AdditionParts {
  readonly form?: number;
  readonly min?: number;
  readonly max?: number;
  readonly expiresAtMs?: number;
  readonly newExpiresAtMs?: number;
}

/** Adds to a number. */
export function addOf(key: Key, addend: number, parts: AdditionParts = {}): ClusterRequest {
  const { form = NumberForm.JSON, min = -Infinity, max = Infinity } = parts;
  const derivation = new DerivationWords();
  const { expiresAtMs = KEEP_EXPIRY, newExpiresAtMs = Infinity } = parts;
  derivation.askToAdd(form, addend, min, max, expiresAtMs, newExpiresAtMs);
  return requestOf(Operation.ADD, key, { derivation });
}

/** Gives a key another expiry time. */
export function touchOf(key: Key, expiresAtMs: number): ClusterRequest {
  const derivation = new DerivationWords();
  derivation.askToTouch(expiresAtMs);
  return requestOf(Operation.TOUCH, key, { derivation });
}

/** The slot of a key. */
export function slotOfKey(key: Key): number {
  return slotOf({ hash: encoder.encode(key) });
}

/** The owner of a key as a node sees it. */
export function ownerOf(node: ClusterNode, key: Key): number {
  return node.routeOf(slotOfKey(key)).owner;
}

/** Has a node execute a request, by what it knows itself of the slot. */
export function ask(node: ClusterNode, request: ClusterRequest, done: Answered): void {
  node.execute({ ...request, routedBy: node.routeOf(slotOf(request)).routedBy }, done);
}

/** The answer to a request that is answered at once; undefined if it is not. */
export function answerNow(node: ClusterNode, request: ClusterRequest): ClusterAnswer | undefined {
  let answer: ClusterAnswer | undefined;
  ask(node, request, (given) => answer = given);
  return answer;
}

function conditionOf(expectedVersion: number | undefined): Partial<ClusterRequest> {
  if (expectedVersion === undefined) return { condition: Condition.ABSENT };
  return { condition: Condition.VERSION, expectedVersion };
}
