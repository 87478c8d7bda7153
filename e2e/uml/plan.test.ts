import { planFacts } from "../support/plan-facts.ts";

planFacts(["ipip-always", "ipip-cross", "vxlan-always", "never"]);
