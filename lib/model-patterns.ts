/** What of a model an allow-list goes by. */
export type ListedModel = { id: string; type: string };

const TYPE = "type:";

/** Whether a list allows a model: by its name, by a pattern that ends with `*`, or by its kind (`type:embedding`). An empty list
 *  allows every model. */
export function isListed(patterns: readonly string[], model: ListedModel): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matches(pattern, model));
}

/** What a list allows of these models, and what in it stands for none of them. */
export function listedOf<Model extends ListedModel>(patterns: readonly string[], models: readonly Model[]) {
  return {
    allowed: models.filter((model) => isListed(patterns, model)),
    idle: patterns.filter((pattern) => !models.some((model) => matches(pattern, model))),
  };
}

/** As a person writes them, one per line or with commas between. */
export function readPatterns(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

function matches(pattern: string, { id, type }: ListedModel): boolean {
  if (pattern.startsWith(TYPE)) return type === pattern.slice(TYPE.length);
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : pattern === id;
}
