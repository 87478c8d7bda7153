/**
 * The process between this machine's loopback and a lab's API server: it runs in the lab's network, and is handed a socket that
 * listens on the machine's, which stays there wherever it is used. `serve-forward.js ADDRESS PORT`
 */
import { connect, Server, type Socket } from "node:net";

const [, , host = "", port = ""] = process.argv;

process.once("message", (_, handle) => {
  if (!(handle instanceof Server)) process.exit(1);
  handle.on("connection", forward);
  process.send?.("ready");
  process.disconnect();
});

function forward(outside: Socket): void {
  const inside = connect({ host, port: Number(port) });
  for (const [from, to] of [
    [outside, inside],
    [inside, outside],
  ] as const) {
    from.setNoDelay(true);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}
