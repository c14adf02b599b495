/**
 * The worker module of a gateway.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { type GatewayStart, runGateway } from "../lib/remote/gateway_shell.ts";

await runGateway(workerData as GatewayStart, parentPort!);
