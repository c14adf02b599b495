/**
 * A store that is closed gives its memory back, also when the application keeps it.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "../../mod.ts";
import { checkHandle } from "../../lib/store/handle.ts";
import { collectGarbage } from "../support/cycles.ts";

for (const placement of ["near", "far"] as const) {
  test(`a ${placement} store that is closed and kept leads to none of its buffers`, async () => {
    const stores: Store<unknown>[] = [];
    const buffers: WeakRef<SharedArrayBuffer>[] = [];
    for (let i = 0; i < 3; i++) {
      const store = await open({ placement });
      await store.put("key", { i });
      await store.get("key");
      const { pool } = checkHandle(store.share());
      buffers.push(...[pool.control, ...pool.index, ...pool.log].map((each) => new WeakRef(each)));
      await store.close();
      stores.push(store);
    }
    const left = () => buffers.filter((each) => each.deref() !== undefined).length;
    for (let i = 0; i < 100 && left() > 3; i++) {
      await setTimeout(20);
      collectGarbage();
    }
    // Those of the last one may be on a stack that is looked at conservatively.
    assert.ok(left() <= 3, `${left()} of ${buffers.length} buffers`);
    for (const store of stores) {
      assert.is(store.nodes, 0);
      assert.throws(() => store.getSync("key"), /closed/);
    }
  });
}

test.run();
