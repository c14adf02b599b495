/**
 * Requests as words, which threads send, for a node, which takes them as objects.
 *
 * @module
 */
import { ValueTooLargeError } from "../../core/errors.ts";
import { encodeError } from "../../gateway/carried_errors.ts";
import { REFUSED } from "../../gateway/request_frames.ts";
import {
  FLAG_BINARY_KEY,
  metaKeyBytes,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  recordExpiry,
  valueWord,
} from "../../log/record_layout.ts";
import { DERIVATION_BYTES, DerivationWords } from "../../rings/derivation_words.ts";
import {
  conditionOf,
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
  Status,
} from "../../rings/ring_layout.ts";
import { NOT_OWNER, UNKNOWN } from "../network/cluster_frames.ts";
import type { ExecutedAnswer, RequestExecutor, RequestFacts } from "../network/node_session.ts";
import type { ClusterNode } from "../node/cluster_node.ts";
import { type ClusterAnswer, type ClusterRequest, ClusterStatus } from "../node/requests.ts";

const HIGH = 2 ** 32;
const NOTHING = new Uint8Array(0);

/** Executes what threads send. */
export class NodeExecutor implements RequestExecutor {
  readonly #node: ClusterNode;

  constructor(node: ClusterNode) {
    this.#node = node;
  }

  get isCrowded(): boolean {
    return this.#node.isCrowded;
  }

  clockMs(): number {
    return this.#node.requestClockMs();
  }

  execute(words: Int32Array, facts: RequestFacts, done: (answer: ExecutedAnswer) => void): void {
    const request = requestOf(words, facts);
    this.#node.execute(request, (answer) => done(answerOf(words, request, answer)));
  }
}

/** The request that words are, which are not changed any more. */
function requestOf(words: Int32Array, facts: RequestFacts): ClusterRequest {
  const meta = words[REQUEST_RECORD + RECORD_META]!;
  const operation = operationOf(words[REQUEST_OPERATION]!);
  const isDerived = operation === Operation.ADD || operation === Operation.TOUCH;
  const bytesOf = (word: number, length: number) =>
    new Uint8Array(words.buffer, words.byteOffset + word * 4, length);
  const derivation = isDerived ? new DerivationWords() : undefined;
  derivation?.read(words, REQUEST_RECORD);
  return {
    operation,
    key: {
      bytes: bytesOf(REQUEST_RECORD + RECORD_KEY, metaKeyBytes(meta)),
      isBinary: (meta & FLAG_BINARY_KEY) !== 0,
    },
    hash: words[REQUEST_RECORD + RECORD_HASH]!,
    condition: conditionOf(words[REQUEST_OPERATION]!),
    expectedVersion: words[REQUEST_VERSION_HIGH]! * HIGH + (words[REQUEST_VERSION_LOW]! >>> 0),
    value: isDerived
      ? NOTHING
      : bytesOf(REQUEST_RECORD + valueWord(meta), words[REQUEST_RECORD + RECORD_VALUE_BYTES]!),
    expiresAtMs: recordExpiry(words, REQUEST_RECORD),
    derivation,
    routedBy: facts.assignedAt,
    session: facts.session,
    number: facts.number,
    confirmed: facts.confirmed,
    untilMs: facts.untilMs,
    borrower: facts.borrower,
    copiedReads: facts.copiedReads,
    isOwn: facts.isOwn,
    room: operation === Operation.GET ? facts.room : undefined,
  };
}

function answerOf(
  words: Int32Array,
  { operation }: ClusterRequest,
  { status, version, value, expiresAtMs, before, lentMs }: ClusterAnswer,
): ExecutedAnswer {
  const ends = { version, expiresAtMs: Infinity, content: NOTHING };
  switch (status) {
    case ClusterStatus.NOT_OWNER:
    // It has not been executed: it is sent again a little later.
    case ClusterStatus.BUSY:
      return { ...ends, status: NOT_OWNER };
    case ClusterStatus.UNKNOWN:
      return { ...ends, status: UNKNOWN };
    case ClusterStatus.TOO_LARGE:
      return { ...ends, status: REFUSED, content: encodeError(tooLarge()) };
    case Status.FOUND:
      return { status, version, expiresAtMs, content: value, lentMs };
  }
  const isDerived = operation === Operation.ADD || operation === Operation.TOUCH;
  if (!isDerived) return { ...ends, status };
  const answered = words.slice();
  const asked = new DerivationWords();
  asked.read(words, REQUEST_RECORD);
  asked.leave(answered, REQUEST_RECORD, before, expiresAtMs);
  const at = REQUEST_RECORD + valueWord(words[REQUEST_RECORD + RECORD_META]!);
  const content = new Uint8Array(answered.buffer, at * 4, DERIVATION_BYTES);
  return { ...ends, status, content };
}

function tooLarge(): ValueTooLargeError {
  return new ValueTooLargeError(
    "value must fit a message of the cluster's logs together with its key, got a larger one",
  );
}
