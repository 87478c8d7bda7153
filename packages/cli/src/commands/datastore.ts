import { OcicatError } from "@ocicat/kit";
import type { Command } from "commander";
import { withExamples } from "./options.ts";

interface ServeOptions {
  readonly listen: readonly string[];
  readonly socket?: string;
  readonly data: string;
}

export function addDatastore(program: Command): void {
  const datastore = program
    .command("datastore")
    .summary("the embedded datastore")
    .description("The embedded datastore: etcd's API over one file.");
  const serve = datastore
    .command("serve")
    .summary("run it")
    .description(
      "Run the embedded datastore in the foreground, until SIGTERM. It speaks etcd v3's gRPC API, so that etcdctl works " +
        "on it, and acknowledges a write when the disk has it. It logs to standard output, a JSON object a line. " +
        "It asks nobody who they are: listen where only the cluster's nodes can reach it.",
    )
    .option("--listen <url...>", "http://ADDRESS:PORT, one or several", ["http://127.0.0.1:2379"])
    .option("--socket <path>", "a Unix socket besides, for this user only")
    .option("--data <file>", "where the data is kept", "/var/lib/ocicat/datastore.db")
    .action(async ({ listen, socket, data }: ServeOptions) => {
      const addresses = [...listen.map(parseListen), ...(socket === undefined ? [] : [{ path: socket }])];
      const { runDatastore } = await import("../services/datastore.ts");
      await runDatastore({ listen: addresses, dataFile: data });
    });
  withExamples(serve, [
    ["datastore serve --listen http://192.168.0.80:2379", "for the nodes of a segment"],
    ["datastore serve --data ./try.db", "to try it out"],
  ]);
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(text);
  if (url === null) throw refused(text, "is not a URL");
  if (url.protocol !== "http:") throw refused(text, "is not http: the embedded datastore has no TLS yet");
  if (url.pathname !== "/" || url.search !== "" || url.username !== "")
    throw refused(text, "says more than address and port");
  // A URL drops http's own port.
  const port = url.port === "" ? (text.endsWith(":80") ? 80 : 2379) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port };
}

function refused(text: string, what: string): OcicatError {
  return new OcicatError({
    code: "CLI_LISTEN",
    where: "--listen",
    what: `"${text}" ${what}`,
    fix: "use http://ADDRESS:PORT",
  });
}
