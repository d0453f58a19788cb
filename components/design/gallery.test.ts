import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const folder = (name: string) => new URL(`../${name}/`, import.meta.url);
const gallery = readdirSync(folder("design"))
  .filter((file) => /\.tsx$/.test(file))
  .map((file) => readFileSync(new URL(file, folder("design")), "utf8"))
  .join("\n");

test.each([...filesOf("ui"), "charts/bar-chart", "charts/line-chart", "receipt/receipt"])(
  "%s is shown on /design",
  (component) => {
    expect(gallery).toContain(`from "@/components/${component}"`);
  },
);

function filesOf(name: string): string[] {
  return readdirSync(folder(name))
    .filter((file) => /\.tsx$/.test(file) && !/\.test\.tsx$/.test(file))
    .map((file) => `${name}/${file.replace(/\.tsx$/, "")}`);
}
