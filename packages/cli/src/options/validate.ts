import type { FileOptions, NamespaceOptions } from "./shared.ts";

export interface ValidateOptions extends NamespaceOptions, FileOptions {}
