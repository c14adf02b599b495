/**
 * The arguments of the store's methods: what they may be, and what they mean.
 *
 * @module
 */
import { DecodeError, describe, FarOnlyError, InvalidArgumentError } from "../../core/errors.ts";
import { NumberForm } from "../../codec/stored_numbers.ts";
import { isBytes, type Key, KeyEncoder } from "../../core/key_encoder.ts";
import { epochMs } from "../../platform/runtime.ts";
import { parseBytes } from "../../core/units.ts";
import { DURABILITY_LEVELS, DurabilityLevel } from "../../pool/durability.ts";
import {
  CELL_KEY_BYTES_MAX,
  CONSISTENT_KEYS_MAX,
  EXPIRY_MS_MAX,
  NESTING_MAX,
  VERSION_MAX,
} from "../../core/limits.ts";
import { isFar } from "../../pool/placement.ts";
import type { Pool } from "../../pool/pool.ts";
import { type DerivationWords, KEEP_EXPIRY } from "../../rings/derivation_words.ts";
import { assertSignal } from "./abort.ts";
import type {
  BoundedIncrementOptions,
  EndOptions,
  IterationOptions,
  KeysOptions,
  PutManyOptions,
  PutOptions,
  ReadManyOptions,
  ReadOptions,
  TouchOptions,
} from "./method_options.ts";
import { RANGE_OPTIONS } from "./key_range.ts";
import { assertOptions } from "./option_names.ts";
import { pathFrom, pathRule } from "./path_argument.ts";
import { nodeCountMax } from "./pool_sizes.ts";

/** Checks the options of a read of many values. */
export function assertReadOptions(
  options: ReadOptions | undefined,
  names: readonly string[] = ["onDecodeError", "signal"],
): void {
  if (options === undefined) return;
  assertOptions(options, names);
  const { onDecodeError, signal } = options;
  assertSignal(signal);
  if (onDecodeError === undefined || typeof onDecodeError === "function") return;
  throw new InvalidArgumentError(
    `onDecodeError must be a function, got ${describe(onDecodeError)}`,
  );
}

const READ_MANY_SYNC = ["onDecodeError", "consistent"];
const READ_MANY = [...READ_MANY_SYNC, "signal"];

/** Checks the options of a read of the values of some keys; whether it is of one moment. */
export function isConsistent(options: ReadManyOptions | undefined, isSync: boolean): boolean {
  assertReadOptions(options, isSync ? READ_MANY_SYNC : READ_MANY);
  const consistent: unknown = options?.consistent;
  if (consistent === undefined || typeof consistent === "boolean") return consistent === true;
  throw new InvalidArgumentError(`consistent must be a boolean, got ${describe(consistent)}`);
}

/** The keys of a read of one moment, which their caller cannot change while the read goes on. */
export function keysOfMoment(keys: Iterable<Key>): Key[] {
  const list = ownKeys(keys);
  if (list.length > CONSISTENT_KEYS_MAX) {
    throw new InvalidArgumentError(
      `keys must be at most ${CONSISTENT_KEYS_MAX} to be read at one moment, got ${list.length}`,
    );
  }
  return list;
}

/** Goes on behind a value that cannot be decoded, if that is wanted; throws otherwise. */
export function passOver(error: unknown, options: ReadOptions | undefined): undefined {
  const onDecodeError = options?.onDecodeError;
  if (!(error instanceof DecodeError) || onDecodeError === undefined) throw error;
  onDecodeError(error);
}

/**
 * Checks that a key of so many bytes may be owned by several KNs.
 *
 * @throws {InvalidArgumentError} when it is too long
 */
export function assertReplicable(keyBytes: number): void {
  if (keyBytes <= CELL_KEY_BYTES_MAX) return;
  throw new InvalidArgumentError(
    `key must have at most ${CELL_KEY_BYTES_MAX} bytes to be replicated, got ${keyBytes} bytes`,
  );
}

/**
 * Encodes a key that may be owned by several KNs.
 *
 * @throws {FarOnlyError} in the near placement
 * @throws {InvalidArgumentError} when the key is too long
 */
