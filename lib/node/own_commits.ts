/**
 * Atomic commits that a thread makes itself, in a step of their KN's of their own, as it makes its
 * own puts (own_puts.ts), which says why that is safe: the same holds of a commit, of all of its
 * slots.
 *
 * What executes it is what executes a request (atomic_commits.ts); only, the words are not in the
 * ring, but where the client has put them together. Nobody but the executor reads them: what a
 * thread that dies leaves is in the agent block, in the records, and in the answer, which is that
 * of the ring's next request.
 *
 * Where writes are logged, the commit is a group of its own. So a client has only the first commit
 * of a tick made in this way, and none that is synced (client/own_changes.ts): what follows shares
 * a write.
 *
 * @module
 */
import type { LogWriter } from "../log/log_writer.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import type { SpaceBudget } from "../pool/space_budget.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import type { Step } from "../agent/step.ts";
import type { StepMeter } from "../agent/step_meter.ts";
import type { AtomicCommits } from "./atomic_commits.ts";
import { Outcome } from "./commit_policy.ts";
import type { EntryBound } from "./entry_bound.ts";
import type { LoggedCommit } from "./logged_commit.ts";

/** What a thread makes commits with: the parts of the KN in whose place it acts. */
export interface OwnCommitsOptions {
  readonly step: Step;
  readonly meter: StepMeter | undefined;
  readonly commits: AtomicCommits;
  /** The group that commits join, where writes are logged. */
  readonly group: LoggedCommit | undefined;
  readonly budget: SpaceBudget;
  readonly counters: AgentCounters;
  readonly entryBound: EntryBound | undefined;
  readonly log: LogWriter;
  /** The ring from this thread. */
  readonly consumer: RequestConsumer;
}

/** Makes atomic commits of one thread that one KN executes. */
export class OwnCommits {
  readonly #options: OwnCommitsOptions;

  /** Makes commits with the parts of a KN. */
  constructor(options: OwnCommitsOptions) {
    this.#options = options;
  }

  /**
   * Makes a commit, or refuses it; its answer is in the ring then, as that of the next request.
   *
   * @param words the whole request, with its owner word
   * @returns false if nothing was done, and the commit has to be a request
   */
  commit(words: Int32Array): boolean {
    const { step, meter, commits, group, budget, counters, consumer, log } = this.#options;
    if (budget.isCritical || !step.begin()) return false;
    meter?.begin();
    const isAnswered = commits.execute(consumer, words, 0) === Outcome.DONE;
    if (group?.isOpen) {
      group.write();
      group.publish();
    }
    if (isAnswered) {
      consumer.publish();
      counters.add(AgentCounter.BATCHES, 1);
      counters.add(AgentCounter.REQUESTS, 1);
      counters.add(AgentCounter.HELPED, 1);
      this.#options.entryBound?.enforce();
    }
    meter?.end();
    log.publish();
    step.end();
    return isAnswered;
  }
}
