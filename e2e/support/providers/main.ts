import { parseArgs } from "node:util";
import { SIMULATORS, type SimulatedKind } from "./simulators.ts";

/** The simulators as a process of their own: `node e2e/support/providers/main.ts --wire openai --port 9001`.
 *  Prints one JSON line with the address when it listens, and stops on SIGTERM. */
const { values } = parseArgs({
  options: { wire: { type: "string", default: "openai" }, port: { type: "string", default: "0" } },
});
const start = SIMULATORS[values.wire as SimulatedKind];
if (!start) throw new Error(`--wire must be one of ${Object.keys(SIMULATORS).join(", ")}`);
const { url, baseUrl, stop } = await start({ port: Number(values.port) });
process.stdout.write(`${JSON.stringify({ wire: values.wire, url, baseUrl })}\n`);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());
