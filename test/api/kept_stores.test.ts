/**
 * A store that is closed gives its memory back, also when the application keeps it.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, open, type OpenOptions, type ReadOperations, Store } from "../../mod.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { collectGarbage } from "../support/cycles.ts";
import { temporaryPath } from "../support/temporary.ts";

type Kept = ReadOperations<unknown>;

/**
 * A store that was opened, used in several ways, attached to and closed, and views of it; a frame
 * of its own, which ends, has led to the buffers.
 */
async function useAndClose(
  options: OpenOptions,
  buffers: WeakRef<SharedArrayBuffer>[],
): Promise<Kept[]> {
  const store = await open(options);
  const attached = await attach(store.share());
  for (const each of [store, attached]) await use(each);
  if (options.path !== undefined) await store.snapshot();
  const { pool } = checkHandle(store.share());
  buffers.push(...[pool.control, ...pool.index, ...pool.log].map((each) => new WeakRef(each)));
  const views = [store, attached, store.namespace("k")].map((each) => each.pick("n"));
  assert.equal(views.map((view) => view.getSync("key")), [{ n: 2 }, { n: 2 }, undefined]);
  await attached.close();
  await store.close();
  return [store, attached, ...views];
}

async function use(store: Store<unknown>): Promise<void> {
  await store.put("key", { n: 1 });
  assert.equal(await store.get("key"), { n: 1 });
  assert.equal(await store.update("key", () => ({ n: 2 })), { n: 2 });
  assert.equal(await store.getMany(["key"]), [{ n: 2 }]);
  for await (const [, value] of store.entries()) assert.equal(value, { n: 2 });
}

for (const placement of ["near", "far"] as const) {
  for (const hasPath of [false, true]) {
    const what = `a ${placement} store${hasPath ? " with a path" : ""}`;
    test(`${what} that is closed and kept leads to none of its buffers`, async () => {
      const stores: Kept[] = [];
      const buffers: WeakRef<SharedArrayBuffer>[] = [];
      for (let i = 0; i < 2; i++) {
        const path = hasPath ? { path: temporaryPath() } : {};
        stores.push(...await useAndClose({ placement, ...path }, buffers));
      }
      const left = () => buffers.filter((each) => each.deref() !== undefined).length;
      for (let i = 0; i < 500 && left() > 0; i++) {
        await setTimeout(20);
        collectGarbage();
      }
      assert.is(left(), 0, `${left()} of ${buffers.length} buffers`);
      for (const store of stores) {
        if (store instanceof Store) assert.is(store.nodes, 0);
        assert.throws(() => store.getSync("key"), /closed/);
      }
    });
  }
}

test.run();
