import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { toError } from "@ocicat/kit";
import { parse } from "yaml";
import { configError } from "./errors.ts";
import { parseServer, type Source, type Target, type TokenCommand, type TokenSource } from "./target.ts";

/**
 * A kubeconfig: clusters, users, and contexts that join one of each.
 *
 *     contexts[name = current-context] ─► cluster: server, certificate-authority[-data], tls-server-name
 *                                      └► user:    client-certificate[-data] + client-key[-data], token, tokenFile, exec
 *
 * `context`: instead of the current one. Throws OcicatError KUBERNETES_CONFIG. Files that it names are looked for beside it.
 */
export function readKubeconfig(file: string, context?: string): Target {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const what = `cannot be read: ${toError(error).message}`;
    throw configError(file, what, "name a kubeconfig that is there in KUBECONFIG", error);
  }
  return parseKubeconfig(text, file, context);
}

/** As readKubeconfig, of a text. `where` is for messages, and for what files' names are relative to. */
export function parseKubeconfig(text: string, where: string, context?: string): Target {
  const config = new Part(where, "", parseYaml(text, where));
  const contextName = context ?? config.text("current-context");
  if (contextName === undefined) {
    throw configError(where, "names no current-context", "set one: kubectl config use-context NAME");
  }
  const chosen = config.named("contexts", contextName, "context");
  const cluster = config.named("clusters", chosen.needed("cluster"), "cluster");
  const userName = chosen.text("user");
  const user = userName === undefined ? undefined : config.named("users", userName, "user");
  const address = cluster.needed("server");
  const server = parseServer(address);
  if (server === undefined) {
    throw configError(`${where}: ${cluster.path}.server`, `"${address}" is not an address`, "write https://host:port");
  }
  if (cluster.text("proxy-url") !== undefined) {
    throw configError(
      `${where}: ${cluster.path}.proxy-url`,
      "is not supported",
      "reach the API server without a proxy",
    );
  }
  return {
    server,
    serverName: cluster.text("tls-server-name"),
    isInsecure: cluster.flag("insecure-skip-tls-verify"),
    ca: cluster.source("certificate-authority", true),
    ...userOf(user),
    source: where,
  };
}

function userOf(user: Part | undefined): Pick<Target, "certificate" | "token"> {
  if (user === undefined) return { certificate: undefined, token: undefined };
  for (const name of ["username", "password", "auth-provider", "as", "as-groups", "as-uid", "as-user-extra"]) {
    if (user.has(name)) {
      const fix = "use a client certificate, a token, or exec";
      throw configError(`${user.file}: ${user.path}.${name}`, "is not supported", fix);
    }
  }
  const chain = user.source("client-certificate", true);
  const key = user.source("client-key", true);
  if ((chain === undefined) !== (key === undefined)) {
    const what = "of client-certificate and client-key only one is given";
    throw configError(`${user.file}: ${user.path}`, what, "give both or neither");
  }
  return {
    certificate: chain === undefined || key === undefined ? undefined : { chain, key },
    token: tokenOf(user),
  };
}

function tokenOf(user: Part): TokenSource | undefined {
  const file = user.text("tokenFile");
  if (file !== undefined) return { file: user.besides(file) };
  const text = user.text("token");
  if (text !== undefined) return { text };
  const exec = user.part("exec");
  return exec === undefined ? undefined : { command: commandOf(exec) };
}

function commandOf(exec: Part): TokenCommand {
  const variables = exec.parts("env").map((each) => [each.needed("name"), each.text("value") ?? ""] as const);
  const command = exec.needed("command");
  return {
    // A name without a slash is looked for in PATH, any other beside the kubeconfig.
    command: command.includes("/") ? exec.besides(command) : command,
    args: exec.texts("args"),
    env: Object.fromEntries(variables),
    apiVersion: exec.text("apiVersion") ?? "client.authentication.k8s.io/v1",
  };
}

function parseYaml(text: string, where: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const [what = "bad YAML"] = toError(error).message.split("\n");
    throw configError(where, what, "mend the YAML", error);
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** One mapping of the file, with what leads to it, for messages. */
class Part {
  readonly file: string;
  readonly path: string;
  readonly #fields: Fields;

  constructor(file: string, path: string, value: unknown) {
    if (!isFields(value)) throw configError(at(file, path), "is not a mapping", "see kubectl config view");
    this.file = file;
    this.path = path;
    this.#fields = value;
  }

  has(name: string): boolean {
    return (this.#fields[name] ?? undefined) !== undefined;
  }

  /** Empty is not given. */
  text(name: string): string | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined || value === "") return undefined;
    if (typeof value === "string") return value;
    throw configError(this.#at(name), "is not text", "put it in quotes");
  }

  needed(name: string): string {
    return this.text(name) ?? refuse(this.#at(name), "is missing", "see kubectl config view");
  }

  flag(name: string): boolean {
    const value = this.#fields[name] ?? false;
    return typeof value === "boolean" ? value : refuse(this.#at(name), "is not true or false", "write one of them");
  }

  part(name: string): Part | undefined {
    return this.has(name) ? new Part(this.file, this.#path(name), this.#fields[name]) : undefined;
  }

  parts(name: string): readonly Part[] {
    return this.#list(name).map((value, index) => new Part(this.file, `${this.#path(name)}[${index}]`, value));
  }

  texts(name: string): readonly string[] {
    return this.#list(name).map((value, index) => {
      return typeof value === "string"
        ? value
        : refuse(`${this.#at(name)}[${index}]`, "is not text", "put it in quotes");
    });
  }

  /** What `<name>-data` has in base64, or the file that `name` names. */
  source(name: string, isPem: boolean): Source | undefined {
    const data = this.text(`${name}-data`);
    if (data !== undefined) {
      const text = Buffer.from(data, "base64").toString("latin1");
      if (isPem && !text.includes("-----BEGIN ")) {
        throw configError(this.#at(`${name}-data`), "is not a PEM text in base64", "encode the file: base64 -w0 FILE");
      }
      return { text };
    }
    const file = this.text(name);
    return file === undefined ? undefined : { file: this.besides(file) };
  }

  /** The file of this name beside the kubeconfig. */
  besides(file: string): string {
    return resolve(dirname(this.file), file);
  }

  /** Of a list of `{name, <kind>: {…}}` the one of this name. */
  named(list: string, name: string, kind: string): Part {
    const found = this.parts(list)
      .find((each) => each.text("name") === name)
      ?.part(kind);
    return found ?? refuse(this.#at(list), `has no ${kind} "${name}"`, "see kubectl config view");
  }

  #list(name: string): readonly unknown[] {
    const value = this.#fields[name] ?? [];
    return Array.isArray(value) ? value : refuse(this.#at(name), "is not a list", "see kubectl config view");
  }

  #path(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  #at(name: string): string {
    return at(this.file, this.#path(name));
  }
}

function at(file: string, path: string): string {
  return path === "" ? file : `${file}: ${path}`;
}

function refuse(where: string, what: string, fix: string): never {
  throw configError(where, what, fix);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
