import { healthStream } from "@/lib/auth/health-stream";
import { staffRoute } from "@/lib/auth/org-route";

export const GET = staffRoute("providers.read", healthStream);
