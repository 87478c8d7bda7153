/** Of commands that ask an agent about BGP. */
export interface BgpOptions {
  readonly node?: string;
  readonly output: string;
}

export interface BgpRoutesOptions extends BgpOptions {
  readonly received?: string;
  readonly advertised?: string;
  readonly best?: boolean;
  readonly all?: boolean;
}

export interface BgpLogOptions extends BgpOptions {
  readonly follow?: boolean;
}

export interface PlanReflectorsOptions {
  readonly config?: string;
  readonly count?: string;
  readonly apply?: boolean;
  readonly output: string;
}

export interface MrtReadOptions {
  readonly output: string;
}

export interface MrtDumpOptions {
  readonly node?: string;
}

export interface SpeakCommandOptions {
  readonly config: string;
  readonly replay?: string;
  readonly replaySpeed?: string;
}
