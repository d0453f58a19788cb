import type { JsonObject } from "@/lib/gateway/json-body";

/** Replaces or adds the price in a usage object and removes what would tell the tenant our cost; null for no price. `restate`
 *  counts as the dialect's clients expect. */
export function publicUsage(
  usage: JsonObject,
  costUsd: number | null,
  restate: (usage: JsonObject) => JsonObject = (same) => same,
): JsonObject {
  const { cost: _cost, cost_details: _details, is_byok: _byok, cost_in_usd_ticks: _ticks, ...rest } = restate(usage);
  return costUsd === null ? rest : { ...rest, cost: costUsd };
}

/** Puts another usage object in place of the one in `text`, byte for byte the same elsewhere: numbers keep their spelling.
 *  Null where the object cannot be found without doubt. */
export function replaceUsage(text: string, usage: unknown, replacement: JsonObject): string | null {
  const wanted = JSON.stringify(usage);
  const key = /"usage"\s*:\s*/g;
  let found: { start: number; end: number } | null = null;
  for (let match = key.exec(text); match; match = key.exec(text)) {
    const start = match.index + match[0].length;
    const end = endOfObject(text, start);
    if (end === null) continue;
    try {
      if (JSON.stringify(JSON.parse(text.slice(start, end))) !== wanted) continue;
    } catch {
      continue;
    }
    // one more that looks the same: either could be meant
    if (found) return null;
    found = { start, end };
    key.lastIndex = end;
  }
  return found && text.slice(0, found.start) + JSON.stringify(replacement) + text.slice(found.end);
}

function endOfObject(text: string, start: number): number | null {
  if (text[start] !== "{") return null;
  let depth = 0;
  let inString = false;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return i + 1;
  }
  return null;
}
