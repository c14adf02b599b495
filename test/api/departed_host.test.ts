/**
 * The thread that opened a store ends without closing it, in the middle of a move of a slot: what
 * threads that are attached have asked for ends with a typed error, and so does what they ask for
 * later.
 *
 * @module
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, type Store, StoreClosedError, type StoreHandle } from "../../mod.ts";
import { AttachedThread, ThreadError } from "../support/attached_thread.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import type { MovingHostStart } from "../support/workers/moving_host.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const HOST = new URL(`../support/workers/moving_host.${EXTENSION}`, import.meta.url);
const KEY = "moving";
const CLOSED = {
  type: StoreClosedError,
  code: "DINOMO_CLOSED",
  says: /the thread that opened it has ended without closing it/,
} as const;

async function startHost(start: MovingHostStart): Promise<{ host: Worker; handle: StoreHandle }> {
  const host = new Worker(HOST, { workerData: start });
  const [handle] = await once(host, "message");
  return { host, handle };
}

/** Has the host mark the slot of the key. */
async function mark(host: Worker): Promise<void> {
  host.postMessage("mark");
  await once(host, "message");
}

for (const placement of ["near", "far"] as const) {
  for (const how of ["exit", "terminate"] as const) {
    test(`operations on a moving slot of a ${placement} store end when its host ends by ${how}`, async () => {
      const options = { placement, capacity: "4MiB", segmentBytes: "16KiB" } as const;
      const { host, handle } = await startHost({ options, key: KEY });
      const store: Store<number> = await attach<number>(handle);
      const thread = await AttachedThread.start(handle);
      await store.put(KEY, 2);
      await mark(host);
      const put = assertRejects(() => store.put(KEY, 3), CLOSED, "put");
      const putSync = errorOf(() => thread.call("putSync", KEY, 4));
      const ended = once(host, "exit");
      if (how === "exit") host.postMessage("exit");
      else void host.terminate();
      await ended;
      await put;
      const error = await putSync;
      assert.instance(error, ThreadError);
      assert.is((error as ThreadError).code, "DINOMO_CLOSED", `${error}`);
      await assertRejects(() => store.put("another", 5), CLOSED, "a later put");
      await store.close();
      await errorOf(() => thread.call("close"));
      await thread.terminate();
    });
  }
}

test.run();
