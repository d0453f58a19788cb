"use server";

import { z } from "zod";
import { action } from "@/lib/auth/action";
import { cancelTestAll, retryFailedJobs, startTestAll } from "@/lib/health/admin-runs";

const staff = { scope: "staff", revalidate: ["/admin/health"] } as const;
const nothing = z.strictObject({});

export const startTestAllAction = action(nothing, (scope) => startTestAll(scope), staff);

export const cancelTestAllAction = action(nothing, (scope) => cancelTestAll(scope), staff);

export const retryFailedJobsAction = action(nothing, (scope) => retryFailedJobs(scope), staff);
