/**
 * What a cluster looks like for those that draw it: who owns what, and what each node says of
 * itself.
 *
 * @module
 */
import type { ClusterPicture, NodeFigures, PicturedNode } from "../../core/cluster_figures.ts";
import { isDinomoError } from "../../core/any_error.ts";
import { sleep, startTimer } from "../../platform/runtime.ts";
import type { ClusterStats } from "../../store/figures/stats.ts";
import type { ClusterCarrier } from "../client/cluster_carrier.ts";
import { askOnce } from "../client/node_peers.ts";
import { FrameError } from "../../wire/frame.ts";
import { decodeFigures } from "../network/figure_calls.ts";
import { encodeCall } from "../network/node_calls.ts";

/** How long a node is waited for: it is drawn without figures then. */
const ASK_MS_MAX = 750;
/** Pause before it is looked again whether there is a connection. */
const LOOK_MS = 25;

/** Asks all nodes at the same time. */
export async function pictureOfCluster(
  carrier: Pick<ClusterCarrier, "peerOf" | "view">,
  { nodes }: Pick<ClusterStats, "nodes">,
): Promise<ClusterPicture> {
  const asked = nodes.map(async (known): Promise<PicturedNode> => {
    return { ...known, figures: await figuresOf(carrier, known.node) };
  });
  return { owners: carrier.view.owners, nodes: await Promise.all(asked) };
}

/** What a node says of itself; undefined if it says nothing. */
async function figuresOf(
  carrier: Pick<ClusterCarrier, "peerOf">,
  node: number,
): Promise<NodeFigures | undefined> {
  const content = encodeCall({ op: "figures" });
  const end = new AbortController();
  const { signal } = end;
  const timer = startTimer(() => end.abort(), ASK_MS_MAX);
  try {
    while (!signal.aborted) {
      const calls = carrier.peerOf(node)?.calls;
      const item = calls && await askOnce(calls, content, signal);
      if (item !== undefined) return decodeFigures(item);
      await sleep(LOOK_MS, { keepsAlive: true, signal });
    }
  } catch (error) {
    if (!signal.aborted && !isDinomoError(error) && !(error instanceof FrameError)) throw error;
  } finally {
    timer.stop();
  }
  return undefined;
}