export function encodeReplicable(key: Key, pool: Pool): KeyEncoder {
  const encoder = new KeyEncoder(...pool.hashKey, pool.keyTypes);
  encoder.encode(key);
  if (!isFar(pool)) {
    throw nearReplication();
  }
  assertReplicable(encoder.byteLength);
  return encoder;
}

/** The error for a key of a near pool. */
export function nearReplication(): FarOnlyError {
  return new FarOnlyError(
    'replicate must be called on a store with placement "far", got a near one: ' +
      "there every thread reads every key itself",
  );
}

/** A key that its caller cannot change while an operation waits. */
export function ownKey(key: Key): Key {
  return isBytes(key) ? new Uint8Array(key) : key;
}

/** Keys that their caller cannot change while an operation waits. */
export function ownKeys(keys: Iterable<Key>): Key[] {
  return Array.from(iterable<Key>("keys", keys), ownKey);
}

const ITERATION_SYNC = [...RANGE_OPTIONS, "onDecodeError"];
const ITERATION = [...ITERATION_SYNC, "signal"];

/** Checks the options of an iteration, apart from what its range is. */
export function assertIterationOptions(
  options: IterationOptions | undefined,
  isSync: boolean,
): void {
  assertReadOptions(options, isSync ? ITERATION_SYNC : ITERATION);
}

const KEYS = [...RANGE_OPTIONS, "signal"];

/** Checks the options of what is done with all keys of a range. */
export function assertKeysOptions(options: KeysOptions | undefined, isSync: boolean): void {
  if (options !== undefined) assertOptions(options, isSync ? RANGE_OPTIONS : KEYS);
}

/** Checks the options of a look at one end of a range, which has neither a way nor a number. */
export function assertEndOptions(options: EndOptions | undefined, isSync: boolean): void {
  if (options === undefined) return;
  const names = isSync ? ITERATION_SYNC : ITERATION;
  assertOptions(options, names.filter((name) => name !== "reverse" && name !== "limit"));
}

/**
 * Whether a put with these options has to be synced although the store does not always do that.
 *
 * @param level the store's, one of `DurabilityLevel`
 */
export function mustSyncOf(options: PutOptions | undefined, level: number): boolean {
  const durability = options?.durability;
  if (durability === undefined) return false;
  const isLevel = typeof durability === "string" && Object.hasOwn(DURABILITY_LEVELS, durability);
  const wanted = isLevel ? DURABILITY_LEVELS[durability] : -1;
  // Only a store that logs its writes can do better than it always does.
  const isPossible = wanted === level ||
    (wanted === DurabilityLevel.DISK && level === DurabilityLevel.OS);
  if (!isPossible) {
    const own = Object.keys(DURABILITY_LEVELS)[level];
    throw new InvalidArgumentError(
      `durability must be the store's (${JSON.stringify(own)})${
        level === DurabilityLevel.OS ? ' or "disk"' : ""
      }, got ${describe(durability)}`,
    );
  }
  return wanted > level;
}

/** Splits the options of a put of many entries into those of each put and the signal. */
export function putManyOptionsOf(
  options: PutManyOptions | undefined,
): { readonly each: PutOptions | undefined; readonly signal: AbortSignal | undefined } {
  if (options === undefined) return { each: undefined, signal: undefined };
  assertOptions(options, ["ttl", "expiresAt", "durability", "signal"]);
  const { ttl, expiresAt, durability, signal } = options;
  return { each: { ttl, expiresAt, durability }, signal };
}

/** When a put with these options expires, in milliseconds since the epoch; Infinity for never. */
export function expiryOf(options: PutOptions | undefined): number {
  return givenExpiryOf(options) ?? Infinity;
}

/** Like {@linkcode expiryOf}; undefined if the options do not say it. */
export function givenExpiryOf(options: PutOptions | undefined): number | undefined {
  if (options === undefined) return undefined;
  assertOptions(options, ["ttl", "expiresAt", "durability"]);
  return timeOf(options);
}

