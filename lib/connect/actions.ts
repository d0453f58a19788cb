"use server";

import { action } from "@/lib/auth/action";
import { allowConnect, denyConnect } from "@/lib/connect/mutations";
import { allowInput, denyInput } from "@/lib/connect/schema";

export const allowConnectAction = action(allowInput, allowConnect);
export const denyConnectAction = action(denyInput, denyConnect);
