import { syncApply } from "@/lib/http/admin/catalogue";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(syncApply);
