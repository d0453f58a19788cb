import { providerBillList, providerBillPut } from "@/lib/http/admin/reports";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(providerBillList, providerBillPut);
