import { AddressError, Prefix, parsePrefix } from "@ocicat/net";
import { type JsonObject, listIn, objectIn, textIn } from "../json.ts";
import type { ObjectHead } from "../metadata.ts";
import { AWS_POD_IPS, POD_IP, POD_IPS } from "./annotations.ts";

/**
 * The addresses that a pod has, each as its host prefix: of the first that says any. The plugin's word comes with the ADD and
 * goes with the DEL; kubelet's comes later, and stays what it was while a pod's sandbox is made anew.
 *
 *     …/podIPs → …/podIP → status.podIPs → status.podIP → vpc.amazonaws.com/pod-ips
 *
 * None while it has none yet, and when it has none any more. Throws RangeError on what is no address.
 */
export function podAddresses({ annotations, isDeleting }: ObjectHead, status: JsonObject): readonly Prefix[] {
  if (isFinished(annotations, isDeleting, status)) return [];
  const sources: readonly (readonly string[])[] = [
    split(annotations[POD_IPS]),
    present(annotations[POD_IP]),
    listIn(status.podIPs).flatMap((each) => textIn(objectIn(each).ip) ?? []),
    present(status.podIP),
    split(annotations[AWS_POD_IPS]),
  ];
  return (sources.find((source) => source.length > 0) ?? []).map(hostPrefix);
}

/** Its containers have ended and will not start again, or its plugin has taken its addresses back. */
function isFinished(
  annotations: Readonly<Record<string, string>>,
  isDeleting: boolean,
  { phase }: JsonObject,
): boolean {
  const takenBack = annotations[POD_IP] === "" || (isDeleting && annotations[AWS_POD_IPS] === "");
  return takenBack || phase === "Failed" || phase === "Succeeded" || phase === "Completed";
}

function present(value: unknown): readonly string[] {
  const text = textIn(value);
  return text === undefined ? [] : [text];
}

function split(text: string | undefined): readonly string[] {
  return (text ?? "").split(",").filter((part) => part !== "");
}

function hostPrefix(text: string): Prefix {
  try {
    const { address } = parsePrefix(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
    return Prefix.host(address);
  } catch (error) {
    if (error instanceof AddressError) throw new RangeError(`its address "${text}" is none: ${error.message}`);
    throw error;
  }
}
