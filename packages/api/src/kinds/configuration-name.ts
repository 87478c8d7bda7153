import { accept, type Checked, checkDnsSubdomain, refuse } from "../schema/index.ts";

/** Configurations that are for all nodes are called "default", those for one node "node." and its name. */
export function checkConfigurationName(name: string): Checked<string> {
  const subdomain = checkDnsSubdomain(name);
  if (!subdomain.ok || name === "default" || /^node\../.test(name)) return subdomain;
  return refuse("configuration-name", 'is neither "default" (for all nodes) nor "node.<name>" (for one)');
}

/** For a kind of which there is one. */
export function checkDefaultName(name: string): Checked<string> {
  return name === "default" ? accept(name) : refuse("configuration-name", 'is not "default": there is one only');
}
