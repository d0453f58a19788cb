import { adminRoute } from "@/lib/http/admin-api";

/** Every other path below the admin API: 404 in the error shape. */
export const { GET, POST, PUT, PATCH, DELETE } = adminRoute();
