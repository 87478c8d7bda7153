import { DatastoreError } from "../errors.ts";

export type Endpoint =
  | { readonly kind: "tcp" | "tls"; readonly host: string; readonly port: number; readonly name: string }
  | { readonly kind: "unix"; readonly path: string; readonly name: string };

const DEFAULT_PORT = 2379;

/** Reads `http://host:port`, `https://host:port` (port 2379 if none is given) or `unix:///path`. Throws INVALID. */
export function parseEndpoint(text: string): Endpoint {
  const refuse = (what: string) =>
    new DatastoreError("INVALID", `endpoint "${text}" ${what}`, {
      fix: "write http://host:port, https://host:port or unix:///path/of/socket",
    });

  const path = /^unix:\/\/(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: "unix", path, name: text };

  const scheme = /^(https?):\/\//.exec(text)?.[1];
  if (scheme === undefined) throw refuse("has no scheme that is known here");
  const url = URL.parse(text);
  if (url === null) throw refuse("is not a URL");
  if (url.username !== "" || url.password !== "") {
    throw new DatastoreError("INVALID", "an endpoint holds a user name or password", {
      fix: "give them as credentials: endpoints appear in logs",
    });
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") throw refuse("has something behind its port");
  return {
    kind: scheme === "https" ? "tls" : "tcp",
    // The URL standard keeps the brackets of an IPv6 address and leaves out a scheme's default port.
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: explicitPort(text, scheme) ?? DEFAULT_PORT,
    name: text,
  };
}

function explicitPort(text: string, scheme: string): number | undefined {
  const port = /:(\d+)\/?$/.exec(text.slice(scheme.length + "://".length))?.[1];
  return port === undefined ? undefined : Number(port);
}
