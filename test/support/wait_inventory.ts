/**
 * How every loop, await and blocking call of the library ends (I14): by a limit, with the store, or
 * because what it does is finite.
 *
 * The number is how many there are in a function: see wait_scan.ts. A new one has to be thought
 * about, and entered here.
 *
 * @module
 */

/** Places that end in the same way. */
export interface WaitEnding {
  /** What ends them. Limits are named as in lib/core/limits.ts or in the file itself. */
  readonly ends: string;
  readonly places: Readonly<Record<string, number>>;
}

/** All of them. */
export const WAIT_ENDINGS: readonly WaitEnding[] = [
  {
    ends: "The client of the engine gives up after timeoutMs",
    places: {
      "jetstream.ts connectJetStream": 4,
      "nats_access.ts connectionOptionsOf": 1,
    },
  },
  {
    ends: "FIRST_MS_MAX; the client of the engine gives up each attempt after timeoutMs",
    places: { "jetstream.ts connectFirst": 4 },
  },
  {
    ends: "This end closes the connection, at once: what waits for it or listens to it ends then",
    places: {
      "jetstream.ts JetStreamEngine.close": 1,
      "jetstream.ts JetStreamEngine.#watch": 1,
    },
  },
  {
    ends: "msMax: half a second where a term begins, half a minute after a connection was gone; " +
      "each question to the server ends after ANSWER_MS_MAX, and all when this end closes",
    places: {
      "stream_leader.ts leadHere": 4,
      "stream_leader.ts clusterOf": 1,
      "stream_leader.ts ask": 1,
    },
  },
  {
    ends: "A stream is followed until it is not any more (Following.stop), which ends the " +
      "consumer and the pause, too; the request for a consumer ends after timeoutMs",
    places: {
      "jetstream.ts StreamFollowing.#run": 4,
      "jetstream.ts StreamFollowing.#consume": 3,
      "jetstream.ts StreamFollowing.#stopWhenStalled": 1,
    },
  },
  {
    ends:
      "JOIN_MS_MAX and a lease, after which it throws or gives up: the agent of a cluster looks again and " +
      "again until then; the client of the engine gives up after timeoutMs",
    places: {
      "cluster_agent.ts ClusterAgent.#agree": 1,
      "agreement.ts propose": 6,
      "cluster_agent.ts ClusterAgent.#comes": 1,
      "cluster_agent.ts looksUntil": 2,
      "cluster_agent.ts ClusterAgent.#tryNumber": 5,
      "agent_places.ts connectEngine": 1,
    },
  },
  {
    ends:
      "ANSWER_MS_MAX of mutual_trust.ts: a node that has not answered by then is not waited for",
    places: {
      "mutual_trust.ts assertTrusted": 2,
      "mutual_trust.ts assertTrustworthy": 1,
      "mutual_trust.ts tryNode": 3,
    },
  },
  {
    ends:
      "Numbers of nodes are tried until one is free, each for JOIN_MS_MAX and a lease: one that another " +
      "process has taken meanwhile is held by a member, of which there are NODE_ID_COUNT at most",
    places: {
      "cluster_agent.ts ClusterAgent.#join": 3,
    },
  },
  {
    ends:
      "LEAVE_MS_MAX and RESIGN_MS_MAX, and GATEWAY_CLOSE_MS_MAX for connections; the thread that " +
      "has started it ends it after twice that",
    places: {
      "cluster_agent.ts ClusterAgent.#leave": 2,
      "cluster_agent.ts ClusterAgent.close": 2,
      "node_server.ts NodeServer.close": 2,
      "agent_thread.ts AgentThread.close": 3,
      "kept_agent.ts KeptAgent.close": 2,
      "cluster_maintenance.ts ClusterMaintenance.close": 4,
    },
  },
  {
    ends: "The system listens at once, or says why it cannot",
    places: {
      "agent_places.ts listenForThreads": 1,
      "node_server.ts listenTcp": 1,
      "node_server.ts NodeServer.serveNear": 1,
      "near_place.ts listenNear": 1,
      "near_place.ts listening": 1,
    },
  },
  {
    ends:
      "The system connects to a UNIX socket at once, or says why it cannot; nobody waits for it",
    places: {
      "near_place.ts removeLeft": 1,
      "near_place.ts hasListener": 1,
    },
  },
  {
    ends: "The thread of a cluster's agent: it has joined, has failed, or is ended after " +
      "THREAD_START_MS_MAX, twice JOIN_MS_MAX and the longest lease",
    places: {
      "cluster_agent.ts ClusterAgent.start": 5,
      "agent_shell.ts runAgent": 1,
      "agent_thread.ts AgentThread.start": 4,
      "kept_agent.ts KeptAgent.start": 1,
      "kept_agent.ts KeptAgent.#replace": 1,
      "kept_agent.ts KeptAgent.#restart": 4,
      "open_cluster.ts openCluster": 4,
      "open_cluster.ts prepareThread": 1,
      "cluster.ts module": 1,
    },
  },
  {
    ends:
      "RESEND_MS, after which it is asked again or throws, of a picture ASK_MS_MAX; a node's page ends " +
      "with what is in memory, and nobody waits for it when its connection has ended",
    places: {
      "cluster_scan.ts ClusterScan.read": 3,
      "cluster_scan.ts ClusterScan.#ask": 1,
      "cluster_scan.ts ClusterScan.#askOwner": 1,
      "node_peers.ts askOnce": 1,
      "called_node.ts answerPage": 2,
      "peer_probes.ts PeerProbes.#ask": 1,
      "cluster_picture.ts pictureOfCluster": 2,
      "cluster_picture.ts figuresOf": 3,
      "cluster_reads.ts ClusterReads.getMany": 1,
      "cluster_reads.ts ClusterReads.getEntries": 1,
    },
  },
  {
    ends:
      "A copy of a whole store: each page of a cluster, and each batch of puts, is an operation " +
      "that ends by itself; there are as many as there are keys, and a copy grows until it is as " +
      "large as a pool can be; its signal ends it before",
    places: {
      "cluster_backup.ts backUpCluster": 5,
      "cluster_backup.ts assertUsable": 1,
      "cluster_backup.ts fillCopy": 3,
      "cluster_backup.ts putAll": 3,
      "cluster_maintenance.ts ClusterMaintenance.backup": 1,
      "pool_restore.ts restorePool": 4,
      "pool_restore.ts assertEmpty": 1,
      "pool_restore.ts readPool": 6,
      "pool_restore.ts putAbsent": 1,
      "store.ts Store.restore": 3,
    },
  },
  {
    ends: "What has come by a connection, whose frames are bounded",
    places: {
      "cluster_frames.ts decodeRouted": 1,
      "node_session.ts NodeSession.#work": 1,
      "node_session.ts NodeSession.#flush": 1,
    },
  },
  {
    ends: "The thread of a KN: until the M-node wants it to stop, or the host has ended. It " +
      "sleeps for IDLE_WAIT_MS_MAX at most",
    places: {
      "idle_strategy.ts sleepUnless": 1,
      "node_shell.ts loop": 3,
    },
  },
  {
    ends: "The KN's own thread ends its part: when the executor has left, or the M-node has " +
      "fenced it, which it does when the thread makes no progress for STALL_MS_MAX " +
      "(NodeThread.stop)",
    places: {
      "step.ts Step.close": 2,
    },
  },
  {
    ends: "A pause ends by itself, or is ended by the monitor after its PAUSE_MS_MAX; each look " +
      "waits a bounded time",
    places: {
      "gate.ts Gate.enterAfterPause": 1,
      "gate.ts waitWhilePaused": 1,
    },
  },
  {
    ends: "The waitMsMax of the pause, after which it throws",
    places: {
      "gate.ts pause": 2,
      "gate.ts stepsEnd": 1,
    },
  },
  {
    ends: "SYSTEM_CALL_MS_MAX, after which it throws",
    places: {
      "checkpoint_lock.ts lockCheckpoints": 2,
    },
  },
  {
    ends: "SYSTEM_CALL_MS_MAX, or until the M-node says that the slot is unavailable; then it " +
      "throws",
    places: {
      "slot_copy.ts SlotCopy.#lock": 1,
    },
  },
  {
    ends: "The waitMsMax that it is given",
    places: {
      "ownership.ts waitForAnySlot": 1,
    },
  },
  {
    ends: "The milliseconds that it is given",
    places: {
      "response_ring.ts ResponseWriter.waitForRoom": 1,
      "runtime.ts sleep": 1,
      "runtime.ts waitBelow": 2,
      "settles_within.ts settlesWithin": 1,
      "sleep_sync.ts sleepSync": 1,
      "verbs.ts spin": 1,
    },
  },
  {
    ends: "LOCK_NAPS_MAX naps of LOCK_NAP_MS",
    places: {
      "change_ring.ts lockRing": 1,
    },
  },
  {
    ends: "One wait of a bounded time; how often it is repeated SegmentWait, MergeWait and the " +
      "M-node decide",
    places: {
      "client_waiter.ts EventLoopWaiter.waitSync": 2,
      "far_node.ts FarNode.waitWhileStalled": 1,
      "segment_table.ts SegmentTable.waitForRelease": 1,
      "segment_wait.ts SegmentWait.wait": 1,
    },
  },
  {
    ends: "A bounded time of spinning",
    places: {
      "answer_fifo.ts AnswerFifo.hasEnded": 1,
      "client_waiter.ts EventLoopWaiter.#drain": 1,
      "idle_strategy.ts Spinner.#poll": 1,
    },
  },
  {
    ends: "When the requests end: a KN answers them, or refuses them when the M-node has " +
      "declared their slots unavailable (UNAVAILABLE_AFTER_MS after it has seen a KN fail), " +
      "or the store fails, closes, or loses its host, which fails them all",
    places: {
      "attach_store.ts AttachedMaintenance.close": 2,
      "lane_claims.ts LaneClaims.acquireFirst": 1,
      "request_sender.ts RequestSender.#hold": 1,
      "request_sender.ts RequestSender.whenRoom": 1,
      "client.ts Client.settleAll": 1,
      "client.ts Client.settleSlot": 1,
      "client.ts Client.waitFor": 1,
      "far_store_reads.ts FarStoreReads.#existing": 1,
      "far_store_reads.ts FarStoreReads.#readDecoded": 1,
      "requested_reads.ts RequestedReads.issue": 1,
      "requested_reads.ts RequestedReads.each": 4,
      "flush_waiters.ts FlushWaiters.add": 1,
      "slot_waiters.ts SlotWaiters.whenIdle": 1,
      "slot_waiters.ts SlotWaiters.whenSettled": 1,
      "commit_writes.ts CommitCompletion.promise": 1,
      "completions.ts BatchCompletion.constructor": 1,
      "completions.ts OutcomeCompletion.constructor": 1,
      "completions.ts PutCompletion.constructor": 1,
      "addition_completion.ts AdditionCompletion.join": 1,
      "derived_completion.ts DerivedCompletion.whenSettled": 1,
      "batches.ts issueBatch": 2,
      "near_reads.ts NearReads.#whenReadable": 2,
      "near_reads.ts NearReads.#whenSettled": 1,
      "near_reads.ts NearReads.#readEach": 3,
    },
  },
  {
    ends: "When the updates before it have ended, as requests do, or have let go of their turns, " +
      "which they do in the next turn of the event loop when their `change` has returned a " +
      "promise; or the store fails, which fails them all",
    places: {
      "key_queues.ts KeyQueues.whenTurnComes": 1,
    },
  },
  {
    ends: "When the caller's `change` ends, and the requests. It starts over only when another " +
      "client has changed the key meanwhile, which is its progress, or its own `change` has, " +
      "SELF_CHANGES_MAX times",
    places: {
      "update_turn.ts UpdateTurn.advance": 1,
      "update_turn.ts UpdateTurn.constructor": 1,
      "sync_update.ts SyncUpdate.#make": 2,
    },
  },
  {
    ends:
      "When the caller's function ends, and the requests; after TRANSACTION_RUNS_MAX runs, of " +
      "which each has been disturbed by another client, which is its progress",
    places: {
      "transaction.ts runTransaction": 3,
    },
  },
  {
    ends: "Another client has taken the lease at that moment, which is its progress",
    places: {
      "load_leases.ts LoadLeases.#takeFirst": 1,
    },
  },
  {
    ends: "When a load ends, which is the caller's function, here or in another thread, and the " +
      "requests; or the thread that loads dies, or the caller's signal is aborted, or the store " +
      "is closed",
    places: {
      "single_flight.ts SingleFlight.#fly": 5,
      "single_flight.ts SingleFlight.#join": 4,
      "single_flight.ts SingleFlight.#readOrLoad": 4,
      "single_flight.ts SingleFlight.getOrPut": 1,
    },
  },
  {
    ends:
      "Operations of the store, which end, and handlers of the application; a consumer without a job " +
      "waits until a change, the end of its signal, or the end of the store, and looks every WAIT_MS_MAX; it begins with the first key again only as others have taken what it has just read; " +
      "an atomic operation is tried " +
      "TRIES_MAX times",
    places: {
      "arrivals.ts Arrivals.close": 1,
      "arrivals.ts Arrivals.#isNews": 1,
      "arrivals.ts Arrivals.begin": 1,
      "arrivals.ts Arrivals.wait": 4,
      "consumer.ts Consumer.#claimNext": 3,
      "consumer.ts Consumer.#findFree": 2,
      "consumer.ts Consumer.#readWindow": 1,
      "consumer.ts Consumer.#withoutLost": 1,
      "consumer.ts Consumer.take": 3,
      "job.ts Job.#extend": 1,
      "job.ts Job.#replace": 2,
      "job.ts Job.#set": 1,
      "job.ts Job.bury": 1,
      "job.ts Job.extend": 1,
      "job.ts Job.release": 2,
      "job.ts Job.renew": 1,
      "job.ts Job.retry": 2,
      "job_stream.ts JobStream.close": 1,
      "job_stream.ts JobStream.#noteTaken": 1,
      "job_stream.ts JobStream.next": 7,
      "job_workers.ts JobWorkers.#progress": 1,
      "job_workers.ts JobWorkers.#work": 3,
      "job_workers.ts JobWorkers.run": 7,
      "kv.ts Kv.delete": 1,
      "kv.ts Kv.enqueue": 1,
      "kv.ts Kv.get": 1,
      "kv.ts Kv.getMany": 1,
      "kv.ts Kv.listenQueue": 1,
      "kv.ts Kv.watch": 2,
      "kv.ts openKv": 2,
      "kv_atomic.ts AtomicOperation.commit": 2,
      "kv_list.ts KvListIterator.next": 1,
      "kv_list.ts KvListIterator.return": 1,
      "kv_queue.ts KvQueue.#deliverLater": 2,
      "kv_queue.ts KvQueue.listen": 3,
      "queue.ts Queue.#assertOrdered": 1,
      "queue.ts Queue.#withOrder": 1,
      "queue.ts Queue.add": 1,
      "queue.ts Queue.addMany": 1,
      "queue.ts Queue.counts": 2,
      "queue.ts Queue.deadLetters": 1,
      "queue.ts Queue.discard": 2,
      "queue.ts Queue.jobs": 3,
      "queue.ts Queue.process": 1,
      "queue.ts Queue.revive": 2,
      "queue.ts Queue.take": 1,
    },
  },
  {
    ends:
      "Operations of the store that an adapter was given or has opened, and opening and closing " +
      "it, which end",
    places: {
      "express_session.ts Sessions.all": 2,
      "express_session.ts Sessions.clear": 2,
      "express_session.ts Sessions.close": 1,
      "express_session.ts Sessions.count": 2,
      "express_session.ts Sessions.destroy": 2,
      "express_session.ts Sessions.get": 2,
      "express_session.ts Sessions.set": 3,
      "express_session.ts Sessions.touch": 3,
      "hono.ts HonoRateLimitStore.decrement": 2,
      "hono.ts HonoRateLimitStore.get": 2,
      "hono.ts HonoRateLimitStore.increment": 2,
      "hono.ts HonoRateLimitStore.resetAll": 2,
      "hono.ts HonoRateLimitStore.resetKey": 2,
      "hono.ts HonoRateLimitStore.shutdown": 1,
      "hono.ts HonoSessionStore.close": 1,
      "hono.ts HonoSessionStore.createSession": 2,
      "hono.ts HonoSessionStore.deleteSession": 2,
      "hono.ts HonoSessionStore.getSessionById": 2,
      "hono.ts HonoSessionStore.persistSessionData": 2,
      "keyv_adapter.ts KeyvAdapter.#open": 1,
      "keyv_adapter.ts KeyvAdapter.#set": 3,
      "keyv_adapter.ts KeyvAdapter.clearPrefix": 2,
      "keyv_adapter.ts KeyvAdapter.delete": 2,
      "keyv_adapter.ts KeyvAdapter.deleteEach": 2,
      "keyv_adapter.ts KeyvAdapter.disconnect": 1,
      "keyv_adapter.ts KeyvAdapter.#entriesOf": 1,
      "keyv_adapter.ts KeyvAdapter.getMany": 2,
      "keyv_adapter.ts KeyvAdapter.has": 2,
      "keyv_adapter.ts KeyvAdapter.hasMany": 2,
      "keyv_adapter.ts KeyvAdapter.setEach": 3,
      "keyv.ts KeyvDinomo.deleteMany": 1,
      "level.ts DinomoLevel._batch": 1,
      "level.ts DinomoLevel._clear": 1,
      "level.ts DinomoLevel._del": 1,
      "level.ts DinomoLevel._get": 1,
      "level.ts DinomoLevel._getMany": 1,
      "level.ts DinomoLevel._has": 1,
      "level.ts DinomoLevel._hasMany": 1,
      "level.ts DinomoLevel._open": 3,
      "level.ts DinomoLevel._put": 1,
      "level.ts LevelIterator._close": 1,
      "level.ts LevelIterator._next": 1,
      "level.ts keysAsEntries": 1,
      "rate_limiter.ts RateLimiterDinomo._delete": 2,
      "rate_limiter.ts RateLimiterDinomo._get": 2,
      "rate_limiter.ts RateLimiterDinomo._upsert": 3,
      "rate_limiter.ts RateLimiterDinomo.close": 1,
      "store_source.ts StoreSource.close": 2,
      "store_source.ts StoreSource.open": 1,
      "unstorage.ts dinomoDriver": 21,
    },
  },
  {
    ends: "An operation of the store, which ends; a lock is waited for until `waitMs` is over",
    places: {
      "lock.ts Lock.#renew": 1,
      "lock.ts Lock.#renewInTime": 2,
      "lock.ts Lock.#settle": 3,
      "lock.ts Lock.[Symbol.asyncDispose]": 1,
      "lock.ts Lock.extend": 1,
      "lock.ts Lock.release": 3,
      "lock.ts acquireLock": 1,
      "lock.ts notFree": 1,
      "lock.ts readLock": 1,
      "lock.ts take": 2,
      "lock.ts takeInTime": 5,
      "lock.ts tryAcquireLock": 1,
      "lock.ts whenFree": 2,
    },
  },
  {
    ends: "The next turn of the event loop",
    places: {
      "batches.ts takeOtherKeys": 2,
      "loop_turn.ts LoopTurn.next": 1,
      "near_reads.ts NearReads.#resolveNext": 1,
      "runtime.ts nextTurn": 1,
    },
  },
  {
    ends: "When a watched key changes or expires, the watch is ended, the caller's signal is " +
      "aborted, or the store fails, closes, or loses its host, which a watcher looks for once in " +
      "ASLEEP_MS_MAX. Reads: as above",
    places: {
      "unstorage.ts tellChanges": 2,
      "watch.ts Watch.next": 1,
      "watch.ts Watch.#goOn": 1,
      "watch_hub.ts WatchHub.#sleep": 1,
      "watch_place.ts WatchPlace.sleep": 1,
    },
  },
  {
    ends: "A timer: the milliseconds that it is given, again and again until it is stopped, by " +
      "which nobody is kept waiting",
    places: {
      "runtime.ts WaitingTimer.#run": 3,
    },
  },
  {
    ends: "Logs that nobody is asked for: UNAVAILABLE_AFTER_MS. Requests: as above",
    places: {
      "log_merge.ts LogMerge.whenMerged": 4,
    },
  },
  {
    ends: "ProgressLimit: RECONFIGURE_MS_MAX without progress while a failed KN's thread is in " +
      "a step, otherwise SYSTEM_CALL_MS_MAX; then it throws",
    places: {
      "scaling.ts Scaling.#leaveKeys": 2,
      "scaling.ts Scaling.#rebalance": 3,
      "scaling.ts Scaling.#rebalanceFar": 3,
      "scaling.ts Scaling.replicate": 2,
    },
  },
  {
    ends: "CLEANING_MS_MAX",
    places: {
      "dpm_processors.ts DpmProcessors.#cleaningEnds": 2,
    },
  },
  {
    ends: "SEAL_TRIES_MAX tries for each KN",
    places: {
      "node_manager.ts NodeManager.sealOpenFrom": 1,
    },
  },
  {
    ends: "NodeThread.stop, then LEAVE_MS_MAX",
    places: {
      "scaling.ts Scaling.#retire": 3,
      "node_manager.ts NodeManager.#stopThread": 3,
    },
  },
  {
    ends: "NodeThread.start and NodeThread.stop, for each KN at the same time",
    places: {
      "node_factory.ts NodeFactory.startThreads": 2,
      "node_manager.ts NodeManager.start": 1,
      "node_manager.ts NodeManager.stop": 2,
    },
  },
  {
    ends: "The attempts that it is given, each of which ends with THREAD_START_MS_MAX, and the " +
      "time between two; or NodeThread.stop, which ends that time",
    places: {
      "node_thread.ts NodeThread.#startAgainAndAgain": 2,
    },
  },
  {
    ends: "When a thread lets go that has failed, which may be never: it is waited for in the " +
      "background only, and keeps no process alive",
    places: {
      "node_manager.ts NodeManager.whenAllHaveLetGo": 2,
    },
  },
  {
    ends: "When the books are in order, which the monitor sees to when no thread is in a step " +
      "of a failed KN; until then only cleaning by DPM processors waits, in the background",
    places: {
      "pool_repairs.ts PoolRepairs.endCleaning": 1,
    },
  },
  {
    ends: "THREAD_START_MS_MAX",
    places: {
      "node_thread.ts NodeThread.#start": 2,
    },
  },
  {
    ends: "The stopMsMax that it is given, or STALL_MS_MAX (SYSTEM_CALL_MS_MAX in a system " +
      "call) without progress; then EXIT_MS_MAX",
    places: {
      "node_thread.ts NodeThread.stop": 7,
      "node_thread.ts NodeThread.terminate": 1,
    },
  },
  {
    ends: "A task of a DPM processor: a bounded amount of work, whose own waits are listed " +
      "here. A thread that ends rejects it",
    places: {
      "dpm_processors.ts DpmProcessors.#copy": 2,
      "dpm_processors.ts DpmProcessors.#mergeLog": 1,
      "dpm_processors.ts DpmProcessors.#run": 1,
      "dpm_processors.ts DpmProcessors.#runSurely": 2,
      "dpm_processors.ts DpmProcessors.admitWanted": 2,
      "dpm_processors.ts DpmProcessors.close": 3,
      "dpm_processors.ts DpmProcessors.compact": 3,
      "dpm_processors.ts DpmProcessors.mergeLogs": 1,
      "dpm_processors.ts DpmProcessors.releaseMemory": 1,
      "dpm_processors.ts DpmProcessors.sync": 1,
      "parallel_restore.ts inPieces": 1,
      "parallel_restore.ts restoreInParallel": 3,
      "standby.ts Standby.refresh": 1,
      "standby.ts Standby.takeOver": 1,
      "standby.ts Standby.close": 2,
      "standby.ts Standby.#run": 1,
    },
  },
  {
    ends: "The option standby: when the pool is free, after its waitMs, or by its signal. What " +
      "reads the files ahead until then is ended by that",
    places: {
      "standby.ts openWhenFree": 3,
      "standby.ts Standby.keepWarm": 3,
    },
  },
  {
    ends: "A task of a thread pool, as above, once there is a thread for it: when there is none " +
      "within THREAD_START_MS_MAX, or it ends before, the task fails. After that it is tried " +
      "again, THREAD_STARTS_URGENT_MAX times",
    places: {
      "task_threads.ts TaskThreads.#runOnce": 1,
      "task_threads.ts TaskThreads.run": 3,
      "starting_pool.ts StartingPool.run": 1,
      "bare_pool.ts BarePool.#start": 1,
    },
  },
  {
    ends: "END_MS_MAX",
    places: {
      "task_threads.ts TaskThreads.close": 1,
      "starting_pool.ts StartingPool.end": 1,
      "bare_pool.ts BarePool.endThreads": 1,
      "piscina_pool.ts PiscinaPool.endThreads": 1,
    },
  },
  {
    ends: "As many segments as there are, or until a bound is reached; it gives up when there " +
      "is a pause that has no end. Cleaning ends LINGER_MS after it was needed last, or with the " +
      "store",
    places: {
      "dpm_tasks.ts clean": 2,
      "dpm_tasks.ts merge": 1,
    },
  },
  {
    ends: "Another merger, or a slot that is held, ends it: it merges as long as that is " +
      "possible at once",
    places: {
      "far_moves.ts FarMoves.mergeAll": 1,
      "log_merger.ts LogMerger.#merge": 2,
      "log_merger.ts LogMerger.mergeWhilePaused": 1,
    },
  },
  {
    ends: "Each turn claims a segment, or loses to another thread that did: as many as there " +
      "are",
    places: {
      "cleaner.ts Cleaner.#claimVictim": 1,
      "cleaning_space.ts CleaningSpace.#cleanOne": 1,
      "cleaner.ts Cleaner.cleanOne": 1,
      "cleaner.ts Cleaner.doWork": 1,
      "compaction.ts DownwardVictims.next": 1,
      "dpm_tasks.ts compact": 1,
      "segment_tails.ts reopenLargest": 1,
    },
  },
  {
    ends: "What was begun before, which ends; and what is begun: calls of functions that are " +
      "listed here",
    places: {
      "compaction.ts compactStore": 6,
      "growth.ts growPool": 1,
      "maintenance.ts Maintenance.#backup": 6,
      "maintenance.ts Maintenance.#close": 3,
      "maintenance.ts Maintenance.#end": 3,
      "maintenance.ts Maintenance.#exclusively": 1,
      "maintenance.ts Maintenance.#imageBytes": 2,
      "maintenance.ts Maintenance.#snapshot": 3,
      "maintenance.ts Maintenance.addNode": 1,
      "maintenance.ts Maintenance.grow": 1,
      "maintenance.ts Maintenance.removeNode": 1,
      "maintenance.ts Maintenance.replicate": 1,
      "maintenance.ts Maintenance.sync": 1,
    },
  },
  {
    ends: "When the caller's code ends, which it calls or iterates over, and calls of functions " +
      "that are listed here",
    places: {
      "autoscaler.ts Autoscaler.#act": 4,
      "autoscaler.ts Autoscaler.#carryOut": 1,
      "autoscaler.ts Autoscaler.step": 1,
      "key_actuator.ts StoreKeyActuator.dereplicate": 1,
      "key_actuator.ts StoreKeyActuator.replicate": 1,
      "writes.ts StoreWrites.deleteMany": 1,
      "writes.ts StoreWrites.putMany": 1,
      "writes.ts StoreWrites.getAndDelete": 1,
    },
  },
  {
    ends: "When no key has changed during a look, in a pause at the latest; after " +
      "UNAVAILABLE_AFTER_MS, after which it throws",
    places: {
      "consistent_reads.ts lookUntilFound": 3,
      "consistent_reads.ts lookUntilFoundSync": 2,
    },
  },
  {
    ends:
      "When what the signal is given to ends, or the signal is aborted; an iteration with its " +
      "consumer",
    places: {
      "abort.ts untilAborted": 1,
      "abort.ts stopAtAbort": 2,
    },
  },
  {
    ends: "At the end of the range: each step of a walk passes a slot, or a key, and none twice; " +
      "or with the consumer, or the store. What it awaits is listed here",
    places: {
      "far_scan.ts FarScan.itemsSync": 1,
      "far_scan.ts FarScan.keys": 4,
      "indexed_keys.ts IndexedKeys.#countBehindPrefix": 1,
      "near_scan.ts Scan.#begin": 1,
      "near_scan.ts Scan.#readEarly": 1,
      "near_scan.ts Scan.#stepWaiting": 4,
      "near_scan.ts Scan.#tryStep": 1,
      "near_scan.ts SyncScan.#step": 1,
    },
  },
  {
    ends: "An answer, the end of the host's process, BLOCKED_SILENCE_MS_MAX without a byte, or " +
      "OPENING_MS_MAX if the gateway does not open the FIFO",
    places: {
      "answer_fifo.ts AnswerFifo.read": 2,
    },
  },
  {
    ends:
      "Numbers in flight at one time are within REMOTE_REQUESTS_MAX: one of them is the lowest, " +
      "and with as many places none has the place of another one",
    places: {
      "numbered.ts Numbered.add": 1,
      "numbered.ts Numbered.lowest": 1,
    },
  },
  {
    ends: "Frames are finite, and each round writes one, or stops as there is no room",
    places: {
      "fifo_writer.ts FifoWriter.flush": 1,
      "paced_writer.ts PacedWriter.noteReceived": 1,
      "paced_writer.ts PacedWriter.#writeWaiting": 1,
    },
  },
  {
    ends:
      "Both ends of a connection between processes: a hello is answered within HELLO_MS_MAX, and " +
      "a connection by a path is made or refused at once; what a session has issued ends, or the " +
      "connection does, which the gateway ends GATEWAY_CLOSE_MS_MAX after the store begins to close",
    places: {
      "gateway_connection.ts GatewayConnection.constructor": 1,
      "gateway_connection.ts GatewayConnection.finish": 2,
      "gateway_session.ts GatewaySession.finish": 3,
      "gateway_session.ts GatewaySession.#whenIdle": 1,
      "session_register.ts SessionRegister.judge": 1,
      "session_register.ts SessionRegister.leave": 1,
      "session_register.ts SessionRegister.end": 1,
      "gateway_server.ts GatewayServer.listen": 1,
      "gateway_server.ts GatewayServer.close": 1,
      "host_connection.ts HostConnection.connect": 2,
      "host_connection.ts HostConnection.finish": 2,
      "host_connection.ts shakeHands": 1,
      "host_connection.ts connectTo": 2,
    },
  },
  {
    ends: "Another process has the pool open, or this one gets it, or HOST_WAIT_MS_MAX passes; a " +
      "store that is closed ends the search, too",
    places: {
      "find_host.ts findHost": 4,
      "host_link.ts HostLink.close": 3,
      "host_link.ts HostLink.#seek": 3,
      "open_shared.ts openShared": 5,
      "successor.ts Successor.open": 2,
      "open_shared.ts openRemote": 2,
    },
  },
  {
    ends: "Requests to the process that has the pool open: they are answered, or fail when there " +
      "is none within HOST_WAIT_MS_MAX; structures are saved at once or by another process",
    places: {
      "remote_structures.ts RemoteStructures.#read": 2,
      "remote_structures.ts RemoteStructures.#saveWanted": 3,
      "remote_maintenance.ts RemoteMaintenance.close": 3,
      "remote_reads.ts RemoteReads.hasMany": 1,
      "remote_reads.ts RemoteReads.#request": 2,
      "remote_reads.ts RemoteReads.#readMany": 2,
    },
  },
  {
    ends: "The answer of the process that has the pool to a call, or the end of the connection; " +
      "without a connection as above, by HOST_WAIT_MS_MAX. What it asks its own thread for ends " +
      "as there: scale, snapshots and the like",
    places: {
      "remote_maintenance.ts RemoteMaintenance.scale": 1,
      "remote_maintenance.ts RemoteMaintenance.snapshot": 1,
      "remote_maintenance.ts RemoteMaintenance.backup": 1,
      "remote_maintenance.ts RemoteMaintenance.compact": 1,
      "remote_maintenance.ts RemoteMaintenance.grow": 1,
      "remote_maintenance.ts RemoteMaintenance.sync": 1,
      "remote_pool.ts RemotePool.readPicture": 1,
      "remote_pool.ts RemotePool.readStats": 1,
      "store.ts Store.readStats": 1,
      "remote_calls.ts RemoteCalls.ask": 1,
      "remote_calls.ts RemoteCalls.askOnce": 1,
      "remote_calls.ts RemoteCalls.read": 2,
      "remote_calls.ts RemoteCalls.readOnce": 1,
      "remote_calls.ts RemoteCalls.whenIdle": 1,
      "remote_calls.ts RemoteCalls.#connected": 2,
      "remote_calls.ts RemoteCalls.#change": 1,
      "remote_moment.ts readAtOneMoment": 1,
      "remote_reads.ts RemoteReads.forTransactions": 1,
      "remote_reads.ts RemoteReads.#readMoment": 4,
      "remote_reads.ts RemoteReads.#whenReadable": 2,
      "remote_reads.ts RemoteReads.#iterated": 2,
      "remote_iteration.ts iterateEntries": 3,
      "remote_iteration.ts iterateKeys": 1,
      "remote_scan.ts scanRemotely": 5,
      "remote_scan.ts askPage": 1,
      "remote_transaction.ts RemoteTransactionReads.read": 4,
      "remote_transaction.ts RemoteTransactionReads.check": 1,
      "remote_transaction.ts RemoteTransactionReads.#whenSettled": 1,
    },
  },
  {
    ends: "The store is closed or fails, or the watch is ended, which aborts its signal; between " +
      "connections as above",
    places: {
      "remote_watches.ts RemoteWatches.#listen": 2,
      "cluster_watches.ts ClusterWatches.#listen": 1,
      "remote_watches.ts tellAll": 1,
      "remote_events.ts tellEvents": 2,
    },
  },
  {
    ends: "An item, the end or the failure of a call comes, it is given up, or the connection ends",
    places: {
      "call_client.ts Call.next": 1,
      "call_client.ts Call.#settle": 1,
    },
  },
  {
    ends: "The caller grants credit and takes what was sent, or cancels the call, or its " +
      "connection ends: these abort its signal, and what answers it ends then",
    places: {
      "call_server.ts CallServer.#answer": 6,
      "call_server.ts CallServer.#change": 1,
      "call_server.ts orAborted": 1,
      "called_pool.ts once": 1,
      "called_watches.ts CalledWatch.#items": 3,
      "host_calls.ts answer": 1,
      "host_calls.ts askStore": 7,
      "host_calls.ts takeItems": 3,
    },
  },
  {
    ends: "A page is full, the keys are at their end, or the signal of its call is aborted; a " +
      "moment is found or given up after UNAVAILABLE_AFTER_MS; then the list is at its end",
    places: {
      "key_pages.ts PageWalk.go": 1,
      "page_reader.ts PageReader.read": 2,
      "page_reader.ts SlotPageWalk.#collect": 1,
      "moment_reader.ts readMoment": 2,
      "called_watches.ts ChangesWatch.take": 1,
      "entry_list.ts decodeEntries": 1,
    },
  },
  {
    ends: "The reads of a transaction, each of which ends as any read",
    places: {
      "transaction_reads.ts DirectTransactionReads.read": 1,
      "transaction_reads.ts DirectTransactionReads.#read": 2,
      "transaction.ts Transaction.#readMore": 2,
    },
  },
  {
    ends: "The thread of a gateway: it listens or has failed after THREAD_START_MS_MAX, and is " +
      "terminated GATEWAY_CLOSE_MS_MAX after it was asked to end; it is started again until then",
    places: {
      "gateway_shell.ts startGateway": 3,
      "gateway_thread.ts IdleGateway.close": 1,
      "gateway_thread.ts GatewayThread.start": 1,
      "gateway_thread.ts GatewayThread.close": 4,
      "gateway_thread.ts GatewayThread.#run": 5,
      "gateway_thread.ts GatewayThread.#runAgain": 2,
    },
  },
  {
    ends: "Calls of functions that are listed here",
    places: {
      "attach.ts attach": 2,
      "attach_store.ts attachStore": 2,
      "attached_thread.ts AttachedThread.take": 2,
      "commit_operations.ts CommitOperations.transaction": 1,
      "transaction.ts Transaction.get": 1,
      "transaction.ts Transaction.has": 1,
      "transaction.ts Transaction.getMany": 1,
      "transaction.ts Transaction.end": 2,
      "transaction.ts Transaction.#readAll": 1,
      "far_store_reads.ts FarStoreReads.hasMany": 1,
      "far_store_reads.ts FarStoreReads.#look": 2,
      "far_store_reads.ts FarStoreReads.#readMany": 3,
      "near_reads.ts NearReads.#readMany": 4,
      "far_store_reads.ts FarStoreReads.entries": 2,
      "far_store_reads.ts FarStoreReads.keys": 3,
      "scaling.ts Scaling.#scale": 4,
      "scaling.ts Scaling.retire": 1,
      "scaling.ts Scaling.scale": 1,
      "client_parts.ts makeClientParts": 1,
      "open.ts open": 2,
      "open_store.ts openStore": 5,
      "open_store.ts openAnew": 3,
      "open_store.ts openHere": 6,
      "open_store.ts openPool": 4,
      "open_store.ts prepareThreads": 1,
      "worker_loader.ts OwnWorker.prepare": 1,
      "open_store.ts startStore": 12,
      "opening_progress.ts openTelling": 2,
      "store_sockets.ts serve": 3,
      "store_sockets.ts assertMayListenAt": 2,
      "store_sockets.ts admit": 4,
      "open_path.ts openPath": 5,
      "open_path.ts makeSmallerPool": 1,
      "open_path.ts readPool": 4,
      "open_path.ts openPathWhenFree": 3,
      "open_path.ts prepareStandby": 2,
      "open_path.ts openPathToRead": 5,
      "open_path.ts restorePool": 3,
      "reused_stores.ts findOrOpen": 3,
      "path_error.ts withPathErrors": 1,
      "indexed_keys.ts IndexedKeys.walkSettled": 1,
      "store.ts Store.backup": 2,
      "store.ts Store.compact": 1,
      "store.ts Store.grow": 1,
      "key_access.ts KeyAccess.clear": 4,
      "writes.ts StoreWrites.clear": 1,
      "store.ts flushAll": 2,
      "store.ts Store.replicate": 1,
      "store.ts Store.scale": 1,
      "store.ts Store.snapshot": 1,
      "read_operations.ts ReadOperations.#end": 1,
      "read_operations.ts ReadOperations.countKeys": 1,
      "read_operations.ts ReadOperations.values": 1,
    },
  },
  {
    ends: "Files, pipes, modules and sockets: what the operating system does, on which the " +
      "process itself depends",
    places: {
      "file_system.ts readFully": 1,
      "file_system.ts writeFully": 1,
      "help.ts packageVersion": 1,
      "kn.ts run": 3,
      "kn.ts start": 1,
      "line_reader.ts linesOf": 1,
      "maintenance.ts loadFiles": 3,
      "open_store.ts loadTasks": 1,
      "pool_lock.ts PoolLock.#release": 1,
      "pool_lock.ts PoolLock.acquire": 2,
      "pool_lock.ts takeSocket": 3,
      "pool_socket.ts answers": 1,
      "pool_socket.ts isTaken": 1,
      "pool_socket.ts listen": 1,
      "pool_socket.ts listenOnNode": 2,
      "pool_socket.ts sendAway": 1,
      "terminal.ts writeAll": 2,
    },
  },
  {
    ends: "Commands: their input and output, and calls of functions that are listed here",
    places: {
      "dump.ts dump": 1,
      "dump.ts dumpCommand": 2,
      "dump.ts writeTo": 2,
      "info.ts infoCommand": 1,
      "main.ts run": 1,
      "main.ts runCommandLine": 1,
      "pool_access.ts readClosedPool": 1,
      "pool_entries.ts valueReader": 1,
      "undecodable_keys.ts undecodableKeys": 1,
      "repair.ts repair": 3,
      "repair.ts repairCommand": 3,
      "repair.ts restoreDamaged": 1,
      "repair.ts restoreRepaired": 1,
      "restore.ts fill": 4,
      "restore.ts intoDirectory": 1,
      "restore.ts openNew": 2,
      "restore.ts restoreCommand": 3,
      "restore_writer.ts RestoreWriter.#put": 1,
      "restore_writer.ts RestoreWriter.add": 1,
      "restore_writer.ts RestoreWriter.flush": 2,
      "verify.ts problemsOfOrder": 1,
      "verify.ts verify": 2,
      "verify.ts verifyCommand": 2,
      "ordered_pool.ts orderPool": 1,
    },
  },
  {
    ends: "A limit of attempts, ATTEMPTS_MAX",
    places: {
      "unlocked_read.ts assertNotOpen": 1,
      "unlocked_read.ts readUnlocked": 2,
      "lock_file.ts LockFile.take": 1,
    },
  },
  {
    ends: "Lock-free: a turn is repeated only if another thread has changed the word meanwhile, " +
      "which is its progress",
    places: {
      "cell_group.ts CellGroup.find": 1,
      "cell_recovery.ts settleCell": 1,
      "executor.ts fenceExecutor": 1,
      "free_segments.ts FreeSegments.#clearLowest": 1,
      "free_segments.ts FreeSegments.#takePermit": 1,
      "free_segments.ts FreeSegments.take": 1,
      "withheld_segments.ts WithheldSegments.giveBack": 1,
      "index_space.ts IndexSpace.allocateExtent": 1,
      "log_file.ts LogFile.#noteSynced": 1,
    },
  },
  {
    ends: "A read is repeated only if a writer has changed the table or the segment meanwhile " +
      "(I6), which is its progress",
    places: {
      "one_sided_reader.ts OneSidedReader.collectKeys": 1,
      "one_sided_reader.ts OneSidedReader.read": 1,
      "pool_reader.ts PoolReader.find": 1,
    },
  },
  {
    ends: "A change of the ordered index, or a search in it, is repeated only if another writer " +
      "has published a page meanwhile, which is its progress, or if it has itself done what one " +
      "that has died had left",
    places: {
      "key_resolver.ts KeyResolver.#find": 1,
      "ordered_writer.ts OrderedWriter.insert": 1,
      "ordered_writer.ts OrderedWriter.remove": 1,
      "page_space.ts PageSpace.#takePair": 1,
      "range_cursor.ts RangeCursor.#loadLeaf": 1,
      "tree_structure.ts TreeStructure.#addChild": 1,
      "tree_structure.ts TreeStructure.#readLow": 1,
      "tree_structure.ts TreeStructure.#removeFromParent": 1,
      "tree_structure.ts TreeStructure.prune": 1,
      "tree_structure.ts TreeStructure.takeOut": 1,
      "tree_walk.ts TreeWalk.find": 1,
    },
  },
  {
    ends: "The levels of the ordered index are finite, and so are the keys and pages of a level",
    places: {
      "leaf_guess.ts guessLeaf": 1,
      "range_cursor.ts RangeCursor.next": 1,
      "tree_loader.ts TreeLoader.finish": 1,
      "tree_structure.ts TreeStructure.addToParent": 1,
      "tree_walk.ts TreeWalk.#search": 1,
    },
  },
  {
    ends: "As many numbers as there are: fewer KNs have one than there are",
    places: {
      "node_factory.ts NodeFactory.#takeId": 1,
    },
  },
  {
    ends: "Finite: each turn takes or passes one of the items, bytes or bits that are there " +
      "when it begins, or makes room in a cache, until there are none",
    places: {
      "slot_index.ts SlotIndex.pageAt": 1,
      "index_io.ts runAll": 1,
      "byte_gate.ts ByteGate.#open": 1,
      "free_bucket_links.ts moveLinksForFile": 1,
      "ring_carrier.ts RingCarrier.#handOver": 1,
      "ring_carrier.ts RingCarrier.#takeCompletions": 1,
      "ring_carrier.ts RingCarrier.failAll": 1,
      "dac_cache.ts DacCache.#evictFor": 1,
      "dac_cache.ts DacCache.makeRoomFor": 1,
      "dac_cache.ts DacCache.place": 1,
      "log_recovery.ts LogRecovery.#endOfFrames": 1,
      "retired_requests.ts RetiredRequests.take": 1,
      "entry_heap.ts EntryHeap.#rise": 1,
      "entry_table.ts EntryTable.find": 1,
      "entry_table.ts EntryTable.remove": 1,
      "expiry_sweeper.ts ExpirySweeper.sweep": 1,
      "far_node.ts FarNode.#drain": 1,
      "far_node.ts FarNode.#refuseAll": 1,
      "flush_waiters.ts FlushWaiters.noteEnd": 1,
      "request_sender.ts RequestSender.#sendDeferred": 1,
      "frame_replay.ts FrameReplay.#frame": 1,
      "frame_replay.ts FrameReplay.#replay": 1,
      "frame_replay.ts FrameReplay.#searchBehind": 1,
      "frequency_sketch.ts FrequencySketch.fit": 1,
      "held_slots.ts HeldSlots.add": 1,
      "frames_ahead.ts FramesAhead.read": 2,
      "index_check.ts IndexCheck.#checkSegment": 1,
      "lost_checkpoint.ts hasFrames": 1,
      "verified_pairs.ts PairCheck.#lookUp": 1,
      "verified_pairs.ts PairCheck.#knownFact": 1,
      "verified_pairs.ts PairCheck.#walk": 1,
      "verified_pairs.ts PairCheck.#placeOf": 1,
      "verified_pairs.ts PairCheck.#requireAlone": 1,
      "key_arena.ts KeyArena.#grow": 1,
      "kvs_node.ts KvsNode.#drain": 1,
      "marginal_cache.ts MarginalCache.#makeRoom": 1,
      "msgpack_encoder.ts MsgpackEncoder.encode": 1,
      "one_sided_reader.ts OneSidedReader.#scan": 1,
      "one_sided_reader.ts OneSidedReader.isCurrent": 1,
      "pool_directory.ts assertOutsideOf": 1,
      "bucket_chain.ts insertIntoChain": 1,
      "chain_room.ts makeHoles": 1,
      "key_resolver.ts KeyResolver.#scanCommit": 1,
      "pool_copy.ts forEachLive": 1,
      "pool_reader.ts PoolReader.#scan": 1,
      "slot_keys.ts collectChain": 1,
      "reconciliation.ts forEachRecord": 1,
      "smaller_pool.ts leastCount": 1,
      "request_consumer.ts RequestConsumer.poll": 1,
      "request_consumer.ts RequestConsumer.takeSeen": 1,
      "s3_fifo_cache.ts S3FifoCache.makeRoomFor": 1,
      "s3_fifo_cache.ts S3FifoCache.place": 1,
      "shared_structures.ts SharedStructures.close": 1,
      "slot_copy.ts SlotCopy.#copyChain": 1,
      "key_bounds.ts boundsOfPrefix": 1,
      "key_lookahead.ts KeyLookahead.#findPairInChain": 1,
      "key_lookahead.ts KeyLookahead.look": 1,
      "key_resolver.ts KeyResolver.#scan": 1,
      "leaf_guess.ts guessChild": 1,
      "page_image.ts PageImage.placeOf": 1,
      "page_space.ts PageSpace.#returnPairs": 1,
      "page_space.ts PageSpace.reserve": 1,
      "page_space.ts PageSpace.takeBlock": 1,
      "page_view.ts PageView.lowerBound": 1,
      "page_view.ts PageView.placeOf": 1,
      "range_cursor.ts RangeCursor.#batchEnd": 1,
      "range_cursor.ts RangeCursor.#copy": 2,
      "range_cursor.ts RangeCursor.#cutOf": 1,
      "range_cursor.ts endOfEntries": 1,
      "tree_walk.ts TreeWalk.childFor": 1,
      "shown_commit.ts ShownCommit.forEach": 1,
      "slot_table.ts SlotTable.find": 1,
      "slot_table.ts SlotTable.findAddress": 1,
      "slot_table.ts SlotTable.forEach": 1,
      "static_cache.ts StaticCache.#shrinkShortcuts": 1,
      "static_cache.ts StaticCache.#shrinkValues": 1,
      "table_growth.ts TableGrowth.#compact": 1,
      "table_growth.ts TableGrowth.#copyIntoHoles": 1,
      "table_growth.ts TableGrowth.#copyMoving": 1,
      "table_growth.ts TableGrowth.#emptyExtent": 1,
      "table_growth.ts TableGrowth.makeRoom": 1,
      "table_repair.ts repairChain": 1,
      "piscina_pool.ts PiscinaPool.handOver": 1,
      "tuple_key.ts decodeKey": 1,
      "tuple_key.ts PartReader.#escaped": 1,
      "unmerged_log.ts UnmergedLog.drop": 2,
      "unmerged_log.ts UnmergedLog.find": 1,
      "virtual_node_ring.ts successor": 1,
      "bells.ts Bells.#ringWanted": 1,
      "bells.ts placesWithMemory": 1,
      "change_ring.ts takeChanges": 1,
      "watch_marks.ts tellPrefixes": 1,
      "watch_marks.ts markHash": 1,
      "watch_marks.ts markSlot": 1,
      "watch_place.ts WatchPlace.#takeSlot": 1,
      "watch_place.ts WatchPlace.take": 1,
      "w_tiny_lfu_cache.ts WTinyLfuCache.#judge": 1,
      "w_tiny_lfu_cache.ts WTinyLfuCache.makeRoomFor": 1,
      "w_tiny_lfu_cache.ts WTinyLfuCache.noteUse": 1,
      "w_tiny_lfu_cache.ts WTinyLfuCache.place": 1,
    },
  },
  {
    ends: "A request to the inspector: its operation of the store ends, a search for keys by " +
      "SEARCH_MS_MAX; the server listens or says why not, and closes when its connections are " +
      "closed, which it does itself",
    places: {
      "inspector.ts Inspector.close": 1,
      "inspected_sample.ts sampleOf": 1,
      "inspector.ts serveInspector": 3,
      "inspector.ts respond": 1,
      "inspector.ts answer": 5,
      "inspector.ts keysOf": 1,
      "inspector.ts valueOf": 1,
    },
  },
  {
    ends: "READINGS_MAX readings of a pool's files, READ_AGAIN_MS apart; each reads what there is",
    places: {
      "pool_access.ts readPool": 4,
      "pool_access.ts outcomeOf": 1,
    },
  },
  {
    ends: "Pieces of memory that are free are dropped until the rest is within FREE_BYTES_MAX",
    places: {
      "long_frames.ts LongFrames.giveBack": 1,
    },
  },
  {
    ends: "The bytes that have come are taken",
    places: {
      "frame.ts FrameReader.read": 1,
    },
  },
  {
    ends: "The requests or answers that have come in a frame are taken, as far as they may be now",
    places: {
      "gateway_session.ts GatewaySession.#detach": 1,
      "gateway_session.ts GatewaySession.#work": 1,
      "request_order.ts RequestOrder.end": 1,
      "request_frames.ts decodeRequests": 1,
      "request_frames.ts decodeAnswers": 1,
    },
  },
  {
    ends: "The other side takes what was sent, or the connection ends: it is closed when it has " +
      "taken nothing for LIVE_IDLE_MS_MAX, and by the store's end",
    places: {
      "live_connection.ts LiveConnection.#send": 2,
    },
  },
  {
    ends: "The other side takes what is said last, or the connection ends: it is closed after " +
      "FAREWELL_MS_MAX",
    places: {
      "live_connection.ts LiveConnection.sayFarewell": 2,
      "live_connections.ts LiveConnections.close": 1,
      "live_server.ts LiveServer.close": 1,
    },
  },
  {
    ends: "A request on the socket of an open store: its operation ends, and a watch or an " +
      "iteration when the connection does, which aborts its signal; listening succeeds or fails",
    places: {
      "live_connection.ts LiveConnection.#respond": 4,
      "live_server.ts serveLive": 2,
      "socket_place.ts listenAt": 2,
      "live_answers.ts itemsFor": 4,
      "live_answers.ts keysFor": 1,
      "live_answers.ts putFor": 1,
      "gateway_commands.ts GatewayCommands.close": 3,
      "gateway_commands.ts GatewayCommands.#useStore": 1,
      "gateway_commands.ts GatewayCommands.#readStats": 2,
      "gateway_commands.ts attachToRead": 2,
    },
  },
  {
    ends:
      "The process that has the pool open answers, or closes the connection, or LIVE_ANSWER_MS_MAX " +
      "passes without a word; a watch goes on until that process or the command is ended, or for " +
      "its --count; top until then, too, unless --once",
    places: {
      "live_client.ts LiveClient.connect": 3,
      "live_client.ts lineTo": 1,
      "live_client.ts LiveClient.askOnce": 1,
      "live_client.ts Line.ask": 2,
      "live_client.ts Line.#next": 1,
      "live_client.ts Line.#change": 1,
      "live_client.ts connectTo": 1,
      "live_client.ts collect": 1,
      "get.ts getCommand": 1,
      "keys.ts keysCommand": 1,
      "pool_reader.ts withHost": 2,
      "pool_reader.ts whileHostIsOpen": 1,
      "pool_reader.ts withReader": 4,
      "pool_reader.ts HostReader.get": 1,
      "pool_reader.ts readFiles": 1,
      "put.ts putCommand": 1,
      "top.ts topCommand": 4,
      "top.ts look": 1,
      "watch.ts watchCommand": 1,
      "watch.ts linesOfKeys": 1,
      "watch.ts linesOfPrefix": 1,
    },
  },
];
