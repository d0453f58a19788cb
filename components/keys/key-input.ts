import type { z } from "zod";
import type { keyInput } from "@/lib/keys/schema";
import { readPatterns } from "@/lib/model-patterns";

/** The fields of `KeyFields` as the actions take them. An empty limit is null, which removes it; numbers that are not numbers
 *  travel as NaN and are refused with the field's name. A date that was not touched keeps its time of day. */
export function keyInputOf(form: FormData, expiresAt: string | null = null): z.input<typeof keyInput> {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const whole = (name: string) => (text(name) ? Number(text(name)) : null);
  const list = (name: string) =>
    text(name)
      .split(/[\s,]+/)
      .filter(Boolean);
  const budgetUsd = text("budgetUsd");
  // safe because the select offers only these
  const budgetPeriod = (text("budgetPeriod") || "month") as "day" | "week" | "month" | "total";
  const expires = text("expiresAt");
  return {
    name: text("name"),
    ...(text("app") && { app: text("app") }),
    budgetUsd: budgetUsd || null,
    ...(budgetUsd && { budgetPeriod }),
    // a budget of the day takes the cap's place
    ...(!(budgetUsd && budgetPeriod === "day") && { dailyCapUsd: text("dailyCapUsd") || null }),
    rpm: whole("rpm"),
    tpm: whole("tpm"),
    maxConcurrency: whole("maxConcurrency"),
    allowedModels: readPatterns(text("allowedModels")),
    allowedIps: list("allowedIps"),
    expiresAt: expires ? (expiresAt?.startsWith(expires) ? expiresAt : expires) : null,
    note: text("note"),
  };
}
