import { errorScenario, HTML_502, modelMissing, type Refuse, SERVER_ERROR } from "./openai-errors.ts";
import { type Frame, playBody, playStream, wholeText } from "./player.ts";
import { type Plan, parseScenario, planAnswer } from "./scenario.ts";
import { type Exchange, sendHtml } from "./server.ts";
import { countPromptTokens } from "./words.ts";

const CREATED = 1_750_000_000;
/** What the real one answers at most where nobody says. */
const DEFAULT_LIMIT = 16;

type CompletionRequest = {
  prompt: unknown;
  max_tokens?: number | null;
  echo?: boolean;
  stream_options?: { include_usage?: boolean } | null;
};

/** OpenAI's `/v1/completions`, plain and streamed. */
export async function complete(exchange: Exchange, refuse: Refuse): Promise<void> {
  const { response, record } = exchange;
  const body = record.body as CompletionRequest;
  const scenario = parseScenario(record.model);
  if (scenario.name === "never") return;
  if (scenario.name === "html-502") return sendHtml(exchange, 502, HTML_502);
  const error = errorScenario(scenario, record.model);
  if (error) return refuse(error.status, error.body, error.headers);
  const plan = planAnswer(scenario, body.max_tokens ?? DEFAULT_LIMIT, record.bodyText);
  if (!plan) return refuse(404, modelMissing(record.model));
  const prompts = Array.isArray(body.prompt) ? body.prompt : [body.prompt];
  const input = prompts.every((item) => typeof item === "number")
    ? prompts.length
    : prompts.reduce((sum, item) => sum + countPromptTokens([{ content: item }]), 0);
  record.usage.input = input;
  record.status = 200;
  const envelope = { id: record.id, object: "text_completion", created: CREATED, model: record.model };
  if (record.stream) {
    response.setHeader("content-type", "text/event-stream; charset=utf-8");
    const wantsUsage = body.stream_options?.include_usage === true;
    const frames = streamFrames(plan, envelope, wantsUsage, () => usageOf(input, record.usage.output));
    return playStream(exchange, plan, frames, { data: JSON.stringify({ error: SERVER_ERROR }), tokens: 0 });
  }
  const words = wholeText(plan);
  const text = (body.echo ? String(body.prompt) : "") + words.join("");
  const choices = prompts.map((_, index) => ({ text, index, logprobs: null, finish_reason: plan.finish }));
  const output = words.length * choices.length;
  await playBody(exchange, plan, JSON.stringify({ ...envelope, choices, usage: usageOf(input, output) }), {
    output,
    reasoning: 0,
  });
}

function* streamFrames(plan: Plan, envelope: object, wantsUsage: boolean, usage: () => object): Generator<Frame> {
  const chunk = (text: string, finish: string | null) =>
    JSON.stringify({ ...envelope, choices: [{ text, index: 0, logprobs: null, finish_reason: finish }] });
  for (const word of plan.text) yield { data: chunk(word, null), tokens: 1 };
  if (plan.sendFinish) yield { data: chunk("", plan.finish), tokens: 0 };
  if (wantsUsage) yield { data: JSON.stringify({ ...envelope, choices: [], usage: usage() }), tokens: 0, usage: true };
  if (plan.sendDone) yield { data: "[DONE]", tokens: 0 };
}

function usageOf(input: number, output: number) {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}