function timeOf({ ttl, expiresAt }: PutOptions): number | undefined {
  if (expiresAt === undefined) return ttl === undefined ? undefined : expiryAfter("ttl", ttl);
  if (ttl !== undefined) {
    throw new InvalidArgumentError("expiresAt must be left out where ttl is given, got both");
  }
  return assertExpiresAt(expiresAt);
}

/** Names of the options of an increment. */
const INCREMENT_OPTIONS = ["ttl", "ttlIfNew", "expiresAt", "min", "max", "durability"];

/**
 * Writes what an increment with these options asks for.
 *
 * @param form how the store writes numbers, one of `NumberForm`
 */
export function askToAdd(
  asked: DerivationWords,
  form: number,
  by: number,
  options: BoundedIncrementOptions | undefined,
): void {
  if (form === NumberForm.NONE) {
    throw new InvalidArgumentError(
      'increment must be called on a store with the codec "msgpack" or "json", got one with ' +
        "another codec, of which the store cannot read numbers: use update(key, change)",
    );
  }
  if (typeof by !== "number" || !Number.isFinite(by)) {
    throw new InvalidArgumentError(`by must be a finite number, got ${describe(by)}`);
  }
  if (options === undefined) {
    return asked.askToAdd(form, by, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
  }
  assertOptions(options, INCREMENT_OPTIONS);
  const { ttlIfNew } = options;
  const given = timeOf(options);
  if (ttlIfNew !== undefined && given !== undefined) {
    throw new InvalidArgumentError(
      "ttlIfNew must be left out where ttl or expiresAt is given, got both",
    );
  }
  const ifNew = ttlIfNew === undefined ? given : expiryAfter("ttlIfNew", ttlIfNew);
  const min = boundOf("min", options.min, -Infinity);
  const max = boundOf("max", options.max, Infinity);
  if (min > max) {
    throw new InvalidArgumentError(`min must not be greater than max, got ${min} and ${max}`);
  }
  asked.askToAdd(form, by, min, max, given ?? KEEP_EXPIRY, ifNew ?? Infinity);
}

function boundOf(name: string, bound: unknown, none: number): number {
  if (bound === undefined) return none;
  if (typeof bound === "number" && !Number.isNaN(bound)) return bound;
  throw new InvalidArgumentError(`${name} must be a number, got ${describe(bound)}`);
}

/** When a key that is touched with these options expires. */
export function touchExpiryOf(options: TouchOptions): number {
  const expiresAtMs = givenExpiryOf(options);
  if (expiresAtMs !== undefined) return expiresAtMs;
  throw new InvalidArgumentError("options must have ttl or expiresAt, got neither");
}

function expiryAfter(name: string, ttl: number): number {
  if (typeof ttl !== "number" || !(ttl > 0)) {
    throw new InvalidArgumentError(
      `${name} must be a positive number of milliseconds, got ${describe(ttl)}`,
    );
  }
  if (ttl === Infinity) return Infinity;
  const expiresAtMs = epochMs() + Math.ceil(ttl);
  if (expiresAtMs > EXPIRY_MS_MAX) {
    throw new InvalidArgumentError(
      `${name} must be a positive number of milliseconds that ends before the year 10889, or Infinity for ` +
        `a key that stays, got ${describe(ttl)}`,
    );
  }
  return expiresAtMs;
}

function assertExpiresAt(expiresAt: unknown): number {
  const isTime = typeof expiresAt === "number" && expiresAt > 0 &&
    (expiresAt <= EXPIRY_MS_MAX || expiresAt === Infinity);
  if (isTime) return Math.ceil(expiresAt);
  throw new InvalidArgumentError(
    "expiresAt must be milliseconds since the epoch, before the year 10889, or Infinity for " +
      `a key that stays, got ${describe(expiresAt)}`,
  );
}

/** Checks the version argument of a compare-and-set. */
export function versionOf(version: unknown): number | null {
  const isValid = version === null ||
    (typeof version === "number" && Number.isInteger(version) && version >= 0 &&
      version <= VERSION_MAX);
  if (!isValid) {
    throw new InvalidArgumentError(
      `version must be one that getEntry returned, or null, got ${describe(version)}`,
    );
  }
  return version as number | null;
}

/** Checks the version argument of a compare-and-delete: there must have been one. */
export function presentVersionOf(version: unknown): number {
  const expected = version === null ? undefined : versionOf(version);
  if (typeof expected === "number") return expected;
  throw new InvalidArgumentError(
    "version must be one that getEntry returned, got null: a key that does not exist cannot be deleted",
  );
}

/** Checks the function argument of an update. */
export function assertChange(change: unknown): void {
  if (typeof change === "function") return;
  throw new InvalidArgumentError(`change must be a function, got ${describe(change)}`);
}

/** Checks the function argument of a transaction. */
export function assertRun(run: unknown): void {
  if (typeof run === "function") return;
  throw new InvalidArgumentError(`run must be a function, got ${describe(run)}`);
}

/** Checks the paths argument of a pick. */
export function assertPaths(paths: readonly string[]): readonly string[] {
  if (paths.length === 0) throw new InvalidArgumentError("paths must be at least one, got none");
  for (const path of paths) {
    if (typeof path !== "string") {
      throw new InvalidArgumentError(`paths must be strings, got ${describe(path)}`);
    }
    const count = path.split(".").length;
    if (count <= NESTING_MAX) continue;
    throw new InvalidArgumentError(
      `paths must have at most ${NESTING_MAX} names, got one of ${count}`,
    );
  }
  return paths;
}

/** Checks that an entry of a batch is a pair, perhaps with options. */
export function assertEntry(entry: unknown): void {
  if (!Array.isArray(entry)) {
    throw new InvalidArgumentError(`entries must hold [key, value] pairs, got ${describe(entry)}`);
  }
  if (entry.length <= 3) return;
  throw new InvalidArgumentError(
    `entries must hold [key, value] or [key, value, options], got ${describe(entry)}`,
  );
}

/**
 * Checks how many KNs a store is to have.
 *
 * @param bounds of autoscale, if the M-node decides about their number, too
 * @param segmentCount of the pool
 */
export function assertNodeCount(
  nodes: number,
  bounds: { readonly min: number; readonly max: number } | undefined,
  segmentCount: number,
): void {
  if (bounds !== undefined && (nodes < bounds.min || nodes > bounds.max)) {
    throw new InvalidArgumentError(
      `nodes must be from ${bounds.min} to ${bounds.max}, the bounds of autoscale, got ${
        describe(nodes)
      }`,
    );
  }
  const max = nodeCountMax(segmentCount);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > max) {
    throw new InvalidArgumentError(
      `nodes must be a whole number from 1 to ${max} for a pool of ` +
        `${segmentCount} segments, got ${describe(nodes)}`,
    );
  }
}

