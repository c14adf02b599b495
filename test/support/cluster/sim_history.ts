/**
 * What the clients of a simulated cluster have seen, key by key, and whether that is right: it has
 * an order, and the changes that one client has had on their way to a key at one time were made in
 * theirs.
 *
 * @module
 */
import {
  type ClusterAnswer,
  type ClusterRequest,
  slotOf,
} from "../../../lib/cluster/node/requests.ts";
import { Condition, Operation as Asked, Status } from "../../../lib/rings/ring_layout.ts";
import { checkHistory, renderViolation } from "../linearizability/check_history.ts";
import { ABSENT, historyOf, type Operation, OperationKind } from "../linearizability/operation.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A number as it is stored, as a codec of JSON does, with spaces behind it up to so many bytes. */
export function valueOf(number: number, bytes = 0): Uint8Array {
  return encoder.encode(JSON.stringify(number).padEnd(bytes));
}

/** An operation that was begun. */
export interface Begun {
  readonly key: string;
  readonly row: number;
  readonly request: ClusterRequest;
}

/** Everything that was seen. */
export class SimHistory {
  readonly #operations = new Map<string, Operation[]>();
  /** Versions that were read last. */
  readonly #versions = new Map<string, number>();
  readonly #evicts: boolean;
  #disorder: string | undefined;
  #ticks = 0;

  /** @param evicts whether keys expire */
  constructor(keys: readonly string[], evicts: boolean) {
    for (const key of keys) this.#operations.set(key, []);
    this.#evicts = evicts;
  }

  /** All operations. */
  get operations(): readonly Operation[] {
    return [...this.#operations.values()].flat();
  }

  /** The version of a key that was read last; undefined if it was absent. */
  versionOf(key: string): number | undefined {
    return this.#versions.get(key);
  }

  /** A client issues a request. */
  begin(client: number, key: string, request: ClusterRequest): Begun {
    const operations = this.#operations.get(key)!;
    const { operation, condition, expectedVersion, value, derivation } = request;
    const kind = kindOf(request);
    const version = condition === Condition.ABSENT ? ABSENT : expectedVersion;
    const input = operation === Asked.PUT
      ? Number(decoder.decode(value))
      : operation === Asked.ADD
      ? derivation!.sumAfter(0)
      : 0;
    const callAt = ++this.#ticks;
    operations.push({ client, kind, input, version, output: 0, callAt, returnAt: Infinity });
    return { key, row: operations.length - 1, request };
  }

  /** It was answered. */
  end({ key, row, request }: Begun, answer: ClusterAnswer): void {
    const operations = this.#operations.get(key)!;
    const isRead = request.operation === Asked.GET;
    const { version } = answer;
    const output = outputOf(request, answer);
    if (isRead && answer.status === Status.FOUND) this.#versions.set(key, version);
    else if (isRead) this.#versions.delete(key);
    const told = isRead ? { version } : {};
    operations[row] = { ...operations[row]!, ...told, output, returnAt: ++this.#ticks };
  }

  /** What a client has had on its way at one time, in its order, with the answers. */
  compareOrder(
    answers: readonly { readonly begun: Begun; readonly answer: ClusterAnswer }[],
  ): void {
    let last = 0;
    for (const { begun: { key, request }, answer: { status, version } } of answers) {
      const isRead = request.operation === Asked.GET;
      if (version === 0) continue;
      if (isRead ? version < last : version <= last) {
        this.#disorder ??= `${key}, slot ${slotOf(request)}: version ${version} after ${last}` +
          `, request ${request.number} of session ${request.session}, status ${status}`;
      }
      last = version;
    }
  }

  /** What is wrong; undefined if nothing is. */
  violation(): string | undefined {
    if (this.#disorder !== undefined) return this.#disorder;
    for (const [key, operations] of [...this.#operations.values()].entries()) {
      const violation = checkHistory(historyOf(key, operations), { evicts: this.#evicts });
      if (violation !== undefined) return renderViolation(violation);
    }
    return undefined;
  }
}

function kindOf({ operation, condition }: ClusterRequest): number {
  const isConditional = condition !== Condition.NONE;
  switch (operation) {
    case Asked.GET:
      return OperationKind.GET_ENTRY;
    case Asked.HAS:
      return OperationKind.HAS;
    case Asked.PUT:
      return isConditional ? OperationKind.COMPARE_AND_SET : OperationKind.PUT;
    case Asked.DELETE:
      return isConditional ? OperationKind.COMPARE_AND_DELETE : OperationKind.DELETE;
    case Asked.ADD:
      return OperationKind.INCREMENT;
    default:
      return OperationKind.TOUCH;
  }
}

function outputOf({ operation, derivation }: ClusterRequest, answer: ClusterAnswer): number {
  const { status, value, before } = answer;
  if (operation === Asked.GET) {
    return status === Status.FOUND ? Number(decoder.decode(value)) : ABSENT;
  }
  if (operation === Asked.ADD) return derivation!.sumAfter(before);
  return status === Status.OK ? 1 : 0;
}
