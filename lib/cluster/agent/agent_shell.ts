/**
 * The thread of a cluster's agent: what it does for the thread that has started it.
 *
 * @module
 */
import type { MessagePort } from "node:worker_threads";
import { isDinomoError } from "../../core/any_error.ts";
import type { DinomoErrorCode } from "../../core/errors.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import type { ClusterNodeStats, NodeLoads } from "../../core/cluster_figures.ts";
import type { OwnerView } from "../client/owner_view.ts";
import { ThreadStream, type ThreadStreamEnd } from "../../wire/thread_stream.ts";
import { type AgentOptions, ClusterAgent, type ClusterFacts } from "./cluster_agent.ts";

/** What it tells the thread that has started it. */
export type AgentReport =
  | { readonly kind: "joined"; readonly facts: ClusterFacts }
  | { readonly kind: "view"; readonly view: OwnerView }
  | {
    readonly kind: "figures";
    readonly figures: ClusterNodeStats | undefined;
    readonly loads: NodeLoads;
  }
  /** What its monotonic clock shows, between question and answer. */
  | { readonly kind: "clock"; readonly ms: number }
  | { readonly kind: "failed"; readonly code: DinomoErrorCode | ""; readonly message: string }
  | { readonly kind: "closed" };

/** What that thread tells it. */
export type AgentOrder =
  /** That thread wants to send requests, by a connection of which this is the agent's end. */
  | { readonly kind: "connect"; readonly end: ThreadStreamEnd }
  | { readonly kind: "clock" }
  | { readonly kind: "close" };

/** Runs until the thread that has started it terminates it. */
export async function runAgent(options: AgentOptions, port: MessagePort): Promise<void> {
  const report = (message: AgentReport) => port.postMessage(message);
  try {
    const { agent, facts } = await ClusterAgent.start(options, {
      onView: (view) => report({ kind: "view", view }),
      onFigures: (figures, loads) => report({ kind: "figures", figures, loads }),
      onFailure: (error) => report({ kind: "failed", code: "", message: String(error) }),
    });
    port.on("message", (order: AgentOrder) => {
      if (order.kind === "connect") return agent.take(new ThreadStream(order.end));
      if (order.kind === "clock") return report({ kind: "clock", ms: monotonicMs() });
      void agent.close().finally(() => report({ kind: "closed" }));
    });
    report({ kind: "joined", facts });
  } catch (error) {
    const { message } = error as Error;
    report({ kind: "failed", code: isDinomoError(error) ? error.code : "", message });
  }
}
