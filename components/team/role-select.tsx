"use client";

import { useTranslations } from "next-intl";
import { Select, SelectContent, SelectItem, SelectTrigger, SelectValue } from "@/components/ui/select";
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
    <Select
      value={value}
      // safe because the items are OrgRoles
      onValueChange={(next) => onChange(next as OrgRole)}
      items={roles.map((role) => ({ value: role, label: t(role) }))}
      disabled={disabled}
    >
      <SelectTrigger aria-label={label} className="min-w-36">
        <SelectValue />
      </SelectTrigger>
      <SelectContent>
        {roles.map((role) => (
          <SelectItem key={role} value={role}>
            {t(role)}
          </SelectItem>
        ))}
      </SelectContent>
    </Select>
  );
}
