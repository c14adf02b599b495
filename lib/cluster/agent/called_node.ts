/**
 * What answers the calls of threads to a node.
 *
 * @module
 */
import { decodeTagged, encodeTagged } from "../../codec/tagged_bytes.ts";
import { InvalidArgumentError } from "../../core/errors.ts";
import { watchChanges, watchParts } from "../../watch/called_watches.ts";
import { PrefixSource } from "../../watch/prefix_source.ts";
import type { CallServerOptions } from "../../wire/call_server.ts";
import type { NodeCall, PageCall } from "../network/node_calls.ts";
import { checkPageCall, encodePageAnswer } from "../network/page_calls.ts";
import type { ClusterNode } from "../node/cluster_node.ts";
import type { KeyPage } from "../node/key_pages.ts";
import type { NodeWatches } from "./node_watches.ts";

/** Makes what answers the calls of all connections to a node. */
export function answerCalls(
  node: Pick<ClusterNode, "page">,
  watches: NodeWatches,
): CallServerOptions["answer"] {
  const prefixes = new PrefixSource(watches);
  return (content, signal) => {
    const call = Object(decodeTagged(content)) as NodeCall;
    switch (call.op) {
      case "page":
        return answerPage(node, call);
      case "parts":
        return watchParts(watches, call, signal);
      case "changes":
        return watchChanges(prefixes, call, signal);
      case "alive":
        return once(encodeTagged(true));
      default:
        return refuse();
    }
  };
}

async function* answerPage(
  node: Pick<ClusterNode, "page">,
  call: PageCall,
): AsyncGenerator<Uint8Array> {
  const request = checkPageCall(call);
  const page = await new Promise<KeyPage>((resolve) => node.page(request, resolve));
  yield encodePageAnswer(page, call.withValues);
}

async function* once(item: Uint8Array): AsyncGenerator<Uint8Array> {
  yield item;
}

function refuse(): never {
  throw new InvalidArgumentError(
    "op must be one that the node knows: its process may have an older version",
  );
}
