"use client";

import { useTranslations } from "next-intl";
import { SelectFrom } from "@/components/ui/select";
import type { OrgRole } from "@/lib/orgs/permissions";

type RoleSelectProps = {
  value: OrgRole;
  onChange: (role: OrgRole) => void;
  roles: readonly OrgRole[];
  /** Where no field labels it. */
  label?: string;
  disabled?: boolean;
};

export function RoleSelect({ value, onChange, roles, label, disabled }: RoleSelectProps) {
  const t = useTranslations("auth.roles");
  return (
    <SelectFrom
      value={value}
      onValueChange={onChange}
      items={roles.map((role) => ({ value: role, label: t(role) }))}
      disabled={disabled}
      aria-label={label}
      className="min-w-36"
    />
  );
}
