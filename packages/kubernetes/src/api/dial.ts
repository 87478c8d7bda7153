import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { ConnectionOptions, connect as connectTls } from "node:tls";
import { type ClientSession, openSession, type SessionDial } from "@ocicat/datastore/http2";
import { authorityOf, readSource, type Source, type Target } from "../config/index.ts";

/** A list of five hundred pods comes in one go. */
const WINDOWS = { stream: 4 * 2 ** 20, session: 16 * 2 ** 20 };

/** A session with an API server. Certificates are read anew each time: they may be others by now. */
export async function dial(target: Target, options: SessionDial): Promise<ClientSession> {
  const { server } = target;
  const secure = server.scheme === "https" ? await prepareTls(target) : undefined;
  options.signal.throwIfAborted();
  const origin = { scheme: server.scheme, authority: authorityOf(server) };
  return await openSession(openSocket(target, secure), origin, WINDOWS, options);
}

interface Secure {
  readonly connect: typeof connectTls;
  readonly options: ConnectionOptions;
}

/** TLS is 7 MiB, for those who have it. */
async function prepareTls(target: Target): Promise<Secure> {
  const [{ connect }, options] = await Promise.all([import("node:tls"), tlsOptions(target)]);
  return { connect, options };
}

function openSocket({ server: { host, port } }: Target, secure: Secure | undefined): Socket {
  if (secure === undefined) return connectTcp({ host, port, noDelay: true });
  return secure.connect({ host, port, ...secure.options }).setNoDelay(true);
}

async function tlsOptions(target: Target): Promise<ConnectionOptions> {
  const { server, serverName, isInsecure, certificate } = target;
  const read = async (source: Source | undefined) => (source === undefined ? undefined : await readSource(source));
  const [ca, cert, key] = await Promise.all([read(target.ca), read(certificate?.chain), read(certificate?.key)]);
  // RFC 6066 §3: a server name is never an IP address.
  const name = serverName ?? (isIP(server.host) === 0 ? server.host : undefined);
  return {
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    ...(name !== undefined && { servername: name }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(isInsecure && { rejectUnauthorized: false }),
  };
}
