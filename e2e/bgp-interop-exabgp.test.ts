import { exabgpDaemon } from "./support/bgp/exabgp.ts";
import { interop } from "./support/bgp/matrix.ts";

interop(
  "ExaBGP",
  exabgpDaemon,
  new Set([
    "dialling",
    "answering a refresh",
    "a table",
    "reflector",
    "roles",
    "long-lived",
    "shutdown communication",
    "preserved forwarding",
    "IPv6 next hops",
  ]),
);
