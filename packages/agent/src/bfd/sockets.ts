import { randomInt } from "node:crypto";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { requireHopLimit } from "@ocicat/linux";
import type { Family } from "@ocicat/net";

/** RFC 5881 §4, RFC 5883 §5. */
export const PORTS = { single: 3784, multi: 4784 } as const;
/** RFC 5881 §4: where packets are sent from. */
const SOURCES = { least: 49_152, most: 65_535 } as const;
/** RFC 5881 §5: what comes over a link has lost nothing of it. */
const TTL = 255;
const TRIES = 10;

const TYPES = { 4: "udp4", 6: "udp6" } as const;

/** Takes packets of one family for sessions over one hop, or over several. Rejects with the system's reason. */
export async function listenForPackets(
  family: Family,
  multihop: boolean,
  onPacket: (bytes: Uint8Array, from: RemoteInfo) => void,
): Promise<Socket> {
  const socket = createSocket({ type: TYPES[family], ipv6Only: family === 6 });
  await bound(socket, { port: multihop ? PORTS.multi : PORTS.single });
  if (!multihop) requireHopLimit(descriptorOf(socket), family, TTL);
  // What has come before that was looked at by nobody: it is read, and not heard.
  setImmediate(() => socket.on("message", onPacket));
  return socket;
}

/** A socket of a session's own, from a port that stays the same as long as the session does. */
export async function senderFor(family: Family, local: string | undefined): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = createSocket({ type: TYPES[family], ipv6Only: family === 6 });
    try {
      await bound(socket, {
        port: randomInt(SOURCES.least, SOURCES.most + 1),
        ...(local !== undefined && { address: local }),
      });
      socket.setTTL(TTL);
      return socket;
    } catch (error) {
      socket.close();
      if (attempt === TRIES || !isInUse(error)) throw error;
    }
  }
}

function bound(socket: Socket, options: { readonly port: number; readonly address?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(options, () => {
      socket.off("error", reject);
      // What the network says of a packet (no such host) is told by the packets that do not come.
      socket.on("error", () => {});
      resolve();
    });
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

/** The file descriptor, which Node does not tell by a public name. */
function descriptorOf(socket: Socket): number {
  const states = Object.getOwnPropertySymbols(socket).map((symbol): unknown => Reflect.get(socket, symbol));
  for (const state of states) {
    const handle: unknown = typeof state === "object" && state !== null && "handle" in state ? state.handle : undefined;
    const fd: unknown = typeof handle === "object" && handle !== null && "fd" in handle ? handle.fd : undefined;
    if (typeof fd === "number" && fd >= 0) return fd;
  }
  throw new Error("a UDP socket of Node.js does not tell its file descriptor");
}
