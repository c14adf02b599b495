/**
 * Errors: each class has its code and name, keeps its cause, and describes what was received
 * briefly and safely.
 *
 * @module
 */
import { runInNewContext } from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as api from "../../mod.ts";
import { describe } from "../../lib/core/errors.ts";
import { systemCodeOf } from "../../lib/core/system_code.ts";

const CODES = {
  InvalidKeyError: "DINOMO_INVALID_KEY",
  InvalidValueError: "DINOMO_INVALID_VALUE",
  ValueTooLargeError: "DINOMO_VALUE_TOO_LARGE",
  InvalidOptionError: "DINOMO_INVALID_OPTION",
  InvalidArgumentError: "DINOMO_INVALID_ARGUMENT",
  NotANumberError: "DINOMO_NOT_A_NUMBER",
  DecodeError: "DINOMO_DECODE",
  PoolFullError: "DINOMO_POOL_FULL",
  StoreClosedError: "DINOMO_CLOSED",
  NodeFailedError: "DINOMO_NODE_FAILED",
  PathError: "DINOMO_PATH",
  HostOnlyError: "DINOMO_HOST_ONLY",
  TooManyClientsError: "DINOMO_TOO_MANY_CLIENTS",
  FarOnlyError: "DINOMO_FAR_ONLY",
  NearOnlyError: "DINOMO_NEAR_ONLY",
  NotInClusterError: "DINOMO_NOT_IN_CLUSTER",
  UntrustedNodeError: "DINOMO_UNTRUSTED_NODE",
  CommitTooLargeError: "DINOMO_COMMIT_TOO_LARGE",
  ConflictError: "DINOMO_CONFLICT",
  TooManyReplicatedKeysError: "DINOMO_TOO_MANY_REPLICATED_KEYS",
  TooManyWatchersError: "DINOMO_TOO_MANY_WATCHERS",
  UnavailableError: "DINOMO_UNAVAILABLE",
  PoolLockedError: "DINOMO_LOCKED",
  ReadOnlyError: "DINOMO_READ_ONLY",
  FormatError: "DINOMO_FORMAT",
  DurabilityError: "DINOMO_DURABILITY",
  SnapshotError: "DINOMO_SNAPSHOT",
  ReentrantCallError: "DINOMO_REENTRANT",
} as const;

test("every class has its own stable code", () => {
  for (const [name, code] of Object.entries(CODES)) {
    const error = new api[name as keyof typeof CODES]("what happened");
    assert.instance(error, api.DinomoError);
    assert.instance(error, Error);
    assert.is(error.name, name);
    assert.is(error.code, code);
    assert.is(error.message, "what happened");
    assert.match(String(error), `${name}: what happened`);
  }
  assert.is(new Set(Object.values(CODES)).size, Object.keys(CODES).length);
});

test("every error class of the library is exported", () => {
  const exported = Object.keys(api).filter((name) => /^[A-Z].*Error$/.test(name)).sort();
  assert.equal(exported, [...Object.keys(CODES), "CorruptionError", "DinomoError"].sort());
});

test("a corruption has a place", () => {
  const error = new api.CorruptionError("/data/checkpoint", 12, "its CRC-32 does not match");
  assert.is(error.code, "DINOMO_CORRUPTION");
  assert.is(error.name, "CorruptionError");
  assert.is(error.file, "/data/checkpoint");
  assert.is(error.offset, 12);
  assert.is(error.message, "/data/checkpoint: damaged at byte 12: its CRC-32 does not match");
});

test("a cause is kept", () => {
  const cause = new Error("why");
  assert.is(new api.SnapshotError("what", { cause }).cause, cause);
  assert.is(new api.PathError("what", { cause }).cause, cause);
  assert.is(new api.NodeFailedError("what", { cause }).cause, cause);
});

test("a code of the system is found in errors of other contexts, as a module in jest gets them", () => {
  const error = runInNewContext(
    'new Error("no", { cause: Object.assign(new Error("gone"), { code: "ENOENT" }) })',
  );
  assert.is(systemCodeOf(error), "ENOENT");
  assert.is(systemCodeOf(new Error("no", { cause: error })), "ENOENT");
  for (
    const other of [undefined, null, "ENOENT", new Error("ENOENT"), { code: 2 }, { cause: null }]
  ) {
    assert.is(systemCodeOf(other), undefined);
  }
});

test("what was received is described briefly", () => {
  const described: readonly [unknown, string][] = [
    [undefined, "undefined"],
    [null, "null"],
    ["text", 'the string "text"'],
    ['a"b\n', 'the string "a\\"b\\n"'],
    [5, "the number 5"],
    [NaN, "the number NaN"],
    [true, "the boolean true"],
    [5n, "the bigint 5n"],
    [() => 1, "a function"],
    [Symbol("s"), "a symbol"],
    [[1, 2], "an array of 2"],
    [{}, "an object"],
    [Object.create(null), "an object"],
    [new Date(0), "an instance of Date"],
    [new Map(), "an instance of Map"],
    [{ constructor: "x" }, "an object"],
    [{ constructor: { name: 5 } }, "an object"],
  ];
  for (const [value, text] of described) assert.is(describe(value), text);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const getter = Object.defineProperty({}, "constructor", { get: () => assert.unreachable() });
  for (const value of [proxy, getter]) assert.is(describe(value), "an object");
  assert.ok(describe("x".repeat(10 ** 6)).length < 80);
});

test.run();
