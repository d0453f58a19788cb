import { type DestinationStream, type Logger, pino } from "pino";
import { env } from "@/lib/env";

/** Fields that may appear in a log line. Bodies, headers, prompts and keys have no name here, so they cannot. */
const FIELDS = new Set([
  ..."requestId orgId appId keyId memberId userId model provider offerId credentialId upstreamModel upstreamId".split(
    " ",
  ),
  ..."endpoint dialect route method path status code outcome reason attempt retries stream".split(" "),
  ..."latencyMs firstTokenMs durationMs delayMs ageMs timeoutMs count batch bytes queue pending rows".split(" "),
  ..."node epoch pid role port signal exitCode worker task job table channel version name event".split(" "),
  ..."amountNano inputTokens outputTokens host address err".split(" "),
]);

/** Makes the process's logger: one JSON object per line; `name` says which part of the product speaks. */
export function createLogger(level: string, stream?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowed },
      serializers: { err: serializeError },
    },
    stream ?? pino.destination({ dest: 1, sync: true }),
  );
}

let root: Logger | undefined;

/** A logger for one part of the product. Fields outside the list above are left out and named under `dropped`. */
export function logger(name: string): Logger {
  root ??= createLogger(levelOrDefault());
  return root.child({ name });
}

function allowed(fields: Record<string, unknown>): Record<string, unknown> {
  const dropped = Object.keys(fields).filter((field) => !FIELDS.has(field));
  if (dropped.length === 0) return fields;
  const kept = Object.fromEntries(Object.entries(fields).filter(([field]) => FIELDS.has(field)));
  return { ...kept, dropped };
}

/** Type, code, message and stack: never the other properties, where libraries keep requests and connection settings. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  const cause = error.cause === undefined ? undefined : serializeError(error.cause);
  return { type: error.name, code, message: error.message, stack: error.stack, cause };
}

/** A wrong LOG_LEVEL is reported where settings are checked; importing a module must not be what throws. */
function levelOrDefault(): string {
  try {
    return env().logLevel;
  } catch {
    return "info";
  }
}
