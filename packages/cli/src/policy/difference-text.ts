import { type Change, type Decision, type Difference, describePackets, type Party } from "@ocicat/policy/difference";
import { oneLine } from "../output/line.ts";
import { decidedBy } from "./walk-json.ts";

/** How many are named, before the others are counted. */
const NAMED = 4;
const BLOCKS = 60;

/** What becomes otherwise, for people: who to whom, by what, what decided before and what will. */
export function differenceText({ policies, changes, pairs }: Difference): string {
  const rows = merged(changes);
  const left =
    pairs.leftOut === 0
      ? []
      : [`Left out, for there are too many: ${counted(pairs.leftOut, "pair")}; of these it is not known.`];
  return [
    ...policies.map(({ id, change, before, after }) => `${id}: ${change}, ${appliesText(change, before, after)}`),
    ...(policies.length === 0 ? ["No policy changes."] : []),
    "",
    ...section(
      "Newly denied:",
      rows.filter(({ after }) => !after.allowed),
    ),
    ...section(
      "Newly allowed:",
      rows.filter(({ after }) => after.allowed),
    ),
    `${counted(pairs.changed, "pair")} of ${pairs.looked} that were looked at ${pairs.changed === 1 ? "changes" : "change"}.`,
    ...left,
    "",
  ].join("\n");
}

export function differenceJson({ policies, changes, pairs }: Difference) {
  return {
    policies: policies.map((policy) => ({ ...policy })),
    changes: changes.map(({ from, to, families, packets, all, before, after }) => ({
      from: partyJson(from),
      to: partyJson(to),
      ipVersions: [...families],
      packets: describePackets(packets, all),
      before: decisionJson(before),
      after: decisionJson(after),
    })),
    pairs: { ...pairs },
  };
}

function partyJson({ kind, members }: Party) {
  return { kind, count: members.length, names: members.map(({ name }) => name) };
}

function decisionJson({ allowed, steps }: Decision) {
  return { allowed, by: steps.map(decidedBy) };
}

/** A row of several kinds of ends of which the same is told. */
interface Row {
  readonly from: readonly Party[];
  readonly to: readonly Party[];
  readonly packets: string;
  readonly before: Decision;
  readonly after: Decision;
}

/** Those that differ in one end only become one, first by whom they lead to, then by whom they come from. */
function merged(changes: readonly Change[]): readonly Row[] {
  const rows = changes.map(({ from, to, packets, all, families, before, after }): Row => {
    const [family] = families;
    const only = families.length === 1 && hasBoth(from) && hasBoth(to) ? ` (IPv${family} only)` : "";
    return { from: [from], to: [to], packets: `${describePackets(packets, all)}${only}`, before, after };
  });
  const byTo = joined(
    rows,
    ({ to }) => namesKey(to),
    (group) => ({ from: group.flatMap(({ from }) => from) }),
  );
  return joined(
    byTo,
    ({ from }) => namesKey(from),
    (group) => ({ to: group.flatMap(({ to }) => to) }),
  );
}

function joined(
  rows: readonly Row[],
  same: (row: Row) => string,
  ends: (group: readonly Row[]) => Partial<Pick<Row, "from" | "to">>,
): readonly Row[] {
  const groups = Map.groupBy(rows, (row) =>
    [same(row), row.packets, byText(row.before), byText(row.after), row.after.allowed].join("\n"),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, ...ends(group) }];
  });
}

function hasBoth({ members }: Party): boolean {
  const addresses = members[0]?.addresses ?? [];
  return addresses.some((address) => typeof address === "number") && addresses.some((one) => typeof one === "bigint");
}

function namesKey(parties: readonly Party[]): string {
  return parties.flatMap(({ members }) => members.map(({ name }) => name)).join();
}

function section(heading: string, rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return [];
  const shown = rows
    .slice(0, BLOCKS)
    .flatMap(({ from, to, packets, before, after }) => [
      `  ${oneLine(`${names(from)} → ${names(to)}: ${packets}`)}`,
      `      ${oneLine(`before: ${byText(before)}; after: ${byText(after)}`)}`,
    ]);
  const more = rows.length > BLOCKS ? [`  … and ${rows.length - BLOCKS} more; -o json tells all of them`] : [];
  return [heading, ...shown, ...more, ""];
}

function names(parties: readonly Party[]): string {
  const all = parties.flatMap(({ members }) => members.map(({ name }) => name));
  const shown = all.slice(0, NAMED).join(", ");
  return all.length <= NAMED ? shown : `${shown} and ${all.length - NAMED} more`;
}

function byText({ allowed, steps }: Decision): string {
  const by = [...new Set(steps.map(decidedBy))].join(" and ");
  return `${allowed ? "allowed" : "denied"}${by === "" ? ", for nothing judges it" : ` by ${by}`}`;
}

function appliesText(change: string, before: number, after: number): string {
  if (change === "added") return `applies to ${counted(after, "endpoint")}`;
  if (change === "removed") return `applied to ${counted(before, "endpoint")}`;
  return before === after
    ? `applies to ${counted(after, "endpoint")}`
    : `applied to ${counted(before, "endpoint")}, and will to ${after}`;
}

export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
