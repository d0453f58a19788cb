import { modelImport, upstreamModelList } from "@/lib/http/admin/providers";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(upstreamModelList, modelImport);
