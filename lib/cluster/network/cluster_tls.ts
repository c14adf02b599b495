/**
 * Encrypted connections between the processes of a cluster: each side shows a certificate of an
 * authority that the other one knows, and that of a node is for the host in its address.
 *
 * Both sides finish the handshake whatever certificate they are shown, and look at it before
 * anything is read or sent: so each can say why it refuses the other one, which TLS by itself does
 * not in all runtimes.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { checkServerIdentity, connect, createServer, type Server, TLSSocket } from "node:tls";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import { InvalidOptionError } from "../../core/errors.ts";
import { HELLO_MS_MAX } from "../../core/limits.ts";
import { epochMs } from "../../platform/runtime.ts";
import type { ByteStream } from "./byte_stream.ts";

/** No client of a node checks names: a client may be anywhere. */
const ANY_NAME = (): undefined => undefined;

/** Connects to a node. */
export function connectTls(identity: TlsIdentity, host: string, port: number): Socket {
  const { cert, key, ca, passphrase } = identity;
  const socket = connect({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    cert,
    key,
    ca,
    ...(passphrase === undefined ? {} : { passphrase }),
    minVersion: "TLSv1.3",
    rejectUnauthorized: false,
    checkServerIdentity: ANY_NAME,
  });
  return socket.setNoDelay(true);
}

/** Makes a server that asks for certificates; what does not come to a connection is ended. */
export function createTlsServer(identity: TlsIdentity): Server {
  const { cert, key, ca, passphrase } = identity;
  const server = createServer({
    cert,
    key,
    ca,
    ...(passphrase === undefined ? {} : { passphrase }),
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HELLO_MS_MAX,
    noDelay: true,
  });
  server.on("tlsClientError", (_, socket) => socket.destroy());
  return server;
}

/** Whether a connection is an encrypted one. */
export function isEncrypted(socket: ByteStream): socket is TLSSocket {
  return socket instanceof TLSSocket;
}

/**
 * Why the other side of a connection is not trusted; undefined if it is, or if it is not encrypted.
 *
 * @param host that its certificate has to be for; undefined for any
 */
export function distrustOf(socket: ByteStream, host: string | undefined): string | undefined {
  if (!isEncrypted(socket)) return undefined;
  const certificate = socket.getPeerCertificate();
  if (certificate?.valid_to === undefined) return "it has shown no certificate";
  const { valid_from, valid_to } = certificate;
  const nowMs = epochMs();
  if (Date.parse(valid_to) < nowMs) return `its certificate has expired, on ${valid_to}`;
  if (Date.parse(valid_from) > nowMs) return `its certificate begins later, on ${valid_from}`;
  if (!socket.authorized) {
    return `its certificate is of an authority that is not in cluster.tls.ca (${
      codeOf(socket.authorizationError)
    })`;
  }
  const wrong = host === undefined ? undefined : checkServerIdentity(host, certificate);
  if (wrong === undefined) return undefined;
  return `its certificate is not for ${host}, but for ${certificate.subjectaltname ?? "no host"}`;
}

/**
 * Checks a certificate and its key before they are used.
 *
 * @throws {InvalidOptionError} when they cannot be
 */
export function assertIdentity({ cert, key, ca, passphrase }: TlsIdentity): void {
  const own = parsed("cluster.tls.cert", () => new X509Certificate(cert));
  parsed("cluster.tls.ca", () => new X509Certificate(ca));
  const privateKey = parsed(
    "cluster.tls.key",
    () => createPrivateKey(passphrase === undefined ? key : { key, passphrase }),
  );
  if (!own.checkPrivateKey(privateKey)) {
    throw new InvalidOptionError("cluster.tls.key must be that of cluster.tls.cert");
  }
  if (Date.parse(own.validTo) < epochMs()) {
    throw new InvalidOptionError(
      `cluster.tls.cert must be valid, but has expired, on ${own.validTo}`,
    );
  }
}

/** What is read from an option, which is not told: it may be a key. */
function parsed<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new InvalidOptionError(`${option} must be PEM, and what its name says`);
  }
}

function codeOf(error: Error | string | undefined): string {
  return typeof error === "object"
    ? (error as { code?: string }).code ?? error.message
    : `${error}`;
}
