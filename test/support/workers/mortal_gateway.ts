/**
 * A gateway that ends by itself, once, when it is connected to for the second time: as one that runs out of memory does.
 *
 * @module
 */
import { existsSync, writeFileSync } from "node:fs";
import { Server } from "node:net";
import process from "node:process";
import { parentPort } from "node:worker_threads";
import { type GatewayOrder, runGateway } from "../../../lib/remote/gateway_shell.ts";

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

runGateway(parentPort!);
