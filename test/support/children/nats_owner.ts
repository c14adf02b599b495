/**
 * A process that has started servers of NATS, as a test does, and goes on until it is killed.
 *
 * @module
 */
import { say } from "../child.ts";
import { NatsServers } from "../cluster/nats_servers.ts";

const owned = [await NatsServers.start(1), await NatsServers.start(1)];
say(owned.flatMap(({ servers }) => servers).map(({ pid, folder }) => ({ pid, folder })));
