import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { type Logger, toError } from "@ocicat/kit";
import { ServerError } from "../errors.ts";

/** PEM files. They are looked at with each connection, so that renewed certificates are taken up. */
export interface ServerTls {
  /** What the server shows its clients, with the authorities between it and theirs. */
  readonly certFile: string;
  /** Without a passphrase. */
  readonly keyFile: string;
  /** With it, a client is served only if it shows a certificate signed by one of these authorities. */
  readonly clientCaFile?: string;
}

/** What node:tls is told of a server; the certificate can be exchanged while it runs. */
interface SecureServer {
  setSecureContext(options: SecureContextOptions): void;
}

/** How long a client may take for its handshake, in milliseconds. */
const HANDSHAKE_MS = 10_000;

/** The server's certificate and whom it trusts, as the files say now. */
export class ServerCertificate {
  readonly #files: ServerTls;
  readonly #logger: Logger;
  #stamp: string;
  #context: SecureContextOptions;

  /** Throws ServerError TLS_UNUSABLE if the files cannot serve. */
  constructor(files: ServerTls, logger: Logger) {
    this.#files = files;
    this.#logger = logger;
    this.#stamp = stampOf(files);
    this.#context = readContext(files);
  }

  get options() {
    const demand = this.#files.clientCaFile !== undefined;
    return {
      ...this.#context,
      requestCert: demand,
      rejectUnauthorized: demand,
      handshakeTimeout: HANDSHAKE_MS,
    };
  }

  /** Before a handshake: takes up files that have changed. Those that cannot serve are reported, and the old ones kept. */
  refresh(server: SecureServer): void {
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    try {
      this.#context = readContext(this.#files);
      server.setSecureContext(this.#context);
      this.#logger.info("the TLS files have changed and are in use", { certFile: this.#files.certFile });
    } catch (error) {
      this.#logger.error("the TLS files have changed and cannot be used; going on with what they were", {
        cause: toError(error).message,
      });
    }
  }
}

function pathsOf({ certFile, keyFile, clientCaFile }: ServerTls): string[] {
  return [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
}

/** Changes when a file does. */
function stampOf(files: ServerTls): string {
  return pathsOf(files)
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false, bigint: true });
      return found === undefined ? "none" : `${found.ino}:${found.size}:${found.mtimeNs}`;
    })
    .join(" ");
}

function readContext(files: ServerTls): SecureContextOptions {
  const { certFile, keyFile, clientCaFile } = files;
  const cert = readPem(certFile, "CERTIFICATE");
  const key = readPem(keyFile, "PRIVATE KEY");
  const options: SecureContextOptions = { cert, key, minVersion: "TLSv1.2" };
  if (clientCaFile !== undefined) options.ca = readPem(clientCaFile, "CERTIFICATE");
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new ServerError("TLS_UNUSABLE", "the certificate and key cannot be used", {
      where: `${certFile}, ${keyFile}`,
      why: toError(cause).message,
      fix: "give the key that belongs to the certificate, without a passphrase",
      cause,
    });
  }
  return options;
}

/** An authority file without a certificate would trust nobody, or everybody. */
function readPem(path: string, what: "CERTIFICATE" | "PRIVATE KEY"): Buffer {
  let text: Buffer;
  try {
    text = readFileSync(path);
  } catch (cause) {
    const why = toError(cause).message;
    throw new ServerError("TLS_UNUSABLE", "cannot be read", { where: path, why, fix: "name a PEM file", cause });
  }
  if (text.includes(`${what}-----`)) return text;
  throw new ServerError("TLS_UNUSABLE", `holds no ${what.toLowerCase()}`, { where: path, fix: "name a PEM file" });
}
