"use server";

import { action } from "@/lib/auth/action";
import { createMemberToken } from "@/lib/playground/mutations";
import { findCharge } from "@/lib/playground/queries";
import { chargeQuery, memberTokenInput } from "@/lib/playground/schema";

export const createMemberTokenAction = action(memberTokenInput, createMemberToken);
export const findChargeAction = action(chargeQuery, findCharge);
