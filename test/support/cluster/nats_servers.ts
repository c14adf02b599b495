/**
 * Servers of NATS for a test: on loopback, with directories of their own, ended by their process ids.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { natsServer } from "../../../scripts/nats_server.ts";
import { temporaryPath } from "../temporary.ts";

const START_MS_MAX = 20_000;

/** One server. */
export interface TestServer {
  readonly pid: number;
  /** Of clients. */
  readonly url: string;
  readonly child: ChildProcess;
}

/** Some servers, one alone or three that replicate. */
export class NatsServers {
  readonly servers: TestServer[] = [];

  /**
   * Starts one server, or three that are a cluster.
   *
   * @param config what stands in the file of their configuration
   * @throws {NoNatsServerError} when there is no program
   */
  static async start(count: 1 | 3, config?: string): Promise<NatsServers> {
    const program = natsServer();
    const servers = new NatsServers();
    const ports = await freePorts(count);
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(",");
    try {
      for (const [i, port] of ports.entries()) {
        const folder = temporaryPath("nats");
        mkdirSync(folder, { recursive: true });
        const args = ["-js", "-a", "127.0.0.1", "-p", "-1", "-sd", folder];
        args.push("--ports_file_dir", folder, "--server_name", `server-${i}`);
        if (count > 1) {
          args.push("--cluster_name", "test", "--cluster", `nats://127.0.0.1:${port}`);
          args.push("--routes", routes);
        }
        if (config !== undefined) {
          writeFileSync(join(folder, "nats.conf"), config);
          args.push("-c", join(folder, "nats.conf"));
        }
        args.push("--log", join(folder, "log"));
        const child = spawn(program, args, { stdio: "ignore" });
        // A test that fails leaves none behind.
        process.once("exit", () => child.kill("SIGKILL"));
        servers.servers.push({ child, pid: child.pid!, url: await urlOf(folder, child) });
      }
    } catch (error) {
      await servers.stop();
      throw error;
    }
    return servers;
  }

  /** Addresses of all. */
  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** Kills one, without a chance to do anything. */
  kill(index: number): void {
    process.kill(this.servers[index]!.pid, "SIGKILL");
  }

  /** Ends those that still run. */
  async stop(): Promise<void> {
    for (const { child } of this.servers) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
}

/** Waits for the file in which a server says its ports. */
async function urlOf(folder: string, child: ChildProcess): Promise<string> {
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += 20) {
    const file = readdirSync(folder).find((name) => name.endsWith(".ports"));
    const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8");
    if (text.endsWith("}")) return (JSON.parse(text) as { nats: string[] }).nats[0]!;
    if (child.exitCode !== null || !existsSync(folder)) break;
    await setTimeout(20);
  }
  const log = join(folder, "log");
  const said = existsSync(log) ? readFileSync(log, "utf8").slice(-1000) : "";
  throw new Error(`a nats-server did not start: exit code ${child.exitCode}\n${said}`);
}

/** Ports that nobody has now. */
async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(holders.map((holder) => once(holder, "listening")));
  const ports = holders.map((holder) => (holder.address() as { port: number }).port);
  await Promise.all(holders.map((holder) => once(holder.close(), "close")));
  return ports;
}
