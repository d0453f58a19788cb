import type { HostedTools } from "@/lib/gateway/dialects/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Those that a request of OpenAI's protocols chooses for itself. */
const CHOSEN = new Set<unknown>(["flex", "priority"]);

/** Takes a service tier with rates of its own out of a body, until it is known who has a price for it. */
export function takeTier(body: JsonObject): HostedTools | undefined {
  const { service_tier: tier } = body;
  if (typeof tier !== "string" || !CHOSEN.has(tier)) return undefined;
  delete body.service_tier;
  const name = `tier:${tier}`;
  return {
    names: [name],
    serve(call, served) {
      const settled = { ...call, hosted: undefined };
      return served.has(name)
        ? { ...settled, body: { ...call.body, service_tier: tier }, serviceTier: tier }
        : { ...settled, warnings: ["service_tier", ...call.warnings] };
    },
  };
}

/** Both, each served or left out for itself. */
export function both(first?: HostedTools, second?: HostedTools): HostedTools | undefined {
  if (!first || !second) return first ?? second;
  return {
    names: [...first.names, ...second.names],
    serve: (call, served) => second.serve(first.serve(call, served), served),
  };
}
