import { walletGet, walletUpdate } from "@/lib/http/admin/orgs";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(walletGet, walletUpdate);
