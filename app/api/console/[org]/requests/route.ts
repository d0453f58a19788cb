import { orgRoute } from "@/lib/auth/org-route";
import { exportRequests } from "@/lib/usage/export-requests";

export const GET = orgRoute(exportRequests);
