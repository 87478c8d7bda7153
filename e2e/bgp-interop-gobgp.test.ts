import { gobgpDaemon } from "./support/bgp/gobgp.ts";
import { interop } from "./support/bgp/matrix.ts";

interop(
  "GoBGP",
  gobgpDaemon,
  new Map([
    ["extended messages", "GoBGP 3 sends and takes 4,096 bytes alone"],
    ["roles", "GoBGP 3 knows no roles"],
    ["preserved forwarding", "GoBGP does not say that its forwarding state is there"],
    ["IPv4 over IPv6", "GoBGP 3 holds no session of both families over IPv6 where RFC 8950 is not agreed on"],
  ]),
);
