import { exabgpDaemon } from "./support/bgp/exabgp.ts";
import { interop } from "./support/bgp/matrix.ts";

interop(
  "ExaBGP",
  exabgpDaemon,
  new Map([
    ["redialling", "a minute passes before ExaBGP dials again"],
    ["answering a refresh", "ExaBGP 4 takes the question, and tells nothing"],
    ["a table", "ExaBGP keeps no routes"],
    ["reflector", "ExaBGP passes nothing on"],
    ["roles", "ExaBGP 4 knows no roles"],
    ["long-lived", "ExaBGP 4 knows no long life"],
    ["shutdown communication", "ExaBGP 4 ends a session without words"],
    ["preserved forwarding", "ExaBGP forwards nothing"],
  ]),
);
