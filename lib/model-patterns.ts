/** Model names and patterns; an empty list holds every model. */
export function isListed(patterns: readonly string[], modelId: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matches(pattern, modelId));
}

/** What a list allows of these models, and what in it stands for none of them. */
export function listedOf(patterns: readonly string[], modelIds: readonly string[]) {
  return {
    allowed: modelIds.filter((id) => isListed(patterns, id)),
    idle: patterns.filter((pattern) => !modelIds.some((id) => matches(pattern, id))),
  };
}

/** As a person writes them, one per line or with commas between. */
export function readPatterns(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

function matches(pattern: string, modelId: string): boolean {
  return pattern.endsWith("*") ? modelId.startsWith(pattern.slice(0, -1)) : pattern === modelId;
}
