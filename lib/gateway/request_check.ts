/**
 * Whether words that came from another process are a request that a KN may execute.
 *
 * A KN believes what stands in its rings: the threads of its process have written it. So all that
 * this code makes of a request is checked here: lengths, flags, the hash of the key, padding by
 * whose words keys are compared, numbers. What is not checked is a value, which is the codec's.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { halfSipHash13 } from "../core/half_sip_hash.ts";
import { KEY_TYPE_NUMBERS } from "../core/key_types.ts";
import { KEY_BYTES_MAX, SLOT_COUNT, SLOT_SHIFT, VERSION_MAX } from "../core/limits.ts";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  metaKeyBytes,
  metaKind,
  packMeta,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordWords,
  valueWord,
} from "../log/record_layout.ts";
import { brokenCommitRule } from "./commit_check.ts";
import { DERIVATION_BYTES, isPossibleDerivation } from "../rings/derivation_words.ts";
import {
  Condition,
  conditionOf,
  mustSyncOf,
  Operation,
  operationOf,
  packOperation,
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
} from "../rings/ring_layout.ts";

/** What there is to know of a pool for checking requests to it. */
export interface RequestRules {
  readonly hashKey: readonly [number, number];
  /** Types of its keys, one of `KEY_TYPE_NUMBERS`. */
  readonly keyTypes: number;
}

/** Words of the shortest request. */
const REQUEST_WORDS_MIN = REQUEST_RECORD + recordWords(packMeta(0, RecordKind.CLEAR, 0), 0);

/** What the record of a request is, by its operation; others are not executed for processes. */
const KINDS = new Map<number, number>([
  [Operation.PUT, RecordKind.PUT],
  [Operation.DELETE, RecordKind.DELETE],
  [Operation.GET, RecordKind.DELETE],
  [Operation.HAS, RecordKind.DELETE],
  [Operation.ADD, RecordKind.PUT],
  [Operation.TOUCH, RecordKind.PUT],
  [Operation.CLEAR_SLOT, RecordKind.CLEAR],
]);

/** The same of the entries of an atomic commit. */
const ENTRY_KINDS = new Map<number, number>([
  [Operation.PUT, RecordKind.PUT],
  [Operation.DELETE, RecordKind.DELETE],
  [Operation.ADD, RecordKind.PUT],
  [Operation.PAD, RecordKind.DELETE],
]);

/** Whether an operation only reads. */
export function isRead(operation: number): boolean {
  return operation === Operation.GET || operation === Operation.HAS;
}

/** The rule that a request breaks, as the end of "a request must ..."; undefined if none. */
export function brokenRule(
  words: Int32Array,
  at: number,
  end: number,
  rules: RequestRules,
): string | undefined {
  const brokenLength = brokenLengthRule(words, at, end);
  if (brokenLength !== undefined) return brokenLength;
  if (operationOf(words[at + REQUEST_OPERATION]!) !== Operation.ATOMIC) {
    return brokenPart(words, at, KINDS, rules);
  }
  return brokenCommitRule(
    words,
    at,
    (_, entry, last) =>
      brokenLengthRule(words, entry, last) ?? brokenPart(words, entry, ENTRY_KINDS, rules),
  );
}

function brokenLengthRule(words: Int32Array, at: number, end: number): string | undefined {
  if (end - at < REQUEST_WORDS_MIN) return "have its header";
  const length = words[at + REQUEST_LENGTH]!;
  return length < REQUEST_WORDS_MIN || length > end - at ? "be as long as it says" : undefined;
}

/** The rule that a request breaks which has its length, or an entry of a commit. */
function brokenPart(
  words: Int32Array,
  at: number,
  kinds: ReadonlyMap<number, number>,
  rules: RequestRules,
): string | undefined {
  return brokenHeader(words, at, kinds) ?? brokenRecord(words, at, kinds) ??
    brokenKey(words, at, rules) ?? brokenValue(words, at);
}

function brokenHeader(
  words: Int32Array,
  at: number,
  kinds: ReadonlyMap<number, number>,
): string | undefined {
  const word = words[at + REQUEST_OPERATION]!;
  const operation = operationOf(word);
  const condition = conditionOf(word);
  const mustSync = mustSyncOf(word);
  if (!kinds.has(operation)) return "be an operation for other processes";
  if (packOperation(operation, condition, mustSync) !== word) return "have no other flags";
  const isEntry = kinds === ENTRY_KINDS;
  const takesCondition = isEntry || operation === Operation.PUT || operation === Operation.DELETE;
  if (condition > (takesCondition ? Condition.VERSION : Condition.NONE)) {
    return "have a condition that its operation takes";
  }
  if (operation === Operation.PAD && condition === Condition.NONE) return "check something";
  const isChange = kinds.get(operation) === RecordKind.PUT && !isEntry;
  if (mustSync && !isChange) return "not ask for a sync";
  if (words[at + REQUEST_OWNER_WORD] !== 0) return "leave its routing to the host";
  const high = words[at + REQUEST_VERSION_HIGH]!;
  const low = words[at + REQUEST_VERSION_LOW]!;
  if (high < 0 || high > VERSION_MAX / 2 ** 32) return "expect a possible version";
  if (condition !== Condition.VERSION && (low !== 0 || high !== 0)) return "expect no version";
  const argument = words[at + REQUEST_ARGUMENT]!;
  const slots = operation === Operation.CLEAR_SLOT ? SLOT_COUNT : 1;
  return argument >>> 0 < slots ? undefined : "have a possible argument";
}

