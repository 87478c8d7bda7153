import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What was asked of an API server: who, for what, and whether it was granted. */
export interface AuditedRequest {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  /** With its part: pods/status. */
  readonly resource: string;
  /** HTTP's. */
  readonly status: number;
}

/** Only the network's own accounts are noted: the rest of a control plane asks much, and nobody wants to know. */
const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  // Of a watch that it has begun: it may not end before anybody looks.
  omitStages: ["RequestReceived"],
  rules: [
    {
      level: "Metadata",
      users: ["ocicat-node", "ocicat-controllers", "ocicat-fanout"].map(
        (account) => `system:serviceaccount:kube-system:${account}`,
      ),
    },
    { level: "None" },
  ],
};

const policyFile = (directory: string) => join(directory, "audit-policy.json");
const logFile = (directory: string) => join(directory, "audit.log");

export function auditFlags(directory: string): readonly string[] {
  return [`--audit-policy-file=${policyFile(directory)}`, `--audit-log-path=${logFile(directory)}`];
}

export function writeAuditPolicy(directory: string): void {
  writeFileSync(policyFile(directory), JSON.stringify(POLICY));
}

/** What the network's pods have asked so far. */
export function readAudit(directory: string): readonly AuditedRequest[] {
  const lines = readFileSync(logFile(directory), "utf8").split("\n");
  return lines.filter((line) => line !== "").flatMap(requestIn);
}

function requestIn(line: string): readonly AuditedRequest[] {
  const { user, verb, objectRef, responseStatus } = record(JSON.parse(line));
  const { apiGroup = "", resource, subresource } = record(objectRef);
  if (typeof resource !== "string") return [];
  const part = typeof subresource === "string" ? `/${subresource}` : "";
  return [
    {
      user: String(record(user).username),
      verb: String(verb),
      group: String(apiGroup),
      resource: resource + part,
      status: Number(record(responseStatus).code),
    },
  ];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
