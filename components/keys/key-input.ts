import type { z } from "zod";
import type { keyInput } from "@/lib/keys/schema";

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
  const expires = text("expiresAt");
  return {
    name: text("name"),
    ...(text("app") && { app: text("app") }),
    budgetUsd: budgetUsd || null,
    // safe because the select offers only these
    ...(budgetUsd && { budgetPeriod: (text("budgetPeriod") || "month") as "day" | "week" | "month" | "total" }),
    rpm: whole("rpm"),
    tpm: whole("tpm"),
    maxConcurrency: whole("maxConcurrency"),
    allowedModels: list("allowedModels"),
    allowedIps: list("allowedIps"),
    expiresAt: expires ? (expiresAt?.startsWith(expires) ? expiresAt : expires) : null,
    note: text("note"),
  };
}
