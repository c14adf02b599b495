/**
 * A node of a cluster in a process of its own; it is asked in lines of JSON, and answers in lines
 * of JSON.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import process from "node:process";
import { connectJetStream } from "../../../lib/cluster/engine/jetstream.ts";
import { RUNTIME_CLOCK } from "../../../lib/cluster/node/cluster_clock.ts";
import { ClusterNode } from "../../../lib/cluster/node/cluster_node.ts";
import { type ClusterAnswer, ClusterStatus } from "../../../lib/cluster/node/requests.ts";
import { Status } from "../../../lib/rings/ring_layout.ts";
import { heard, say } from "../child.ts";
import { ask, getOf, HASH_KEY, putOf } from "../cluster/cluster_requests.ts";
import type { NodeAnswer, NodeArguments, NodeRequest } from "../cluster/node_process.ts";

const { servers, replicas, node: number, times } = JSON.parse(
  process.argv.at(-1)!,
) as NodeArguments;

const engine = await connectJetStream({ servers, name: "real", replicas });
const node = new ClusterNode({
  engine,
  clock: RUNTIME_CLOCK,
  soon: queueMicrotask,
  times,
  node: number,
  hashKey: HASH_KEY,
  nameLife: randomUUID,
});
node.start();

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const STATUSES = new Map<number, string>([
  [Status.OK, "written"],
  [Status.FOUND, "found"],
  [Status.UNMET, "absent"],
  [ClusterStatus.NOT_OWNER, "refused"],
  [ClusterStatus.UNKNOWN, "unknown"],
]);

function answer(id: number, { status, value }: ClusterAnswer): void {
  const found = status === Status.FOUND ? decoder.decode(value) : undefined;
  say({ id, status: STATUSES.get(status)!, value: found } satisfies NodeAnswer);
}

for await (const request of heard<NodeRequest>()) {
  const { id, key } = request;
  switch (request.kind) {
    case "get":
      ask(node, getOf(key), (given) => answer(id, given));
      break;
    case "put":
      ask(node, putOf(key, encoder.encode(request.value)), (given) => answer(id, given));
      break;
    case "leave":
      node.leave();
      say({ id, status: "left" } satisfies NodeAnswer);
      break;
    case "state":
      say({ id, status: "state", served: node.servedSlotCount } satisfies NodeAnswer);
  }
}
node.stop();
await engine.close();
