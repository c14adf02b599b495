/**
 * A user of NATS with credentials, as `nsc` makes them: an operator, an account with JetStream and
 * the user, each by a JWT that the one above it has signed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { nkeys } from "@nats-io/transport-node";

/** What the server is told, and what its user has. */
export interface NatsCredentials {
  /** For the file of the server's configuration. */
  readonly config: string;
  /** Content of the file of credentials. */
  readonly credentials: string;
}

const UNLIMITED = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
};

/** Makes them. */
export function makeNatsCredentials(): NatsCredentials {
  const { createAccount, createOperator, createUser } = nkeys;
  const [operator, account, user] = [createOperator(), createAccount(), createUser()];
  const operatorJwt = sign(operator, operator, "operator", { type: "operator", version: 2 });
  const system = createAccount();
  const ofAccount = { limits: UNLIMITED, type: "account", version: 2 };
  const accountJwt = sign(account, operator, "account", ofAccount);
  const systemJwt = sign(system, operator, "system", { type: "account", version: 2 });
  const userJwt = sign(user, account, "user", {
    subs: -1,
    data: -1,
    payload: -1,
    type: "user",
    version: 2,
  });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    config: `operator: ${operatorJwt}\nresolver: MEMORY\n` +
      `system_account: ${system.getPublicKey()}\nresolver_preload: {\n` +
      `${account.getPublicKey()}: ${accountJwt}\n${system.getPublicKey()}: ${systemJwt}\n}\n`,
    credentials: `-----BEGIN NATS USER JWT-----\n${userJwt}\n------END NATS USER JWT------\n\n` +
      `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  };
}

type KeyPair = nkeys.KeyPair;

function sign(subject: KeyPair, issuer: KeyPair, name: string, nats: object): string {
  const claims = { iat: 1, iss: issuer.getPublicKey(), sub: subject.getPublicKey(), name, nats };
  const jti = createHash("sha256").update(JSON.stringify(claims)).digest("hex");
  const said = [{ typ: "JWT", alg: "ed25519-nkey" }, { ...claims, jti }].map((part) =>
    base64(new TextEncoder().encode(JSON.stringify(part)))
  ).join(".");
  return `${said}.${base64(issuer.sign(new TextEncoder().encode(said)))}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