function brokenRecord(
  words: Int32Array,
  at: number,
  kinds: ReadonlyMap<number, number>,
): string | undefined {
  const record = at + REQUEST_RECORD;
  const operation = operationOf(words[at + REQUEST_OPERATION]!);
  const meta = words[record + RECORD_META]!;
  const keyBytes = metaKeyBytes(meta);
  const flags = meta & (FLAG_BINARY_KEY | FLAG_EXPIRES);
  const kind = metaKind(meta);
  if (kind !== kinds.get(operation)) return "have the record of its operation";
  if (packMeta(keyBytes, kind, flags) !== meta) return "have no other bits in its record";
  if ((flags & FLAG_EXPIRES) !== 0 && operation !== Operation.PUT) return "not expire";
  const isEmpty = words[record + RECORD_VERSION_LOW] === 0 &&
    words[record + RECORD_CLIENT] === 0 && words[record + RECORD_REPLACES] === 0;
  if (!isEmpty) return "leave words to the host that are the host's";
  const valueBytes = words[record + RECORD_VALUE_BYTES]!;
  const length = words[at + REQUEST_LENGTH]!;
  const isWhole = valueBytes >= 0 && valueBytes <= length * 4 &&
    REQUEST_RECORD + recordWords(meta, valueBytes) === length;
  return isWhole ? undefined : "be as long as its record";
}

function brokenKey(words: Int32Array, at: number, rules: RequestRules): string | undefined {
  const record = at + REQUEST_RECORD;
  const meta = words[record + RECORD_META]!;
  const keyBytes = metaKeyBytes(meta);
  const hash = words[record + RECORD_HASH]!;
  const keyAt = record + RECORD_KEY;
  if (operationOf(words[at + REQUEST_OPERATION]!) === Operation.CLEAR_SLOT) {
    const slot = words[at + REQUEST_ARGUMENT]!;
    const isSlot = keyBytes === 0 && meta === packMeta(0, RecordKind.CLEAR, 0) &&
      hash === slot << SLOT_SHIFT && words[keyAt] === 0;
    return isSlot ? undefined : "name its slot";
  }
  const isSystem = keyBytes === 0 && isForCodec(words[at + REQUEST_OPERATION]!, meta);
  if ((keyBytes === 0 && !isSystem) || keyBytes > KEY_BYTES_MAX) {
    return `have 1 to ${KEY_BYTES_MAX} bytes of key`;
  }
  const type = (meta & FLAG_BINARY_KEY) !== 0 ? KEY_TYPE_NUMBERS.bytes : KEY_TYPE_NUMBERS.string;
  if ((rules.keyTypes & type) === 0 && !isSystem) return "have a key of the store's type";
  const expiryAt = record + valueWord(meta) - ((meta & FLAG_EXPIRES) !== 0 ? 2 : 0);
  if (!isZero(words, keyAt * 4 + keyBytes, expiryAt * 4)) return "have zeros behind its key";
  const bytes = new Uint8Array(words.buffer, words.byteOffset + keyAt * 4, keyBytes);
  if (type === KEY_TYPE_NUMBERS.string && !isUtf8(bytes)) return "have a key that is text";
  const [key0, key1] = rules.hashKey;
  return halfSipHash13(key0, key1, words, keyAt, keyBytes) === hash
    ? undefined
    : "have the hash of its key";
}

/**
 * Whether a request without a key may be for the one under which the codec keeps what it has to: it
 * reads it, or changes it if it has not been changed meanwhile.
 */
function isForCodec(operationWord: number, meta: number): boolean {
  const operation = operationOf(operationWord);
  const isChange = operation === Operation.PUT && conditionOf(operationWord) !== Condition.NONE;
  return (operation === Operation.GET || isChange) &&
    (meta & (FLAG_BINARY_KEY | FLAG_EXPIRES)) === FLAG_BINARY_KEY;
}

function brokenValue(words: Int32Array, at: number): string | undefined {
  const record = at + REQUEST_RECORD;
  const operation = operationOf(words[at + REQUEST_OPERATION]!);
  const meta = words[record + RECORD_META]!;
  const valueBytes = words[record + RECORD_VALUE_BYTES]!;
  const valueAt = record + valueWord(meta);
  if (operation === Operation.PUT) {
    const isTime = (meta & FLAG_EXPIRES) === 0 || words[valueAt - 1]! >>> 16 === 0;
    if (!isTime) return "expire at a possible time";
    const end = (at + words[at + REQUEST_LENGTH]!) * 4;
    return isZero(words, valueAt * 4 + valueBytes, end) ? undefined : "have zeros behind its value";
  }
  if (operation !== Operation.ADD && operation !== Operation.TOUCH) {
    return valueBytes === 0 ? undefined : "have no value";
  }
  const isPossible = valueBytes === DERIVATION_BYTES && isPossibleDerivation(words, record, 1);
  return isPossible ? undefined : "say what to derive, once";
}

function isZero(words: Int32Array, startByte: number, endByte: number): boolean {
  const bytes = new Uint8Array(words.buffer, words.byteOffset + startByte, endByte - startByte);
  return bytes.every((byte) => byte === 0);
}
