/**
 * A test of Deno's own, with its sanitizers on: opens a store, has it start threads of both kinds,
 * and closes it.
 *
 * @module
 */
import { open } from "../../../mod.ts";
import { temporaryPath } from "../temporary.ts";

const { Deno } = globalThis as unknown as {
  Deno: { test(definition: Record<string, unknown>): void };
};

Deno.test({
  name: "a store leaves nothing behind",
  sanitizeOps: true,
  sanitizeResources: true,
  sanitizeExit: true,
  fn: async () => {
    const store = await open<unknown>({ path: temporaryPath(), capacity: "16MiB" });
    await store.put("object", { a: 1 });
    await store.scale(2);
    await store.put("other", 2);
    await store.scale(1);
    await store.snapshot();
    await store.backup(temporaryPath());
    await store.close();
  },
});
