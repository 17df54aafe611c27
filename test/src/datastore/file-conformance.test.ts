import { describe, test } from "vitest";
import { storeCases } from "../../conformance/datastore.cases.ts";
import { FileDriver } from "./file-driver.ts";

describe.each(["yaml", "json"] as const)("file datastore, %s", (extension) => {
  test.each(storeCases)("$name", async ({ run }) => {
    await using driver = new FileDriver(extension);
    await run(driver);
  });
});
