/**
 * Certificates for tests: of authorities that are made here, and that nobody else trusts.
 *
 * @module
 */
import { generateKeyPairSync } from "node:crypto";
import forge from "node-forge";

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** What certificates and their keys are, as PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What is not as usual in a certificate. */
export interface CertificateFacts {
  /** Names and addresses that it is for. */
  readonly names?: readonly string[];
  /** When it ends, in milliseconds from now; negative for one that has ended. */
  readonly endsInMs?: number;
}

/** One key for all: to make one takes long. */
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KEY = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const PUBLIC = publicKey.export({ type: "spki", format: "pem" }).toString();
const signer = forge.pki.privateKeyFromPem(KEY);

/** An authority that signs certificates. */
export class TestAuthority {
  /** Its own certificate, as PEM. */
  readonly ca: string;
  readonly #name: string;
  #serial = 1;

  constructor(name: string) {
    this.#name = name;
    this.ca = this.#make(name, [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ], YEAR_MS);
  }

  /** A certificate, for this machine unless other names are given. */
  sign({ names = ["localhost", "127.0.0.1"], endsInMs = YEAR_MS }: CertificateFacts = {}):
    & TestCertificate
    & { readonly ca: string } {
    const altNames = names.map((name) =>
      /^[0-9.]+$/.test(name) ? { type: 7, ip: name } : { type: 2, value: name }
    );
    const cert = this.#make(`of ${this.#name}`, [
      { name: "basicConstraints", cA: false },
      { name: "extKeyUsage", serverAuth: true, clientAuth: true },
      { name: "subjectAltName", altNames },
    ], endsInMs);
    return { cert, key: KEY, ca: this.ca };
  }

  #make(name: string, extensions: object[], endsInMs: number): string {
    const made = forge.pki.createCertificate();
    made.publicKey = forge.pki.publicKeyFromPem(PUBLIC);
    made.serialNumber = String(this.#serial++).padStart(2, "0");
    made.validity.notBefore = new Date(Date.now() - 2 * YEAR_MS);
    made.validity.notAfter = new Date(Date.now() + endsInMs);
    made.setSubject([{ name: "commonName", value: name }]);
    made.setIssuer([{ name: "commonName", value: this.#name }]);
    made.setExtensions(extensions);
    made.sign(signer, forge.md.sha256.create());
    return forge.pki.certificateToPem(made);
  }
}
