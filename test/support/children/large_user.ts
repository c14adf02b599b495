/**
 * A process that has opened a store of a cluster with a small cache, and reads and writes large
 * values.
 *
 * @module
 */
import { childArguments, heard, say } from "../child.ts";
import { bytesOf, isValueOf, type LargeUserRequest } from "../cluster/large_user.ts";
import type { ToldArguments } from "../cluster/told_process.ts";
import { open } from "../../../mod.ts";

const { cluster } = childArguments<ToldArguments>();
const store = await open<Uint8Array>({ cluster });
say({ kind: "open" });

for await (const { kind, key, count } of heard<LargeUserRequest>()) {
  if (kind === "close") break;
  if (kind === "put") await store.put(key, bytesOf(key, count));
  const value = await store.get(key);
  say({ kind: "value", isRight: isValueOf(value, key, count) });
}
await store.close();
say({ kind: "closed" });
