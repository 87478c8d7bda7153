import { accept, type Checked, checkDnsSubdomain, refuse, text } from "../schema/index.ts";

/** Configurations that are for all nodes are called "default", those for one node "node." and its name. */
export const configurationName = text('"default" (for all nodes) or "node.<name>" (for one)', checkConfigurationName, {
  pattern: "^(default|node\\..+)$",
});

export function checkConfigurationName(name: string): Checked<string> {
  const subdomain = checkDnsSubdomain(name);
  if (!subdomain.ok || name === "default" || /^node\../.test(name)) return subdomain;
  return refuse("configuration-name", 'is neither "default" (for all nodes) nor "node.<name>" (for one)');
}

/** For a kind of which there is one. */
export const defaultName = text(
  '"default": there is one only',
  (name) => (name === "default" ? accept(name) : refuse("configuration-name", 'is not "default": there is one only')),
  { enum: ["default"] },
);
