import { AppError } from "@/lib/errors";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import { narrowed, type RoutePlan } from "@/lib/gateway/routing/candidates";

/** The candidates that can answer a conversation in the shape it asks for: those that speak its dialect themselves, and those
 *  for which its translation loses nothing but fine tuning. Throws unsupported_parameter where none is left. */
export function servable(plan: RoutePlan, chat: Conversation): RoutePlan {
  const { dialect } = chat;
  let refused: string | null = null;
  const able = narrowed(plan, ({ definition }) => {
    if (definition.speaks[dialect.id] !== undefined) return true;
    const param = dialect.untranslatable(chat, definition);
    refused ??= param;
    return param === null;
  });
  if (able.length > 0 || refused === null) return able;
  throw new AppError("unsupported_parameter", `"${refused}" as given is not supported by the provider of this model.`, {
    param: refused,
  });
}
