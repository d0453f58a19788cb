import type { ChatEvent, ChatFailure, ChatUsage } from "@/components/playground/chat-stream";
import { formatUsd, parseUsd } from "@/lib/money";
import type { Charge } from "@/lib/playground/schema";
import type { ChatCall } from "@/lib/snippets";

export type UserTurn = { id: string; role: "user"; text: string };

export type AnswerTurn = {
  id: string;
  role: "assistant";
  text: string;
  reasoning: string;
  state: "waiting" | "streaming" | "done" | "stopped" | "failed";
  /** As asked, and as the answer names it. */
  model: string;
  servedModel: string | null;
  provider: string | null;
  requestId: string | null;
  firstTokenMs: number | null;
  totalMs: number | null;
  usage: Pick<ChatUsage, "inputTokens" | "outputTokens"> | null;
  /** Decimal USD from the ledger; null: unpriced; undefined: not known (yet). */
  chargeUsd: string | null | undefined;
  /** The ledger is being asked. */
  awaitsCharge: boolean;
  finishReason: string | null;
  failure: ChatFailure | null;
};
export type Turn = UserTurn | AnswerTurn;

export type Parameters = { system: string; temperature: string; topP: string; maxTokens: string };
export const NO_PARAMETERS: Parameters = { system: "", temperature: "", topP: "", maxTokens: "" };

/** The request that the state stands for: the same for sending and for showing as code. Answers without text are left out. */
export function chatCall(model: string, parameters: Parameters, turns: readonly Turn[]): ChatCall {
  const { system, temperature, topP, maxTokens } = parameters;
  const said = turns.filter(({ text }) => text !== "");
  return {
    model,
    messages: [
      ...(system.trim() ? [{ role: "system" as const, content: system }] : []),
      ...said.map(({ role, text }) => ({ role, content: text })),
    ],
    ...numberOf("temperature", temperature),
    ...numberOf("top_p", topP),
    ...numberOf("max_tokens", maxTokens),
  };
}

function numberOf<Name extends string>(name: Name, text: string): { [Key in Name]?: number } {
  const value = Number(text);
  // safe because the one key is Name
  return (text.trim() !== "" && Number.isFinite(value) ? { [name]: value } : {}) as { [Key in Name]?: number };
}

export function newAnswer(id: string, model: string): AnswerTurn {
  return {
    id,
    role: "assistant",
    text: "",
    reasoning: "",
    state: "waiting",
    model,
    servedModel: null,
    provider: null,
    requestId: null,
    firstTokenMs: null,
    totalMs: null,
    usage: null,
    chargeUsd: undefined,
    awaitsCharge: false,
    finishReason: null,
    failure: null,
  };
}

/** The answer after one more event, `elapsedMs` after it was asked for. */
export function withEvent(answer: AnswerTurn, event: ChatEvent, elapsedMs: number): AnswerTurn {
  switch (event.type) {
    case "model":
      return { ...answer, servedModel: event.model };
    case "text":
    case "reasoning": {
      const firstTokenMs = answer.firstTokenMs ?? elapsedMs;
      const field = event.type;
      return { ...answer, state: "streaming", firstTokenMs, [field]: answer[field] + event.text };
    }
    case "finish":
      return { ...answer, finishReason: event.nativeReason ?? event.reason };
    case "usage":
      return {
        ...answer,
        usage: event.usage,
        chargeUsd: event.costUsd === null ? null : formatUsd(parseUsd(event.costUsd)),
      };
    case "error":
      return { ...answer, state: "failed", failure: event.failure };
  }
}

export function withCharge(answer: AnswerTurn, { priceUsd, inputTokens, outputTokens }: Charge): AnswerTurn {
  return { ...answer, chargeUsd: priceUsd, usage: { inputTokens, outputTokens } };
}

/** Whether only the ledger can say what this answer cost. */
export function needsCharge(answer: AnswerTurn): boolean {
  const ended = answer.state === "stopped" || (answer.state === "failed" && answer.failure?.charged === null);
  return ended && answer.requestId !== null && answer.chargeUsd === undefined;
}
