// A report from the outside: one file, opened from disk, with no relay anywhere.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, describe, test } from "node:test";
import { World, binary, covered, lineThat, missing, root, state, violations } from "./fixture.mjs";

const CALC = "#/1/source?f=example.com/clicker/calc/calc.go";

/** One function that ran, one that did not, and a file whose source is nowhere. */
const PROFILE = `mode: count
example.com/clicker/calc/calc.go:5.21,7.19 2 1
example.com/clicker/calc/calc.go:7.19,9.3 1 7
example.com/clicker/calc/calc.go:26.21,26.39 1 0
example.com/clicker/gone/gone.go:3.13,5.2 3 1
`;

describe("a report", { skip: missing(), concurrency: false }, () => {
  let world;
  let report;

  before(() => {
    world = new World();
    const profile = join(world.folder, "cover.out");
    report = join(world.folder, "report.html");
    writeFileSync(profile, PROFILE);
    const args = ["report", profile, "-o", report, "--title", "Clicks & <more>"];
    args.push("--source", join(root, "tests/programs/clicker"));
    const made = spawnSync(binary(), args, { cwd: world.folder, env: world.env() });
    assert.equal(made.status, 0, `${made.stderr}`);
  });
  after(() => world?.end());

  const open = async (hash = CALC, options = {}) => {
    const page = await world.page(pathToFileURL(report) + hash, options);
    page.requests = [];
    page.on("request", (request) => page.requests.push(request.url()));
    return page;
  };
  const finish = async (page) => {
    assert.deepEqual(page.complaints, []);
    const own = `${pathToFileURL(report)}`;
    const fetched = page.requests.filter((url) => url !== own && !/^(data|blob):/.test(url));
    assert.deepEqual(fetched, []);
    await page.context().close();
  };

  test("it shows totals, sources and where it came from, and nothing that runs", async () => {
    const page = await open();
    const found = await covered(page, 6);
    assert.equal(found.statementsTotal, 7);
    assert.equal(found.link, "report");
    assert.equal(await page.title(), "Clicks & <more>");
    assert.equal(await page.locator(".pill").textContent(), "Report");
    assert.equal(await page.locator(".scope").textContent().then((text) => text.includes("Clicks & <more>")), true);
    const hit = await lineThat(page, 8, (l) => l.count !== "");
    assert.deepEqual([hit.count, hit.glyph, hit.glowing], ["7", "✓", false]);
    const never = await lineThat(page, 26, (l) => l.status === "uncovered", "uncovered");
    assert.match(never.text, /never/);
    for (const name of ["Record", "Pause", "Reset…", "Processes", "Recordings", "Hot"]) {
      assert.equal(await page.getByText(name, { exact: true }).first().isVisible(), false, name);
    }
    await finish(page);
  });

  test("a file without its source says so", async () => {
    const page = await open("#/1/source?f=example.com/clicker/gone/gone.go");
    await page.getByText(/Counts only: the report was made without this source/).waitFor();
    await finish(page);
  });

  test("functions have the names that the sources give, and links lead to them", async () => {
    const page = await open("");
    await covered(page, 6);
    await page.keyboard.press("2");
    await page.getByRole("option", { name: /\bNever\b/ }).first().click();
    await state(page, (found) => found.route.includes("Never"));
    assert.match(page.url(), /^file:.*#\/1\/.*Never/);
    await page.reload();
    await state(page, (found) => found.route.includes("Never"));
    await finish(page);
  });

  test("keys and commands of the live page do nothing", async () => {
    const page = await open();
    await lineThat(page, 8, (l) => l.count !== "");
    for (const key of ["m", " ", "t", "3"]) await page.keyboard.press(key);
    const found = await state(page);
    assert.deepEqual([found.paused, found.recording], [false, false]);
    assert.match(found.route, /source/);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Go to/ }).fill("re");
    assert.equal(await page.getByRole("option", { name: /Record|Reset|Pause/ }).count(), 0);
    await page.keyboard.press("Escape");
    await finish(page);
  });

  test("its profile can be saved, and is the one it was made of", async () => {
    const page = await open();
    await covered(page, 6);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Profile" }).click();
    const path = await (await download).path();
    const lines = (text) => text.trim().split("\n").sort();
    assert.deepEqual(lines(readFileSync(path, "utf8")), lines(PROFILE));
    await page.context().close();
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing to complain about, ${colorScheme}`, async () => {
      const page = await open(CALC, { colorScheme, bypassCSP: true });
      await lineThat(page, 8, (l) => l.count !== "");
      assert.deepEqual(await violations(page), [], "source");
      await page.keyboard.press("2");
      await page.getByRole("listbox", { name: "Functions", exact: true }).waitFor();
      assert.deepEqual(await violations(page), [], "functions");
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await violations(page), [], "keys");
      await finish(page);
    });
  }

  test("a phone sees one pane at a time, and nothing sticks out", async () => {
    const page = await open(CALC, { width: 390, height: 844 });
    await lineThat(page, 8, (l) => l.count !== "");
    assert.equal(await page.getByRole("tree").isVisible(), false);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 390);
    await finish(page);
  });
});
