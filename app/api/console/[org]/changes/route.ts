import { changeStream } from "@/lib/auth/change-stream";
import { orgRoute } from "@/lib/auth/org-route";

export const GET = orgRoute(changeStream);
