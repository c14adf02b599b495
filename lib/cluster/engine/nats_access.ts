/**
 * How a process shows servers of NATS who it is, and knows who they are.
 *
 * @module
 */
import type { ConnectionOptions } from "@nats-io/transport-node";
import type { NatsAccess } from "../../core/cluster_identity.ts";

/** Nothing. */
export const NO_ACCESS: NatsAccess = {
  user: undefined,
  password: undefined,
  token: undefined,
  credentials: undefined,
  tls: undefined,
};

/** The options of the client for it. */
export async function connectionOptionsOf(access: NatsAccess): Promise<ConnectionOptions> {
  const { user, password: pass, token, credentials, tls } = access;
  const options: ConnectionOptions = {};
  if (user !== undefined) Object.assign(options, { user, pass });
  if (token !== undefined) options.token = token;
  if (credentials !== undefined) {
    const { credsAuthenticator } = await import("@nats-io/transport-node");
    options.authenticator = credsAuthenticator(new TextEncoder().encode(credentials));
  }
  if (tls !== undefined) {
    const given = Object.entries(tls).filter(([, value]) => value !== undefined);
    options.tls = Object.fromEntries(given);
  }
  return options;
}

/** Whether servers have refused who connects, or what it is to show them is nothing they take. */
export function isRefusal(cause: unknown): boolean {
  const { name, message = "", cause: inner } = Object(cause) as Error;
  return /^(?:Authorization|UserAuthenticationExpired)Error$/.test(name) ||
    /bad creds|invalid credentials|unable to parse credentials|nkey/i.test(message) ||
    (inner !== undefined && isRefusal(inner));
}
