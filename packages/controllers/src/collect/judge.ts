import { blockKey, HOSTS_PREFIX } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import { judgeBlock } from "./judge-block.ts";
import { judgeHandle } from "./judge-handle.ts";
import type { ClusterState } from "./state.ts";
import type { Subject } from "./subject.ts";
import type { Verdict } from "./verdict.ts";

/** Whether a subject is garbage, and why. Undefined: it is not, or it cannot be shown, which is the same here. */
export function judge(state: ClusterState, subject: Subject): Verdict | undefined {
  const space = subject.indexOf(" ");
  const kind = subject.slice(0, space);
  const name = subject.slice(space + 1);
  switch (kind) {
    case "handle":
      return judgeHandle(state, name);
    case "block":
      return judgeBlock(state, state.blocks.get(blockKey(parsePrefix(name))), name);
    case "endpoint":
      return judgeEndpoint(state, name);
    default:
      return judgeMarker(state, name);
  }
}

/** With its addresses, where it has any: those are the handle's verdict, and take the endpoint along. */
function judgeEndpoint(state: ClusterState, key: string): Verdict | undefined {
  const endpoint = state.endpoints.get(key);
  if (endpoint === undefined || state.nodes.has(endpoint.node) || state.endpointsFollowPods) return undefined;
  const { containerId, revision, node } = endpoint;
  if (containerId !== undefined && state.handlesNaming(containerId).size > 0) return undefined;
  return {
    subject: `endpoint ${key}`,
    reason: "left-by-gone-node",
    why: `node ${node} does not exist, and its container holds no address`,
    evidence: `${revision}`,
    node,
    action: { do: "delete", key, revision, goneNodes: [node] },
  };
}

function judgeMarker(state: ClusterState, node: string): Verdict | undefined {
  const revision = state.markers.get(node);
  if (revision === undefined || state.nodes.has(node)) return undefined;
  return {
    subject: `marker ${node}`,
    reason: "left-by-gone-node",
    why: `node ${node} does not exist`,
    evidence: `${revision}`,
    node,
    action: { do: "delete", key: `${HOSTS_PREFIX}${node}`, revision, goneNodes: [node] },
  };
}
