/**
 * The thread of a gateway: attached like any thread that uses the store, it executes what other
 * processes ask for. See docs/protocols/processes.md.
 *
 * @module
 */
import type { MessagePort } from "node:worker_threads";
import { type DinomoError, type DinomoErrorCode, UnavailableError } from "../core/errors.ts";
import { isDinomoError } from "../core/any_error.ts";
import { epochMs } from "../platform/runtime.ts";
import { encodeFailure } from "../gateway/carried_errors.ts";
import { removeFifos } from "../gateway/answer_fifo.ts";
import type { GatewayParts } from "../gateway/gateway_connection.ts";
import { GatewayServer } from "../gateway/gateway_server.ts";
import { assertAlike, PROCESS_FORMAT, type SharedOptions } from "../gateway/handshake.ts";
import {
  claimSession,
  confirmAnswers,
  endSession,
  keepSession,
  loseSessions,
  outcomeOf,
} from "../gateway/session_evidence.ts";
import { type SessionEvidence, SessionRegister } from "../gateway/session_register.ts";
import { SessionLedger } from "../log/session_ledger.ts";
import type { Pool } from "../pool/pool.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import { type HeldDirectory, heldFiles } from "../persistence/held_files.ts";
import { SessionNumbers } from "../persistence/session_numbers.ts";
import { GATEWAY, socketPlaceOf } from "../persistence/socket_place.ts";
import { AttachedThread } from "../store/opening/attached_thread.ts";
import { checkHandle, type StoreHandle } from "../store/parts/handle.ts";
import { StoreLifetime } from "../store/parts/lifetime.ts";
import { LocalPool } from "../store/local_pool.ts";
import type { CallClient } from "../wire/call_client.ts";
import { CallServer } from "../wire/call_server.ts";
import { type Answer, answerCalls } from "./calls/called_pool.ts";
import { connectHost } from "./calls/host_calls.ts";
import { GatewayCommands } from "./gateway_commands.ts";

/** What a gateway is started with, when its thread is there. */
export interface GatewayStart {
  readonly handle: StoreHandle;
  /** The pool's directory, which its process has locked. */
  readonly directory: HeldDirectory;
  readonly shared: SharedOptions;
}

/** What it tells the host's thread. */
export type GatewayReport =
  | { readonly kind: "listening" }
  | { readonly kind: "failed"; readonly code: DinomoErrorCode | ""; readonly message: string }
  | { readonly kind: "closed" }
  | HostCall;

/** What the host's thread tells it; the first order is to start. */
export type GatewayOrder =
  | { readonly kind: "start"; readonly start: GatewayStart }
  | { readonly kind: "close" }
  | HostCall;

/** A frame of a call to the host's thread, or of its answer. */
export interface HostCall {
  readonly kind: "call";
  readonly bytes: Uint8Array;
}

/** Runs from when the host's thread says so until that terminates it. */
export function runGateway(port: MessagePort): void {
  const report = (message: GatewayReport) => port.postMessage(message);
  const host = connectHost((bytes) => report({ kind: "call", bytes }));
  let gateway: Promise<{ close(): Promise<void> } | undefined> = Promise.resolve(undefined);
  port.on("message", (order: GatewayOrder) => {
    switch (order.kind) {
      case "start":
        gateway = startGateway(order.start, host.calls);
        gateway.then(() => report({ kind: "listening" }), (error) => report(failureOf(error)));
        break;
      case "call":
        host.receive(order.bytes);
        break;
      case "close":
        void gateway.then((started) => started?.close())
          .catch(() => {})
          .finally(() => report({ kind: "closed" }));
    }
  });
}

function failureOf(error: unknown): GatewayReport {
  const code = isDinomoError(error) ? (error as DinomoError).code : "";
  return { kind: "failed", code, message: (error as Error).message };
}

async function startGateway(
  { handle, directory, shared }: GatewayStart,
  hostCalls: CallClient,
): Promise<{ close(): Promise<void> }> {
  const thread = await AttachedThread.take(checkHandle(handle), {
    codec: "binary",
    cacheBytes: undefined,
    onClosed: () => {},
  });
  const { pool, parts: { client } } = thread;
  const { hashKey, keyTypes, geometry: { segmentBytes } } = pool;
  const ledger = SessionLedger.of(pool)!;
  const numbers = new SessionNumbers(heldFiles(nodeFileSystem, directory), directory.path);
  removeFifos(directory.path);
  const reader = new OneSidedReader(pool, epochMs);
  const direct = { pool, reader };
  const local = new LocalPool({ ...direct, clientId: thread.clientId, cache: undefined, handle });
  const watches = local.makeWatches(new StoreLifetime(local));
  const askHost: Answer = (content, signal) => hostCalls.call(content, { signal });
  const answer = answerCalls({ direct, watches, askHost });
  const commands = new GatewayCommands({ handle, path: directory.path, shared, hostCalls });
  const parts: GatewayParts = {
    client,
    reader,
    hashKey,
    keyTypes,
    segmentBytes,
    directory: directory.path,
    welcome: (hello) => {
      assertAlike(hello, shared);
      if (ledger.numbersLeft === 0) reserveSessions(numbers, ledger);
      const session = claimSession(pool);
      return { ...shared, format: PROCESS_FORMAT, segmentBytes, hashKey, session };
    },
    makeCalls: (write) => new CallServer({ answer, failureOf: encodeFailure, write }),
    takeOver: (socket, first) => commands.take(socket, first),
    register: new SessionRegister(evidenceOf(pool)),
  };
  const server = await GatewayServer.listen(socketPlaceOf(directory, GATEWAY), parts)
    .catch((error) => {
      void commands.close();
      thread.leave();
      throw error;
    });
  return {
    close: async () => {
      await Promise.all([commands.close(), server.close()]);
      thread.leave();
    },
  };
}

/** @throws {UnavailableError} when that cannot be: a connection is refused, and tried again */
function reserveSessions(numbers: SessionNumbers, ledger: SessionLedger): void {
  try {
    numbers.reserve(ledger);
  } catch (cause) {
    const why = "a connection must wait until numbers of sessions can be written";
    throw new UnavailableError(`${why}, got ${String(cause)}`, { cause });
  }
}

/** What the pool's ledger says. */
function evidenceOf(pool: Pool): SessionEvidence {
  loseSessions(pool);
  return {
    confirmAnswers: (session, number) => confirmAnswers(pool, session, number),
    keepSession: (session) => keepSession(pool, session),
    endSession: (session) => endSession(pool, session),
    outcomeOf: (session, number) => outcomeOf(pool, session, number),
  };
}
