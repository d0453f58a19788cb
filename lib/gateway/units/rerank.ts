import { AppError } from "@/lib/errors";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { routingOf, textOf } from "@/lib/gateway/units/fields";
import type { TranslatedAnswer, TranslationTarget, Unit, UnitCall } from "@/lib/gateway/units/unit";
import { rerankUsage } from "@/lib/gateway/usage/media";

const MAX_DOCUMENTS = 1_000;
/** Cohere bills one search for up to so many documents. */
const DOCUMENTS_PER_SEARCH = 100;

/** POST /rerank, in the shape of Cohere and Jina. */
export const rerank: Unit = {
  id: "rerank",
  endpoint: "rerank",
  modelType: "rerank",
  limitBytes: 20 * 1024 * 1024,
  parse: (body) => parseRerank(parseJsonObject(body), body.length),
  canTranslate: ({ rerankingModel }) => rerankingModel !== undefined,
};

function parseRerank(body: JsonObject, inputBytes: number): UnitCall {
  const routing = routingOf(body);
  const query = textOf(body, "query", "what the documents are ranked by");
  const documents = documentsOf(body.documents);
  const texts = documents.map(textOfDocument);
  const topN = typeof body.top_n === "number" && body.top_n > 0 ? Math.min(body.top_n, documents.length) : undefined;
  const searches = Math.ceil(documents.length / DOCUMENTS_PER_SEARCH);
  return {
    ...routing,
    warnings: [],
    // the query goes with every document
    bound: {
      inputTokens: inputBytes + query.length * documents.length,
      outputTokens: 0,
      toolCalls: { search: searches },
    },
    countInput: () => countTokens(query) * documents.length + texts.reduce((sum, text) => sum + countTokens(text), 0),
    relayOnly: null,
    relayBody: (upstreamModel) => ({
      body: JSON.stringify({ ...body, model: upstreamModel }),
      contentType: "application/json",
    }),
    readUsage: ({ json }) => rerankUsage(json),
    translate: (target) =>
      translate(target, { query, documents, texts, topN, returns: body.return_documents === true, searches }),
  };
}

function documentsOf(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new AppError("invalid_request", '"documents" is missing: give a list of texts.', { param: "documents" });
  if (value.length > MAX_DOCUMENTS)
    throw new AppError("invalid_request", `"documents" holds more than ${MAX_DOCUMENTS} documents.`, {
      param: "documents",
    });
  return value;
}

function textOfDocument(document: unknown): string {
  if (typeof document === "string") return document;
  const { text } = (document ?? {}) as { text?: unknown };
  if (typeof text === "string") return text;
  throw new AppError("invalid_type", '"documents" must hold texts, or objects with a "text".', { param: "documents" });
}

type Asked = {
  query: string;
  documents: unknown[];
  texts: string[];
  topN: number | undefined;
  returns: boolean;
  searches: number;
};

async function translate(target: TranslationTarget, asked: Asked): Promise<TranslatedAnswer> {
  const { provider, settings, upstreamModel, signal } = target;
  if (!provider.rerankingModel) throw new Error(`${provider.id} has no reranking models`);
  const model = await provider.rerankingModel(settings, upstreamModel);
  const { ranking } = await model.doRerank({
    documents: { type: "text", values: asked.texts },
    query: asked.query,
    ...(asked.topN !== undefined && { topN: asked.topN }),
    abortSignal: signal,
  });
  return {
    reading: { usage: { toolCalls: { search: asked.searches } }, source: "reported", anomalies: [] },
    body: {
      model: target.model,
      results: ranking.map(({ index, relevanceScore }) => ({
        index,
        relevance_score: relevanceScore,
        ...(asked.returns && { document: { text: asked.texts[index] } }),
      })),
      usage: { search_units: asked.searches },
    },
  };
}
