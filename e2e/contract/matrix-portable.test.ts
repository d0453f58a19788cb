import { describeMatrix } from "./matrix-suite";

describeMatrix("portable");
