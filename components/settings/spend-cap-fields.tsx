import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import type { SpendCaps } from "@/lib/orgs/schema";

const CAPS = ["capUsd", "dailyCapUsd"] as const;

type SpendCapFieldsProps = {
  caps: SpendCaps;
  text: (cap: keyof SpendCaps, part: "label" | "help") => string;
  errorOf: (cap: keyof SpendCaps) => string | undefined;
  className: string;
};

/** What somebody may spend in a month and in a day. */
export function SpendCapFields({ caps, text, errorOf, className }: SpendCapFieldsProps) {
  return CAPS.map((name) => (
    <Field key={name} name={name} label={text(name, "label")} help={text(name, "help")} error={errorOf(name)}>
      <Input inputMode="decimal" autoComplete="off" defaultValue={caps[name] ?? ""} className={className} />
    </Field>
  ));
}

/** As the actions take them: an empty field is no cap. */
export function spendCapsOf(form: FormData): SpendCaps {
  const cap = (name: keyof SpendCaps) => String(form.get(name) ?? "").trim() || null;
  return { capUsd: cap("capUsd"), dailyCapUsd: cap("dailyCapUsd") };
}
