import type { AnyResource, KubeControllersConfigurationSpec } from "@ocicat/api";
import type { Rows } from "./rows.ts";

/** Where a row is: what Kubernetes says, or what our datastore holds. They are one store where Kubernetes is the datastore. */
export type Side = "kubernetes" | "store";

/** What controllers look at: both sides as they are known, and the settings. */
export interface World {
  readonly kubernetes: Rows;
  readonly store: Rows;
  /** Undefined where nothing is configured. */
  readonly settings: KubeControllersConfigurationSpec | undefined;
}

/** What should stand under a key of the datastore. */
export interface Want {
  readonly key: string;
  /** Undefined: nothing. */
  readonly resource: AnyResource | undefined;
  /** A sentence for the log. */
  readonly why: string;
}

/**
 * A rule of how the datastore follows what it and Kubernetes say. Pure, and of the present only: asked again at any time it
 * says the same, so that whatever was missed, half done or undone by others is put right by asking once more.
 */
export interface Controller {
  /** For logs and metrics. */
  readonly name: string;
  /** Prefixes of the rows that it looks at. */
  readonly reads: Readonly<Record<Side, readonly string[]>>;
  /** What has to be asked again because this row changed, each by a name of the controller's own. */
  readonly subjects: (side: Side, key: string, world: World) => Iterable<string>;
  /** What should be, of one subject. Throws ValidationError, or OcicatError where a row cannot be read. */
  readonly plan: (subject: string, world: World) => Iterable<Want>;
}
