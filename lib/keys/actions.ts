"use server";

import { action } from "@/lib/auth/action";
import { createOrgKey, revokeOrgKey, rotateOrgKey, toggleOrgKey } from "@/lib/keys/mutations";
import { keyInput, keyRef, keyToggle, rotateInput } from "@/lib/keys/schema";

export const createKeyAction = action(keyInput, createOrgKey, { revalidate: "/[org]/keys" });
export const toggleKeyAction = action(keyToggle, toggleOrgKey, { revalidate: "/[org]/keys" });
export const rotateKeyAction = action(rotateInput, rotateOrgKey, { revalidate: "/[org]/keys" });
export const revokeKeyAction = action(keyRef, revokeOrgKey, { revalidate: "/[org]/keys" });
