import { testAllCancel, testAllStart } from "@/lib/http/admin/health";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(testAllStart, testAllCancel);
