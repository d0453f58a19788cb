import type { Usage } from "@/lib/billing/usage";
import { serverTools, tierOf } from "@/lib/gateway/usage/named";
import { NOTHING_REPORTED, RawUsage, type UsageReading } from "@/lib/gateway/usage/reading";

/** Messages usage: `input_tokens` excludes cache reads and writes; the 5-minute and 1-hour split stands in `cache_creation`;
 *  output includes thinking. Iterations that are no message (compaction, advisor) are billed outside the totals. */
export function anthropicMessagesUsage(usage: unknown): UsageReading {
  const raw = RawUsage.of(usage);
  if (!raw) return NOTHING_REPORTED;
  const inputTokens = raw.find("input_tokens");
  const outputTokens = raw.find("output_tokens");
  if (outputTokens === null && raw.anomalies.length === 0) return NOTHING_REPORTED;
  const base = readClasses(raw, { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0 });
  const tools = serverTools(raw, "server_tool_use");
  const serviceTier = tierOf(raw.at("service_tier"));
  const total = addIterations(raw, base);
  return raw.reading({ ...total, ...(tools && { toolCalls: tools }), ...(serviceTier && { serviceTier }) });
}

function readClasses(
  raw: RawUsage,
  { inputTokens, outputTokens }: { inputTokens: number; outputTokens: number },
): Usage {
  const oneHour = raw.count("cache_creation.ephemeral_1h_input_tokens");
  const fiveMinutes = raw.count("cache_creation.ephemeral_5m_input_tokens");
  // the split is missing on older versions: written tokens are then of the default five minutes
  const written = raw.find("cache_creation_input_tokens") ?? oneHour + fiveMinutes;
  const thinking = raw.count("output_tokens_details.thinking_tokens");
  return {
    input: inputTokens,
    cacheRead: raw.count("cache_read_input_tokens"),
    cacheWrite: written - oneHour,
    cacheWrite1h: oneHour,
    output: outputTokens - thinking,
    reasoning: thinking,
  };
}

/** An advisor is another model, whose rates this call does not know: its tokens take the dearest rate of their direction. */
function addIterations(raw: RawUsage, base: Usage): Usage {
  const iterations = raw.at("iterations");
  if (!Array.isArray(iterations)) return base;
  const total = { ...base };
  for (const iteration of iterations) {
    const part = RawUsage.of(iteration);
    const kind = part?.at("type");
    if (!part || kind === "message") continue;
    const counts = { inputTokens: part.count("input_tokens"), outputTokens: part.count("output_tokens") };
    const own = readClasses(part, counts);
    if (part.anomalies.length > 0) raw.spoil(`iterations.${String(kind)}`);
    if (typeof part.at("model") !== "string") {
      for (const name of CLASSES) total[name] = (total[name] ?? 0) + (own[name] ?? 0);
      continue;
    }
    raw.anomalies.push(`unpriced_usage:iterations.${String(kind)}`);
    const input = (own.input ?? 0) + (own.cacheRead ?? 0) + (own.cacheWrite ?? 0) + (own.cacheWrite1h ?? 0);
    total.otherInput = (total.otherInput ?? 0) + input;
    total.otherOutput = (total.otherOutput ?? 0) + counts.outputTokens;
  }
  return total;
}

const CLASSES = ["input", "cacheRead", "cacheWrite", "cacheWrite1h", "output", "reasoning"] as const;
