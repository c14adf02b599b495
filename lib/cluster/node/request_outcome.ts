/**
 * What a request does to what its key holds: the same as a KN of a pool of one machine does
 * (node/admission.ts, node/derived_records.ts), by the same rules.
 *
 * @module
 */
import {
  NUMBER_BYTES_MAX,
  NUMBER_WORDS_MAX,
  NumberForm,
  StoredNumbers,
} from "../../codec/stored_numbers.ts";
import { assert } from "../../core/assert.ts";
import { Condition, Operation, Status } from "../../rings/ring_layout.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import { answerOf, type ClusterAnswer, type ClusterRequest } from "./requests.ts";
import type { Applied } from "./session_evidence.ts";

/** What a request has a record say. */
export interface Written {
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
  readonly expiresAtMs: number;
  readonly isSum: boolean;
}

/** How a request ends, and what it writes. */
export interface Outcome {
  /** Its version is that of what was read; of what is written it is still to be given. */
  readonly answer: ClusterAnswer;
  /** Undefined: the request changes nothing. */
  readonly written: Written | undefined;
}

const numbers = new StoredNumbers();
const words = new Int32Array(NUMBER_WORDS_MAX);
const bytes = new Uint8Array(words.buffer);

/** What a delete writes. */
export const DELETED: Written = { value: undefined, expiresAtMs: Infinity, isSum: false };

/** Whether there is a record for clients: a put that has not expired. */
export function isThere(record: LogRecord | undefined, nowMs: number): record is LogRecord {
  return record?.value !== undefined && !(record.expiresAtMs <= nowMs);
}

/**
 * Decides what a request does.
 *
 * @param old what its key holds; undefined if it does not exist
 */
export function outcomeOf(request: ClusterRequest, old: LogRecord | undefined): Outcome {
  switch (request.operation) {
    case Operation.GET:
      return unchanged(old === undefined ? Status.UNMET : Status.FOUND, old);
    case Operation.HAS:
      return unchanged(old === undefined ? Status.UNMET : Status.OK);
    case Operation.PUT: {
      if (!isMet(request, old)) return unchanged(Status.UNMET);
      const { value, expiresAtMs } = request;
      return changed({ value, expiresAtMs, isSum: false });
    }
    case Operation.DELETE:
      return old !== undefined && isMet(request, old) ? changed(DELETED) : unchanged(Status.UNMET);
    case Operation.ADD:
      return sumOf(request, old);
    case Operation.TOUCH: {
      if (old === undefined) return unchanged(Status.UNMET);
      const expiresAtMs = derivationOf(request).expiryAfter(old.expiresAtMs);
      return changed({ value: old.value, expiresAtMs, isSum: false });
    }
    default:
      assert(false, `a request must be one of a key, got operation ${request.operation}`);
  }
}

/** The answer to a request that was applied before. */
export function appliedAnswer(request: ClusterRequest, applied: Applied): ClusterAnswer {
  const { version, sum, expiresAtMs } = applied;
  const isSum = request.operation === Operation.ADD && sum !== undefined;
  const asked = request.derivation;
  const before = isSum ? asked!.numberBefore(numberIn(asked!.form, sum)) : 0;
  return answerOf(Status.OK, { version, expiresAtMs, before });
}

function isMet(request: ClusterRequest, old: LogRecord | undefined): boolean {
  const { condition, expectedVersion } = request;
  if (condition === Condition.NONE) return true;
  if (condition === Condition.ABSENT) return old === undefined;
  return old?.version === expectedVersion;
}

function sumOf(request: ClusterRequest, old: LogRecord | undefined): Outcome {
  const asked = derivationOf(request);
  const before = old === undefined ? 0 : numberIn(asked.form, old.value!);
  const expiresAtMs = asked.expiryAfter(old?.expiresAtMs);
  const sum = asked.sumAfter(before);
  if (!asked.allows(sum)) {
    return {
      answer: answerOf(asked.refusalAfter(before), { before, expiresAtMs }),
      written: undefined,
    };
  }
  const length = numbers.write(asked.form, sum, words, 0);
  const written = { value: bytes.slice(0, length), expiresAtMs, isSum: true };
  return { answer: answerOf(Status.OK, { before, expiresAtMs }), written };
}

function derivationOf({ derivation }: ClusterRequest): NonNullable<ClusterRequest["derivation"]> {
  assert(derivation !== undefined, "a derived record is derived from something");
  return derivation;
}

/** The number that a value is; NaN if it is none. */
function numberIn(form: number, value: Uint8Array): number {
  if (form === NumberForm.NONE || value.length > NUMBER_BYTES_MAX) return NaN;
  words.fill(0);
  bytes.set(value);
  return numbers.read(form, words, 0, value.length);
}

function unchanged(status: number, found?: LogRecord): Outcome {
  const answer = found === undefined ? answerOf(status) : answerOf(status, {
    version: found.version,
    value: found.value!,
    expiresAtMs: found.expiresAtMs,
  });
  return { answer, written: undefined };
}

function changed(written: Written): Outcome {
  return { answer: answerOf(Status.OK, { expiresAtMs: written.expiresAtMs }), written };
}
