import { orgRoute } from "@/lib/auth/org-route";
import { exportHistory } from "@/lib/billing/export-history";

export const GET = orgRoute(exportHistory);
