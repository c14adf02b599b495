/**
 * What must be true when everything has ended in a simulated takeover.
 *
 * The changes of a key stand in one order, that of the log. An operation that ended as applied is
 * there once, with what it was told; every other one is not there. Those of one process stand in
 * the order of their issue (I4), and what found nothing to do, or has read, did so at some moment
 * between its issue and its end, behind the operations before it and in front of those after it.
 *
 * @module
 */
import { Status } from "../../lib/rings/ring_layout.ts";
import type { Change } from "./takeover_disk.ts";
import { applied, seen } from "./takeover_operations.ts";
import type { TakeoverOperation, TakeoverWorld } from "./takeover_world.ts";

/** Checks a world in which nothing can happen any more. */
export function checkTakeover({ disk, processes, mayFail }: TakeoverWorld): void {
  for (const { operations } of processes) {
    for (const operation of operations) {
      const changes = disk.changesOf(operation.key);
      checkEnd(operation, changes, mayFail);
      checkMoment(operation, operations, changes);
    }
  }
}

function checkEnd(
  { name, ended, kind }: TakeoverOperation,
  changes: readonly Change[],
  mayFail: boolean,
): void {
  const fail = (what: string) => {
    throw new Error(`${name} ${what}: ${JSON.stringify(ended)}, ${JSON.stringify(changes)}`);
  };
  if (ended === undefined) return fail("waits for ever");
  const own = changes.filter((change) => change.name === name);
  if (own.length > 1) fail("is applied twice (I5)");
  const isApplied = ended.status === Status.OK && kind !== "get";
  if (isApplied !== (own.length === 1)) fail("is not what its process was told (I3, I5)");
  const isMade = ended.error === undefined || (mayFail && ended.error.includes("was not made"));
  if (!isMade) fail("fails because its host has ended");
  const [change] = own;
  if (change === undefined) return;
  if (change.version !== ended.version) fail("has another version (I9)");
  if (kind !== "add" && kind !== "limited") return;
  const before = changes[changes.indexOf(change) - 1]?.value ?? 0;
  if (ended.value !== before) fail("has another sum");
}

/**
 * Whether an operation without a change has ended by what was true at a moment that it may have
 * been at.
 */
function checkMoment(
  operation: TakeoverOperation,
  operations: readonly TakeoverOperation[],
  changes: readonly Change[],
): void {
  const { name, key, issuedAt, ended, words } = operation;
  const at = operations.indexOf(operation);
  const placeOf = (other: TakeoverOperation) => changes.findIndex((of) => of.name === other.name);
  const places = (others: readonly TakeoverOperation[]) =>
    others.filter((other) => other.key === key).map(placeOf).filter((place) => place >= 0);
  const from = Math.max(issuedAt, ...places(operations.slice(0, at)).map((place) => place + 1));
  const to = Math.min(ended!.changes, ...places(operations.slice(at + 1)));
  const own = placeOf(operation);
  if (own >= 0 && (own < from || own >= Math.min(to + 1, ended!.changes))) {
    throw new Error(`I4: ${name} is applied out of its order: ${JSON.stringify(changes)}`);
  }
  if (own >= 0 || ended!.error !== undefined || ended!.status === Status.LOG_FULL) return;
  const request = seen(words);
  for (let moment = from; moment <= to; moment++) {
    const last = changes[moment - 1];
    const held = last?.value === undefined
      ? undefined
      : { version: last.version, value: last.value };
    const isSo = request.kind === "get"
      ? ended!.value === held?.value
      : applied(request, held) === undefined;
    if (isSo) return;
  }
  throw new Error(
    `I4: ${name} ended by what was true at no moment from ${from} to ${to}: ` +
      `${JSON.stringify(ended)}, ${JSON.stringify(changes)}`,
  );
}
