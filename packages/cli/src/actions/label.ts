import type { AnyResource } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import type { LabelOptions } from "../options/label.ts";
import type { Surroundings } from "../surroundings.ts";
import { kindFrom, namespaceOf } from "./select.ts";
import { titleOf } from "./sentences.ts";

type Labels = Readonly<Record<string, string>>;

/** What is to become of a resource's labels, and how calicoctl says that it has. */
interface Relabelling {
  readonly of: (resource: AnyResource) => Labels;
  readonly done: (before: Labels) => string;
}

export async function label(
  surroundings: Surroundings,
  word: string,
  name: string,
  text: string,
  options: LabelOptions,
): Promise<void> {
  const kind = kindFrom(word);
  const { of, done } = options.remove === true ? removal(text, options) : setting(text, options);
  let before: Labels = {};
  await withDatastore(surroundings, options.config, ({ client }) =>
    client.modify(kind, name, namespaceOf(kind, options), (present) => {
      before = present.metadata.labels ?? {};
      return { ...present, metadata: { ...present.metadata, labels: of(present) } };
    }),
  );
  surroundings.print(`Successfully ${done(before)} ${word} ${name}\n`);
}

function setting(text: string, { overwrite }: LabelOptions): Relabelling {
  const [key = "", value, ...more] = text.split("=");
  if (key === "" || value === undefined || more.length > 0)
    throw wrongArguments(`"${text}" is not a label`, "write it as key=value, or name a key and give --remove");
  return {
    of(resource) {
      const labels = resource.metadata.labels ?? {};
      const present = Object.hasOwn(labels, key) ? labels[key] : undefined;
      if (present === undefined || present === value || overwrite === true) return withLabel(labels, key, value);
      const what = `has label ${key} with the value "${present}" already`;
      throw new OcicatError({
        code: "LABEL_EXISTS",
        where: titleOf(resource),
        what,
        fix: "give --overwrite to change it",
      });
    },
    done: (before) => (Object.hasOwn(before, key) ? `updated label ${key} on` : `set label ${key} on`),
  };
}

function removal(key: string, { overwrite }: LabelOptions): Relabelling {
  if (overwrite === true) throw wrongArguments("--overwrite and --remove are given together", "use one of the two");
  if (key.includes("="))
    throw wrongArguments(`"${key}" is not the key of a label`, "with --remove only the key is given");
  return {
    of(resource) {
      const { [key]: gone, ...labels } = resource.metadata.labels ?? {};
      if (gone !== undefined) return labels;
      const what = `has no label ${key}`;
      throw new OcicatError({
        code: "LABEL_MISSING",
        where: titleOf(resource),
        what,
        fix: "see its labels with get -o yaml",
      });
    },
    done: () => `removed label ${key} from`,
  };
}

/** fromEntries defines an own member, whatever it is called. */
function withLabel(labels: Labels, key: string, value: string): Labels {
  return Object.fromEntries([...Object.entries(labels), [key, value]]);
}

function wrongArguments(what: string, fix: string): OcicatError {
  return new OcicatError({ code: "CLI_ARGUMENTS", what, fix });
}
