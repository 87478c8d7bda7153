import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Who may talk to a control plane, in one directory. There is no PKI: the API server makes its own certificate, and everybody
 * else has a token; one authority for client certificates lets tests use those too.
 */
export class Credentials {
  readonly #directory: string;

  /** Makes what is not there yet. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (existsSync(this.tokenFile)) return;
    this.#makeServiceAccountKey();
    this.#makeClientAuthority();
    writeFileSync(this.tokenFile, "", { mode: 0o600 });
    this.addUser("admin", ["system:masters"]);
    for (const program of ["kube-controller-manager", "kube-scheduler", "kube-proxy"])
      this.addUser(`system:${program}`, []);
  }

  /** `token,user,uid,"groups"` a line: read by the API server once, when it starts. */
  get tokenFile(): string {
    return join(this.#directory, "tokens.csv");
  }

  get serviceAccountKey(): string {
    return join(this.#directory, "service-accounts.key");
  }

  get serviceAccountPublicKey(): string {
    return join(this.#directory, "service-accounts.pub");
  }

  get clientAuthority(): string {
    return join(this.#directory, "clients.crt");
  }

  /** A member of system:masters by certificate, and its key. */
  get adminCertificate(): { readonly certificate: string; readonly key: string } {
    return { certificate: join(this.#directory, "admin.crt"), key: join(this.#directory, "admin.key") };
  }

  /** Where the API server keeps the certificate that it makes for itself, which is its own authority. */
  get serverDirectory(): string {
    return join(this.#directory, "server");
  }

  get serverAuthority(): string {
    return join(this.serverDirectory, "apiserver.crt");
  }

  addUser(user: string, groups: readonly string[]): void {
    const token = randomBytes(16).toString("hex");
    const line = [token, user, user, ...(groups.length === 0 ? [] : [`"${groups.join(",")}"`])].join(",");
    writeFileSync(this.tokenFile, `${line}\n`, { flag: "a" });
  }

  tokenOf(user: string): string {
    for (const line of readFileSync(this.tokenFile, "utf8").split("\n")) {
      const [token, name] = line.split(",");
      if (token !== undefined && name === user) return token;
    }
    throw new Error(`${this.tokenFile}: no user ${user}`);
  }

  /** A kubeconfig that needs no other file, and returns its path. Not before the API server has made its certificate. */
  writeKubeconfig(name: string, user: string, server: string): string {
    const file = join(this.#directory, `${name}.kubeconfig`);
    const authority = readFileSync(this.serverAuthority).toString("base64");
    // The certificate is not made for the addresses that the server listens on, but for this name.
    const cluster = { server, "certificate-authority-data": authority, "tls-server-name": "kubernetes" };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "lab",
      clusters: [{ name: "lab", cluster }],
      users: [{ name: user, user: { token: this.tokenOf(user) } }],
      contexts: [{ name: "lab", context: { cluster: "lab", user } }],
    };
    const newFile = `${file}.${process.pid}.new`;
    // Whoever reads it now, beside another who has it written, reads a whole one.
    writeFileSync(newFile, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
    renameSync(newFile, file);
    return file;
  }

  #makeServiceAccountKey(): void {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    writeFileSync(this.serviceAccountKey, privateKey, { mode: 0o600 });
    writeFileSync(this.serviceAccountPublicKey, publicKey);
  }

  #makeClientAuthority(): void {
    const authorityKey = join(this.#directory, "clients.key");
    const { certificate, key } = this.adminCertificate;
    const request = join(this.#directory, "admin.csr");
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-days",
      "3650",
      "-subj",
      "/CN=clients",
      "-keyout",
      authorityKey,
      "-out",
      this.clientAuthority,
    );
    openssl("req", ...newKey, "-subj", "/O=system:masters/CN=admin-by-certificate", "-keyout", key, "-out", request);
    const signed = ["-CA", this.clientAuthority, "-CAkey", authorityKey, "-CAcreateserial", "-days", "3650"];
    openssl("x509", "-req", "-in", request, ...signed, "-out", certificate);
  }
}
