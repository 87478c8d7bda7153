import { frrDaemon } from "./support/bgp/frr.ts";
import { interop } from "./support/bgp/matrix.ts";

interop("FRR", frrDaemon, new Set(["preserved forwarding", "extended messages"]));
