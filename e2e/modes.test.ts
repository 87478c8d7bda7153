import { modeFacts } from "./support/mode-facts.ts";

// What this machine's kernel can do; IPIP's share is in e2e/uml.
modeFacts("never");
modeFacts("vxlan-always");
modeFacts("vxlan-cross");
