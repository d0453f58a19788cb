"use server";

import { action } from "@/lib/auth/action";
import { createOrgKey, revokeOrgKey, rotateOrgKey, toggleOrgKeys, updateOrgKey } from "@/lib/keys/mutations";
import { keyEdit, keyRef, keysToggle, newKeyInput, rotateInput } from "@/lib/keys/schema";

// No revalidation: a page rendered again in the answer would come before the secret is shown. Callers refresh afterwards.
export const createKeyAction = action(newKeyInput, createOrgKey);
export const updateKeyAction = action(keyEdit, updateOrgKey);
export const toggleKeysAction = action(keysToggle, toggleOrgKeys);
export const rotateKeyAction = action(rotateInput, rotateOrgKey);
export const revokeKeyAction = action(keyRef, revokeOrgKey);
