/**
 * A process that has opened a store of a cluster: it says who owns what when it is asked, and closes the store when it is to end.
 *
 * @module
 */
import { childArguments, heard, say } from "../child.ts";
import { openSmall } from "../cluster/small_memory.ts";
import type { ClusterUserArguments, ClusterUserRequest } from "../cluster/cluster_user.ts";

const { cluster } = childArguments<ClusterUserArguments>();
const store = await openSmall<number>(cluster);
say({ kind: "open" });
const counted = { increments: 0 };

for await (const { kind, key, count } of heard<ClusterUserRequest>()) {
  if (kind === "close") break;
  const sums = await Promise.all(Array.from({ length: count }, () => store.increment(key)));
  counted.increments += sums.length;
  say({ kind: "counted", sums });
}
const { served } = store.stats().cluster!;
await store.close();
say({ kind: "closed", served });
