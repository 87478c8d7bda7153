import { frrDaemon } from "./support/bgp/frr.ts";
import { interop } from "./support/bgp/matrix.ts";

interop(
  "FRR",
  frrDaemon,
  new Map([
    ["preserved forwarding", "FRR 8.4 does not say that its forwarding state is there"],
    ["extended messages", "FRR 8.4 agrees on them, and resets the session at the first"],
  ]),
);
