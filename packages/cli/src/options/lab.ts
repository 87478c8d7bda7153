import type { Scenario } from "@ocicat/lab";

/** What every lab command takes: which lab, where several run. */
export interface LabOptions {
  readonly name?: string;
}

export interface UpOptions extends LabOptions {
  readonly filename?: string;
  readonly scenario?: Scenario;
  readonly inUml?: boolean;
  readonly kubernetes?: boolean;
}

export interface RunOptions extends LabOptions {
  readonly node?: string;
  readonly namespace: string;
  readonly port?: readonly string[];
  readonly labels?: readonly string[];
}

export interface CaptureOptions extends LabOptions {
  readonly write?: string;
  readonly count?: string;
}

export interface AddNodeOptions extends LabOptions {
  readonly address: string;
  readonly segment?: string;
  readonly gateway?: string;
  readonly address6?: string;
  readonly gateway6?: string;
}
