/** Where an API server is, and as whom it is asked. What is in a file is read again: certificates and tokens rotate there. */
export interface Target {
  readonly server: Server;
  /** The name in the server's certificate, where it is not the one it is reached by. */
  readonly serverName: string | undefined;
  /** Whatever certificate the server has is taken. */
  readonly isInsecure: boolean;
  /** The certificates, PEM, one of which must have signed the server's; undefined: those of the system. */
  readonly ca: Source | undefined;
  /** Who this is, by certificate: PEM. */
  readonly certificate: { readonly chain: Source; readonly key: Source } | undefined;
  /** Who this is, by a token that goes with each request. */
  readonly token: TokenSource | undefined;
  /** For messages: the file or variables that said all this. */
  readonly source: string;
}

export interface Server {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** What goes before every path: "" or "/some/prefix". */
  readonly prefix: string;
}

/** A text that is given, or the file that has it. */
export type Source = { readonly text: string } | { readonly file: string };

/** A token, or the command that prints one (client-go's credential plugins). */
export type TokenSource = Source | { readonly command: TokenCommand };

export interface TokenCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
}

/** Undefined: not an address of an API server. */
export function parseServer(text: string): Server | undefined {
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (url === null || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    return undefined;
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  const scheme = url.protocol === "http:" ? "http" : "https";
  return {
    scheme,
    // The URL standard keeps the brackets of an IPv6 address.
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port),
    prefix: url.pathname.replace(/\/+$/, ""),
  };
}

/** `host:port`, as a request says it. */
export function authorityOf({ host, port }: Server): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
