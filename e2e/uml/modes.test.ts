import { modeFacts } from "../support/mode-facts.ts";

modeFacts("ipip-always");
modeFacts("ipip-cross");
