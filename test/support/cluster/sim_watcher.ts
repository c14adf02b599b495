/**
 * A thread that is told of the nodes of a simulated cluster, by an agent that follows the control
 * stream: what it is told of failures, and what it has to be told.
 *
 * @module
 */
import { OwnerNews } from "../../../lib/cluster/agent/owner_news.ts";
import { NONE_REFUSED, type OwnerView } from "../../../lib/cluster/client/owner_view.ts";
import { ControlLog } from "../../../lib/cluster/control/control_log.ts";
import { ClusterEvents } from "../../../lib/cluster/store/cluster_events.ts";
import { SIM_LEASE, type SimCluster } from "./sim_cluster.ts";
import { SimProcess } from "./sim_processes.ts";

/** As agents do. */
const VIEW_MS = 5;
const FIGURES_MS = 500;

/** Counts by nodes. */
export type Counts = Map<number, number>;

function count(counts: Counts, node: number): number {
  const sum = (counts.get(node) ?? 0) + 1;
  counts.set(node, sum);
  return sum;
}

/** An agent, and the thread that it tells. */
export class SimWatcher {
  /** Failures that were in the views, and those that were told. */
  readonly seen: Counts = new Map();
  readonly failed: Counts = new Map();
  readonly recovered: Counts = new Map();
  /** Nodes that were told to have left. */
  readonly removed: Counts = new Map();
  /** What was told that cannot be. */
  readonly wrong: string[] = [];
  readonly process: SimProcess;
  readonly #events: ClusterEvents;
  readonly #control: ControlLog;
  readonly #news: OwnerNews;
  #view: OwnerView | undefined;
  #isViewDue = false;

  constructor({ time, random, engine }: SimCluster) {
    const process = this.process = new SimProcess(time, undefined, random);
    this.#events = new ClusterEvents((type, detail) => {
      const { node } = detail as { readonly node: number };
      if (type === "nodefailed") count(this.failed, node);
      if (type === "noderemoved") count(this.removed, node);
      if (type !== "noderecovered") return;
      const isTold = count(this.recovered, node) <= (this.failed.get(node) ?? 0);
      if (!isTold) this.wrong.push(`node ${node} is served again, and had not failed`);
    });
    this.#control = new ControlLog({
      engine: engine.connect(process),
      clock: process,
      times: SIM_LEASE,
      node: -1,
      nameLife: () => "",
      changed: (command) => {
        this.#news.note(command);
        this.#tellSoon();
      },
      lost: () => {},
      loaded: () => this.#tellSoon(),
      failed: (error) => this.wrong.push(String(error)),
    });
    this.#news = new OwnerNews(this.#control.state);
    this.#tellFigures();
  }

  #tellSoon(): void {
    if (this.#isViewDue) return;
    this.#isViewDue = true;
    this.process.after(VIEW_MS, () => {
      this.#isViewDue = false;
      const view = this.#news.take(NONE_REFUSED);
      if (view === undefined) return;
      for (const [node, at] of view.failedAt) {
        const isKnown = this.#view?.addresses.has(node) === true;
        if (isKnown && at > (this.#view!.failedAt.get(node) ?? 0)) count(this.seen, node);
      }
      this.#view = view;
      this.#events.take(view);
    });
  }

  #tellFigures(): void {
    const loads = [...this.#control.state.loads];
    this.#events.served(
      new Map(loads.map(([node, [perSecond, map]]) => [node, { perSecond, map }])),
    );
    this.process.after(FIGURES_MS, () => this.#tellFigures());
  }
}
