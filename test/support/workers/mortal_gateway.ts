/**
 * A gateway that ends by itself, once, when it is connected to for the second time: as one that
 * runs out of memory does. The next one takes its time until it listens.
 *
 * @module
 */
import { existsSync, writeFileSync } from "node:fs";
import { Server } from "node:net";
import process from "node:process";
import { parentPort } from "node:worker_threads";
import { type GatewayOrder, runGateway } from "../../../lib/remote/gateway_shell.ts";

const LISTEN_MS = 300;

let died = "";
parentPort!.on("message", (order: GatewayOrder) => {
  if (order.kind === "start") died = `${order.start.directory.path}.died`;
});
let connections = 0;
const emit = Server.prototype.emit;
Server.prototype.emit = function (this: Server, event: string, ...args: never[]): boolean {
  if (event === "connection" && ++connections === 2 && !existsSync(died)) {
    writeFileSync(died, "");
    process.exit(1);
  }
  return emit.apply(this, [event, ...args] as unknown as Parameters<typeof emit>);
} as typeof emit;

const listen = Server.prototype.listen;
Server.prototype.listen = function (this: Server, ...args: never[]): Server {
  if (existsSync(died)) {
    writeFileSync(`${died}.again`, "");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LISTEN_MS);
  }
  return listen.apply(this, args as unknown as Parameters<typeof listen>);
} as typeof listen;

runGateway(parentPort!);
