import type { About, Diagnosis, Finding, Severity, Sureness, Traffic } from "@ocicat/doctor";
import { fieldsOf, list, texts, unexpected } from "./answers.ts";

const WHERE = "/doctor";
const SEVERITIES: readonly Severity[] = ["error", "warning"];
const TRAFFICS: readonly Traffic[] = ["bgp", "vxlan", "ipip", "pods"];
const SURENESSES: readonly Sureness[] = ["certain", "likely", "possible"];

/** What an agent answers at /doctor. */
export function readDiagnosis(body: unknown): Diagnosis {
  const field = fieldsOf(body, WHERE);
  return {
    node: texts(body, WHERE)("node"),
    findings: list(field("findings"), WHERE).map(readFinding),
    notLooked: list(field("notLooked"), WHERE).map((entry) => {
      const text = texts(entry, WHERE);
      return { code: text("code"), why: text("why") };
    }),
  };
}

function readFinding(entry: unknown): Finding {
  const text = texts(entry, WHERE);
  const mend = fieldsOf(entry, WHERE)("mend");
  const node = fieldsOf(mend, WHERE)("node");
  const about = fieldsOf(entry, WHERE)("about");
  return {
    code: text("code"),
    severity: oneOf(SEVERITIES, text("severity")),
    node: text("node"),
    where: text("where"),
    what: text("what"),
    why: text("why"),
    mend: { command: texts(mend, WHERE)("command"), node: typeof node === "string" ? node : undefined },
    sure: oneOf(SURENESSES, text("sure")),
    ...(about === undefined ? {} : { about: readAbout(about) }),
  };
}

function readAbout(about: unknown): About {
  const peer = fieldsOf(about, WHERE)("peer");
  return {
    traffic: oneOf(TRAFFICS, texts(about, WHERE)("traffic")),
    ...(typeof peer === "string" ? { peer } : {}),
  };
}

function oneOf<T extends string>(known: readonly T[], text: string): T {
  const found = known.find((one) => one === text);
  if (found === undefined) throw unexpected(WHERE, known.join(" or "));
  return found;
}
