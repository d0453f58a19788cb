/** Fallbacks as the form shows them: a line per alias, `fast: openai/gpt-5-mini, anthropic/claude-haiku`. Model ids may hold colons,
 *  aliases here end at the first one that a space follows. */
export function fromFallbacks(fallbacks: Record<string, string[]>): string {
  return Object.entries(fallbacks)
    .map(([alias, models]) => `${alias}: ${models.join(", ")}`)
    .join("\n");
}

/** Lines without an alias name an empty one, which the server refuses in words. */
export function toFallbacks(text: string): Record<string, string[]> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const [, alias = "", models = line] = /^\s*(\S+?):\s+(.*)$/.exec(line) ?? [];
      return [alias, models.split(/[\s,]+/).filter(Boolean)];
    }),
  );
}
