/**
 * Ports of loopback for servers that are killed and started again at the same one.
 *
 * @module
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below all that systems give to connections and to whoever listens at port 0 (Linux from 32768,
 * others from 49152): what the system has given may be given to somebody else while a killed
 * server is not there, and then the server can not start again.
 */
const FIRST_PORT = 15_000;
const PORT_END = 32_000;

/** Ports that nobody has now, each another one. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(FIRST_PORT, PORT_END);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const holder = createServer();
  try {
    const listening = once(holder, "listening");
    holder.listen(port, "127.0.0.1");
    await listening;
  } catch (error) {
    if ((error as { code?: string }).code === "EADDRINUSE") return false;
    throw error;
  }
  const closed = once(holder, "close");
  holder.close();
  await closed;
  return true;
}
