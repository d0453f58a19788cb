"use server";

import { action } from "@/lib/auth/action";
import { updateSettings } from "@/lib/settings/admin-settings";
import { settingsPatch } from "@/lib/settings/schema";

export const updateSettingsAction = action(settingsPatch, updateSettings, {
  scope: "staff",
  revalidate: "/admin/settings",
});
