// What is looked at leaves the page as Go's own coverage data, and means the same.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { World, binary, covered, missing } from "./fixture.mjs";

const PROFILE = `mode: count
example.com/m/a/a.go:3.10,5.2 2 7
example.com/m/a/a.go:6.10,8.2 1 0
example.com/m/b/b.go:3.13,5.2 3 1
`;

describe("exports", { skip: missing(), concurrency: false }, () => {
  let world;

  before(() => (world = new World()));
  after(() => world?.end());

  const command = (...args) => {
    const run = spawnSync(binary(), args, { cwd: world.folder, env: world.env() });
    assert.equal(run.status, 0, `${run.stderr}`);
    return `${run.stdout}`.trim().split("\n").sort();
  };

  test("an opened profile is saved as a zip of covmeta and covcounters", async () => {
    const profile = join(world.folder, "cover.out");
    writeFileSync(profile, PROFILE);
    const relay = await world.relay();
    const page = await world.page(relay.url);
    await page.locator("#open-files").setInputFiles(profile);
    await covered(page, 5);
    const download = page.waitForEvent("download");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Go to/ }).fill("Go coverage data");
    await page.keyboard.press("Enter");
    const saved = await download;
    assert.equal(saved.suggestedFilename(), "covdata.zip");
    const zip = join(world.folder, "covdata.zip");
    await saved.saveAs(zip);
    assert.deepEqual(command("convert", "--to", "go_text", zip), PROFILE.trim().split("\n").sort());
    assert.deepEqual(page.complaints, []);
  });
});
