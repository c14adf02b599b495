/**
 * The thread of a gateway: attached like any thread that uses the store, it executes what other
 * processes ask for. See docs/protocols/processes.md.
 *
 * @module
 */
import type { MessagePort } from "node:worker_threads";
import type { DinomoError, DinomoErrorCode } from "../core/errors.ts";
import { isDinomoError } from "../core/any_error.ts";
import { epochMs } from "../core/runtime.ts";
import { removeFifos } from "../gateway/answer_fifo.ts";
import type { CallEnd, WriteFrame } from "../gateway/call_end.ts";
import type { GatewayParts } from "../gateway/gateway_connection.ts";
import { GatewayServer } from "../gateway/gateway_server.ts";
import { assertAlike, PROCESS_FORMAT, type SharedOptions } from "../gateway/handshake.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import type { PlacedDirectory } from "../persistence/socket_place.ts";
import { GATEWAY, socketPlaceOf } from "../persistence/socket_place.ts";
import { AttachedThread } from "../store/attached_thread.ts";
import { checkHandle, type StoreHandle } from "../store/handle.ts";
import { FrameError } from "../wire/frame.ts";

/** What the thread of a gateway is started with. */
export interface GatewayStart {
  readonly handle: StoreHandle;
  /** The pool's directory, which its process has locked. */
  readonly directory: PlacedDirectory;
  readonly shared: SharedOptions;
}

/** What it tells the host's thread. */
export type GatewayReport =
  | { readonly kind: "listening" }
  | { readonly kind: "failed"; readonly code: DinomoErrorCode | ""; readonly message: string }
  | { readonly kind: "closed" };

/** What the host's thread tells it. */
export type GatewayOrder = { readonly kind: "close" };

/** Runs until the host's thread terminates it. */
export async function runGateway(start: GatewayStart, port: MessagePort): Promise<void> {
  const report = (message: GatewayReport) => port.postMessage(message);
  try {
    const gateway = await startGateway(start);
    port.on("message", (order: GatewayOrder) => {
      if (order.kind === "close") void gateway.close().finally(() => report({ kind: "closed" }));
    });
    report({ kind: "listening" });
  } catch (error) {
    const { message } = error as Error;
    report({ kind: "failed", code: isDinomoError(error) ? codeOf(error) : "", message });
  }
}

async function startGateway(
  { handle, directory, shared }: GatewayStart,
): Promise<{ close(): Promise<void> }> {
  const thread = await AttachedThread.take(checkHandle(handle), {
    codec: "binary",
    cacheBytes: undefined,
    onClosed: () => {},
  });
  const { pool, parts: { client } } = thread;
  const { hashKey, keyTypes, geometry: { segmentBytes } } = pool;
  let sessionCount = 0;
  removeFifos(directory.path);
  const parts: GatewayParts = {
    client,
    reader: new OneSidedReader(pool, epochMs),
    hashKey,
    keyTypes,
    segmentBytes,
    directory: directory.path,
    welcome: (hello) => {
      assertAlike(hello, shared);
      const session = ++sessionCount;
      return { ...shared, format: PROCESS_FORMAT, segmentBytes, hashKey, session };
    },
    makeCalls: (write) => new NoCalls(write),
    onEnd: () => {},
  };
  const server = await GatewayServer.listen(socketPlaceOf(directory, GATEWAY), parts)
    .catch((error) => {
      thread.leave();
      throw error;
    });
  return {
    close: async () => {
      await server.close();
      thread.leave();
    },
  };
}

/** The end of calls of a gateway that takes none. */
class NoCalls implements CallEnd {
  constructor(_write: WriteFrame) {}

  receive(): void {
    throw new FrameError("a frame must be one that is due, got one of a call");
  }

  drain(): void {}

  close(): void {}
}

function codeOf(error: unknown): DinomoErrorCode {
  return (error as DinomoError).code;
}
