export type LogLevel = "debug" | "info" | "warning" | "error";

export interface LogRecord {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Structured logging. Messages are constant sentences; what varies goes into the fields. Never a secret in either. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warning(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** A logger for a part: its component is `parent.name`. */
  child(name: string): Logger;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warning: 2, error: 3 };

export function createLogger(component: string, threshold: LogLevel, sink: (record: LogRecord) => void): Logger {
  const at = (level: LogLevel) => {
    if (RANK[level] < RANK[threshold]) return () => {};
    return (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      sink({ level, component, message, fields });
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warning: at("warning"),
    error: at("error"),
    child: (name) => createLogger(component === "" ? name : `${component}.${name}`, threshold, sink),
  };
}

export const silentLogger: Logger = createLogger("", "error", () => {});
