"use client";

import { useTranslations } from "next-intl";
import { useState } from "react";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { type PasswordStrength, passwordStrength } from "@/lib/password-strength";
import { cn } from "@/lib/utils";

const LEVEL: Record<PasswordStrength, number> = { short: 1, common: 1, fair: 2, good: 3, strong: 4 };

type PasswordFieldProps = { label: string; help?: string; error: string | undefined };

/** A new password with what the meter thinks of it; pasting works, and a manager may fill it in. */
export function PasswordField({ label, help, error }: PasswordFieldProps) {
  const t = useTranslations("auth");
  const [value, setValue] = useState("");
  const strength = value === "" ? null : passwordStrength(value);
  const level = strength ? LEVEL[strength] : 0;
  return (
    <div className="flex flex-col gap-2">
      <Field name="password" label={label} help={help ?? t("passwordHelp")} error={error}>
        <Input type="password" autoComplete="new-password" onValueChange={setValue} required />
      </Field>
      <div className="flex items-center gap-2">
        <div className="flex grow gap-1" aria-hidden>
          {[1, 2, 3, 4].map((part) => (
            <span
              key={part}
              className={cn("h-1 grow", part > level ? "bg-line-strong" : level < 2 ? "bg-danger" : "bg-positive")}
            />
          ))}
        </div>
        <p role="status" className="min-w-24 text-right text-sm text-ink-2">
          {strength && t(`strength.${strength}`)}
        </p>
      </div>
    </div>
  );
}