/** Checks how many of so many KNs are to own a key. */
export function assertOwnerCount(owners: number, nodes: number): void {
  if (Number.isInteger(owners) && owners >= 1 && owners <= nodes) return;
  throw new InvalidArgumentError(
    `owners must be a whole number from 1 to ${nodes}, the number of KNs, got ${describe(owners)}`,
  );
}

/** The bytes that a store is to grow to. */
export function capacityOf(capacity: unknown): number {
  try {
    return parseBytes("capacity", capacity);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** The path of a backup's directory. */
export function backupPathOf(directory: string | URL): string {
  if (directory === "" || (typeof directory !== "string" && !(directory instanceof URL))) {
    throw new InvalidArgumentError(
      `directory must be a non-empty string, got ${describe(directory)}`,
    );
  }
  const path = pathFrom(directory);
  if (path !== undefined) return path;
  throw new InvalidArgumentError(`directory ${pathRule(directory)}, got ${describe(directory)}`);
}

/** Checks that an argument is an iterable. */
export function iterable<T>(name: string, value: unknown): Iterable<T> {
  const isIterable = typeof value === "object" && value !== null && Symbol.iterator in value;
  if (!isIterable) {
    throw new InvalidArgumentError(`${name} must be an iterable, got ${describe(value)}`);
  }
  return value as Iterable<T>;
}

/** The error for a method that needs an order, of a store that has none. */
export function unordered(method: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `${method} must be called on a store that is opened with ordered: true, got one without`,
  );
}
