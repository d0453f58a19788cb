"use server";

import { action } from "@/lib/auth/action";
import { createOrgKey, revokeOrgKey, rotateOrgKey, toggleOrgKey } from "@/lib/keys/mutations";
import { keyInput, keyRef, keyToggle, rotateInput } from "@/lib/keys/schema";

// No revalidation: a page rendered again in the answer would come before the secret is shown. Callers refresh afterwards.
export const createKeyAction = action(keyInput, createOrgKey);
export const toggleKeyAction = action(keyToggle, toggleOrgKey);
export const rotateKeyAction = action(rotateInput, rotateOrgKey);
export const revokeKeyAction = action(keyRef, revokeOrgKey);
