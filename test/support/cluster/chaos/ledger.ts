/**
 * What the processes of a cluster have said, and what there has to be after that.
 *
 * What a process had begun and was not told when it was killed is the only thing that may have been
 * done or not.
 *
 * @module
 */
import type { Store } from "../../../../mod.ts";
import { checkHistory, renderViolation } from "../../linearizability/check_history.ts";
import {
  ABSENT,
  historyOf,
  type Operation,
  OperationKind,
} from "../../linearizability/operation.ts";
import { type LoadMessage, UNIQUE_COUNT, UNWRITTEN } from "../../load_messages.ts";

/** One process, as far as it matters here. */
export interface Witness {
  readonly id: number;
  readonly messages: readonly LoadMessage[];
}

/** What was counted. */
export interface LedgerCounts {
  answered: number;
  histories: number;
}

const OPERATIONS_PER_PUT = 2 * UNIQUE_COUNT;

/**
 * Compares what is stored, and what was read and written, with what is possible; returns what is
 * wrong.
 */
export async function checkLedger(
  witnesses: readonly Witness[],
  store: Store<number>,
  counts: LedgerCounts,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { messages } of witnesses) {
    for (const message of messages) if (message.kind === "wrong") wrong.push(message.what);
  }
  await checkSums(witnesses, store, counts, wrong);
  await checkPuts(witnesses, store, counts, wrong);
  await checkChain(witnesses, store, counts, wrong);
  checkRegisters(witnesses, counts, wrong);
  return wrong;
}

async function checkSums(
  witnesses: readonly Witness[],
  store: Store<number>,
  counts: LedgerCounts,
  wrong: string[],
): Promise<void> {
  const bounds = new Map<string, { least: number; most: number }>();
  for (const { messages } of witnesses) {
    for (const message of messages) {
      if (message.kind !== "adding" && message.kind !== "added") continue;
      const sum = bounds.get(message.key) ?? { least: 0, most: 0 };
      if (message.kind === "adding") sum.most += message.count;
      else sum.least += message.count;
      if (message.kind === "added") counts.answered += 2 * message.count;
      bounds.set(message.key, sum);
    }
  }
  for (const [key, { least, most }] of bounds) {
    const sum = await store.get(key) ?? 0;
    if (sum < least || sum > most) wrong.push(`${key} is ${sum}, not ${least} to ${most}`);
  }
}

async function checkPuts(
  witnesses: readonly Witness[],
  store: Store<number>,
  counts: LedgerCounts,
  wrong: string[],
): Promise<void> {
  const puts: [key: string, value: number][] = [];
  for (const { id, messages } of witnesses) {
    for (const message of messages) {
      if (message.kind !== "put") continue;
      for (let i = 0; i < UNIQUE_COUNT; i++) {
        puts.push([`unique ${id} ${message.round} ${i}`, message.round * UNIQUE_COUNT + i]);
      }
      counts.answered += OPERATIONS_PER_PUT;
    }
  }
  for (let at = 0; at < puts.length; at += 500) {
    const part = puts.slice(at, at + 500);
    const found = await store.getMany(part.map(([key]) => key));
    part.forEach(([key, value], i) => {
      if (found[i] !== value) wrong.push(`${key} is ${found[i]}, not ${value}`);
    });
  }
}

async function checkChain(
  witnesses: readonly Witness[],
  store: Store<number>,
  counts: LedgerCounts,
  wrong: string[],
): Promise<void> {
  const linked = new Set<number>();
  let open = 0;
  for (const { messages } of witnesses) {
    let isLinking = false;
    for (const message of messages) {
      if (message.kind === "linking") isLinking = true;
      if (message.kind !== "linked") continue;
      isLinking = false;
      counts.answered += 1;
      if (linked.has(message.value)) wrong.push(`link ${message.value} was put twice`);
      linked.add(message.value);
    }
    const isDone = messages.at(-1)?.kind === "closed";
    if (isLinking && !isDone) open += 1;
  }
  const last = await store.get("chain") ?? 0;
  if (last < linked.size || last > linked.size + open) {
    wrong.push(`the chain has ${last} links, not ${linked.size} to ${linked.size + open}`);
  }
}

/** Reads and writes of each register are in an order that one register has. */
function checkRegisters(
  witnesses: readonly Witness[],
  counts: LedgerCounts,
  wrong: string[],
): void {
  const histories = new Map<string, Operation[]>();
  for (const { id, messages } of witnesses) {
    const returned = new Map<number, { output: number; atMs: number }>();
    for (const message of messages) {
      if (message.kind === "returned") returned.set(message.number, message);
    }
    for (const message of messages) {
      if (message.kind !== "called") continue;
      const { number, key, input, atMs: callAt } = message;
      const end = returned.get(number);
      if (end !== undefined) counts.answered += 1;
      const operations = histories.get(key) ?? [];
      histories.set(key, operations);
      operations.push({
        client: id,
        kind: input === 0 ? OperationKind.GET : OperationKind.PUT,
        input,
        version: 0,
        output: end?.output === UNWRITTEN ? ABSENT : input === 0 ? end?.output ?? 0 : 0,
        callAt,
        returnAt: end?.atMs ?? Infinity,
      });
    }
  }
  counts.histories += histories.size;
  let index = 0;
  for (const [key, operations] of histories) {
    const violation = checkHistory(historyOf(index++, inOrder(operations)));
    if (violation !== undefined) wrong.push(`${key}: ${renderViolation(violation)}`);
  }
}

/**
 * Numbers moments one by one. Of a millisecond calls come first: what is within it is taken for
 * concurrent, as clocks of processes say no more.
 */
function inOrder(operations: readonly Operation[]): Operation[] {
  const moments = operations.flatMap((operation, row) => [
    { atMs: operation.callAt, isReturn: false, row },
    // Clocks are read apart: nobody knows which of two comes first within a millisecond.
    ...(operation.returnAt === Infinity
      ? []
      : [{ atMs: operation.returnAt + 1, isReturn: true, row }]),
  ]).sort((a, b) => a.atMs - b.atMs || Number(a.isReturn) - Number(b.isReturn));
  const numbered = operations.map((operation) => ({ ...operation }));
  moments.forEach(({ isReturn, row }, tick) => {
    if (isReturn) numbered[row]!.returnAt = tick;
    else numbered[row]!.callAt = tick;
  });
  return numbered;
}
