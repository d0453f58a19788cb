import { serverTools } from "@/lib/gateway/usage/named";
import { NOTHING_REPORTED, RawUsage, type UsageReading } from "@/lib/gateway/usage/reading";

/** Converse usage: input excludes cache reads and writes; reasoning is inside the output, uncounted. `cacheDetails` names the
 *  life of what was written. */
export function bedrockConverseUsage(usage: unknown): UsageReading {
  const raw = RawUsage.of(usage);
  if (!raw) return NOTHING_REPORTED;
  const input = raw.find("inputTokens");
  const output = raw.find("outputTokens");
  if (input === null && output === null && raw.anomalies.length === 0) return NOTHING_REPORTED;
  if (input === null) raw.spoil("inputTokens");
  const cacheRead = raw.find("cacheReadInputTokens") ?? raw.count("cacheReadInputTokenCount");
  const written = raw.find("cacheWriteInputTokens") ?? raw.count("cacheWriteInputTokenCount");
  const cacheWrite1h = writtenForAnHour(raw);
  const tools = serverTools(raw, "serverToolUsage");
  raw.ignore("totalTokens", "cacheReadInputTokenCount", "cacheWriteInputTokenCount");
  return raw.reading({
    input: input ?? 0,
    cacheRead,
    cacheWrite: written - cacheWrite1h,
    cacheWrite1h,
    output: output ?? 0,
    ...(tools && { toolCalls: tools }),
  });
}

function writtenForAnHour(raw: RawUsage): number {
  const details = raw.at("cacheDetails");
  if (!Array.isArray(details)) return 0;
  let units = 0;
  for (const detail of details) {
    const part = RawUsage.of(detail);
    if (part?.at("ttl") === "1h") units += part.count("inputTokens");
    if (part && part.anomalies.length > 0) raw.spoil("cacheDetails");
  }
  return units;
}
