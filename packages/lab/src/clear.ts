import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { deleteMountNamespace, deleteNetworkNamespace, releasePrivateDirectory } from "@ocicat/linux";
import { removeCgroups } from "./kubernetes/node/cgroups.ts";
import { inNamespaces, killAll } from "./process/end.ts";
import { isMarked } from "./process/mark.ts";
import { removeIfEmpty } from "./world/files.ts";
import { allNamespaces, mountNamespaces, networkNamespaces } from "./world/namespaces.ts";
import { leaveNamespaceDirectory } from "./world/netns-dir.ts";
import { type LabPlaces, NETNS_DIR } from "./world/places.ts";

/**
 * Takes everything of a lab away: processes, namespaces (interfaces, routes and mounts go with them), files. It asks the
 * kernel and the directories what there is, and no record, so that it works on whatever a crash has left. Processes first,
 * without the grace of a farewell: the whole network goes, and what is inside a namespace keeps it alive.
 */
export async function clearLab(places: LabPlaces): Promise<void> {
  const inside = inNamespaces(allNamespaces(places));
  await killAll((pid) => inside(pid) || isMarked(pid, places));
  await removeCgroups(places);
  for (const node of mountNamespaces(places)) deleteMountNamespace(places.mountns(node));
  if (existsSync(places.mountDir)) releasePrivateDirectory(places.mountDir);
  for (const name of networkNamespaces(places)) deleteNetworkNamespace(join(NETNS_DIR, name));
  for (const dir of [places.run, places.disk]) {
    rmSync(dir, { recursive: true, force: true });
    removeIfEmpty(dirname(dir));
  }
  leaveNamespaceDirectory();
}

/** Whether anything of the lab is on this machine. */
export function anythingThere(places: LabPlaces): boolean {
  return existsSync(places.run) || existsSync(places.disk) || networkNamespaces(places).length > 0;
}
