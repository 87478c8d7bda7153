import type { ListenAddress } from "@ocicat/datastore/server";
import { OcicatError } from "@ocicat/kit";
import { type Command, Option } from "commander";
import type { Surroundings } from "../surroundings.ts";
import { addBackup, addRestore } from "./backup.ts";
import { addMigrate } from "./migrate.ts";
import { withExamples } from "./options.ts";

interface ServeOptions {
  readonly listen: readonly string[];
  readonly socket?: string;
  readonly data: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly clientCaFile?: string;
  readonly quota: number;
}

export function addDatastore(program: Command, surroundings: Surroundings): void {
  const datastore = program
    .command("datastore")
    .summary("the datastore itself: the embedded one, backups, migration")
    .description(
      "The embedded datastore, etcd's API over one file; backups of that or of an etcd; and moving a cluster from one " +
        "datastore to another.",
    );
  addServe(datastore);
  addBackup(datastore, surroundings);
  addRestore(datastore, surroundings);
  addMigrate(datastore, surroundings);
}

function addServe(datastore: Command): void {
  const serve = datastore
    .command("serve")
    .summary("run it")
    .description(
      "Run the embedded datastore in the foreground, until SIGTERM. It speaks etcd v3's gRPC API, so that etcdctl works " +
        "on it, and acknowledges a write when the disk has it. It logs to standard output, a JSON object a line. " +
        "It asks nobody who they are before `etcdctl auth enable` or --client-ca-file: until then listen where only the " +
        "cluster's nodes can reach it.",
    )
    .option("--listen <url...>", "http://ADDRESS:PORT or https://ADDRESS:PORT, one or several", [
      "http://127.0.0.1:2379",
    ])
    .option("--socket <path>", "a Unix socket besides, for this user only")
    .option("--data <file>", "where the data is kept", "/var/lib/ocicat/datastore.db")
    .option("--cert-file <file>", "for https: the server's certificate, PEM; renewed files are taken up")
    .option("--key-file <file>", "for https: its key, PEM, without a passphrase")
    .option("--client-ca-file <file>", "for https: serve only clients with a certificate of these authorities")
    .addOption(
      new Option("--quota <size>", "how much it may hold before it refuses puts, as 500MiB")
        .argParser(parseSize)
        .default(2 * 1024 ** 3, "2GiB"),
    )
    .action(async ({ listen, socket, data, quota, ...files }: ServeOptions) => {
      const addresses = [...listen.map(parseListen), ...(socket === undefined ? [] : [{ path: socket }])];
      const tls = tlsFiles(files);
      if (tls === undefined && addresses.some((address) => "tls" in address)) {
        throw refused("--listen", "https needs a certificate", "give --cert-file and --key-file");
      }
      const { runDatastore } = await import("../services/datastore.ts");
      await runDatastore({ listen: addresses, dataFile: data, quotaBytes: quota, tls });
    });
  withExamples(serve, [
    ["datastore serve --listen http://192.168.0.80:2379", "for the nodes of a segment"],
    [
      "datastore serve --listen https://192.168.0.80:2379 --cert-file s.crt --key-file s.key --client-ca-file ca.crt",
      "for those who show a certificate",
    ],
    ["datastore serve --data ./try.db", "to try it out"],
  ]);
}

function parseListen(text: string): ListenAddress {
  const malformed = (what: string) =>
    refused("--listen", `"${text}" ${what}`, "use http://ADDRESS:PORT or https://ADDRESS:PORT");
  const url = URL.parse(text);
  if (url === null) throw malformed("is not a URL");
  const tls = url.protocol === "https:";
  if (!tls && url.protocol !== "http:") throw malformed("is neither http nor https");
  if (url.pathname !== "/" || url.search !== "" || url.username !== "")
    throw malformed("says more than address and port");
  // A URL drops its scheme's own port.
  const own = tls ? 443 : 80;
  const port = url.port === "" ? (text.endsWith(`:${own}`) ? own : 2379) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port, ...(tls && { tls }) };
}

function tlsFiles({ certFile, keyFile, clientCaFile }: Omit<ServeOptions, "listen" | "data" | "quota">) {
  if (certFile !== undefined && keyFile !== undefined) {
    return { certFile, keyFile, ...(clientCaFile !== undefined && { clientCaFile }) };
  }
  const given = Object.entries({ certFile, keyFile, clientCaFile }).filter(([, file]) => file !== undefined);
  if (given.length === 0) return undefined;
  throw refused("--cert-file, --key-file", "only one of them is given", "give the certificate and its key");
}

const UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function parseSize(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,15})(KiB|MiB|GiB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? 1);
  if (digits === "" || bytes < 1)
    throw refused("--quota", `"${text}" is not a size`, "use a number of MiB or GiB, as 500MiB");
  return bytes;
}

function refused(where: string, what: string, fix: string): OcicatError {
  return new OcicatError({ code: "CLI_DATASTORE", where, what, fix });
}
