import { COMPARE_TASK, compareOnSchedule } from "@/lib/catalog/comparison-schedule";
import type { Job } from "@/lib/jobs";

/** Looks every night whether a comparison with public catalogues is due. One that fails is tried again, then the next night. */
export const compareCatalogueJob: Job = {
  name: COMPARE_TASK,
  schedule: "41 4 * * *",
  maxAttempts: 3,
  run: async (_payload, { sql, log }) => {
    const count = await compareOnSchedule(sql);
    if (count !== null) log.info({ count }, "compared with public catalogues");
  },
};
