import { modelList } from "@/lib/http/admin/models";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(modelList);
