import { orgRoute } from "@/lib/auth/org-route";
import { exportUsage } from "@/lib/usage/export-usage";

export const GET = orgRoute(exportUsage);
