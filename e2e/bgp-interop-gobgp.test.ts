import { gobgpDaemon } from "./support/bgp/gobgp.ts";
import { interop } from "./support/bgp/matrix.ts";

interop("GoBGP", gobgpDaemon, new Set(["extended messages", "roles", "preserved forwarding", "IPv4 over IPv6"]));
