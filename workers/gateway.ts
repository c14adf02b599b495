/**
 * The worker module of a gateway.
 *
 * @module
 */
import { parentPort } from "node:worker_threads";
import { runGateway } from "../lib/remote/gateway_shell.ts";

runGateway(parentPort!);
