/** What the same model is named for customers, whoever serves it. */
export function suggestModelId({ slug, kind }: { slug: string; kind: string }, upstreamModel: string): string {
  const isNamespaced = upstreamModel.includes("/") && (kind === "openrouter" || kind === "poe");
  const full = isNamespaced ? upstreamModel : `${kind === "openai-compatible" ? slug : kind}/${upstreamModel}`;
  return full
    .split("/")
    .map((part) => part.replace(/[^\w.@:+~-]/g, "-").replace(/^[.:]+/, ""))
    .filter(Boolean)
    .join("/")
    .slice(0, 200);
}
