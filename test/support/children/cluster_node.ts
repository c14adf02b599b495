/**
 * A node of a cluster in a process of its own; it is asked in lines of JSON, and answers in lines of JSON.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import process from "node:process";
import { connectJetStream } from "../../../lib/cluster/engine/jetstream.ts";
import { RUNTIME_CLOCK } from "../../../lib/cluster/node/cluster_clock.ts";
import { ClusterNode } from "../../../lib/cluster/node/cluster_node.ts";
import type { ReadAnswer, WriteOutcome } from "../../../lib/cluster/node/requests.ts";
import { heard, say } from "../child.ts";
import type { NodeAnswer, NodeArguments, NodeRequest } from "../cluster/node_process.ts";

const { servers, replicas, node: number, times } = JSON.parse(
  process.argv.at(-1)!,
) as NodeArguments;

const engine = await connectJetStream({ servers, name: "real", replicas });
const node = new ClusterNode({
  engine,
  clock: RUNTIME_CLOCK,
  times,
  node: number,
  hashKey: [1, 2],
  nameLife: randomUUID,
});
node.start();

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function answer(id: number, outcome: ReadAnswer | WriteOutcome): void {
  const isFound = outcome.status === "found" && outcome.value !== undefined;
  const value = isFound ? decoder.decode(outcome.value) : undefined;
  say({ id, ...outcome, value } satisfies NodeAnswer);
}

for await (const request of heard<NodeRequest>()) {
  const { id, key } = request;
  switch (request.kind) {
    case "get":
      answer(id, node.get(key));
      break;
    case "put": {
      const value = encoder.encode(request.value);
      node.write(key, { kind: "put", value }, (outcome) => answer(id, outcome));
      break;
    }
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
