import { adminRoute } from "@/lib/http/admin-api";

/** Every other path below /api: 404 in the error shape, since no browser asks here for a page. */
export const { GET, POST, PUT, PATCH, DELETE } = adminRoute();
