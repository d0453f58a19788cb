import { routeExplain } from "@/lib/http/admin/routes";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(routeExplain);
