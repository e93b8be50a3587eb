// A report that the page makes of itself: one file, the same data, opened from disk.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, describe, test } from "node:test";
import { World, binary, drop, lineThat, missing, root, state, violations } from "./fixture.mjs";

const PROFILE = `mode: count
example.com/clicker/calc/calc.go:5.21,7.19 2 1
example.com/clicker/calc/calc.go:7.19,9.3 1 7
example.com/clicker/calc/calc.go:26.21,26.39 1 0
example.com/clicker/gone/gone.go:3.13,5.2 3 1
`;
const CALC = "#/1/source?f=example.com/clicker/calc/calc.go";

describe("a report that the page saves", { skip: missing(), concurrency: false }, () => {
  let world;
  let relay;
  let profile;
  let sources;

  before(async () => {
    world = new World();
    relay = await world.relay({ args: ["--no-collector"] });
    profile = join(world.folder, "cover.out");
    writeFileSync(profile, PROFILE);
    sources = join(world.folder, "sources");
    cpSync(join(root, "tests/programs/clicker"), sources, { recursive: true });
  });
  after(() => world?.end());

  /** Presses the button and gives the path of what was saved. */
  const save = async (page, name) => {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Report" }).click();
    const saved = await download;
    assert.equal(saved.suggestedFilename(), "report.html");
    const path = join(world.folder, name);
    await saved.saveAs(path);
    await page.getByText("Saved as report.html").waitFor();
    return path;
  };

  /** Opens a report; whatever it asks for besides itself is a failure. */
  const open = async (path, hash = CALC, options = {}) => {
    const page = await world.page(pathToFileURL(path) + hash, options);
    page.fetched = [];
    page.on("request", (request) => page.fetched.push(request.url()));
    return page;
  };
  const finish = async (page) => {
    assert.deepEqual(page.complaints, []);
    assert.deepEqual((page.fetched ?? []).filter((url) => !/^(file|data|blob):/.test(url)), []);
    await page.context().close();
  };

  test("it shows the totals, sources and names that the page showed", async () => {
    const page = await world.page(relay.url);
    await state(page);
    await drop(page, profile, sources);
    const before = await state(page, (found) => found.functions > 2 && !found.reading);
    const path = await save(page, "saved.html");
    await finish(page);

    const report = await open(path);
    const found = await state(report, (now) => now.statementsTotal > 0);
    for (const number of ["statementsCovered", "statementsTotal", "files", "units", "functions"]) {
      assert.equal(found[number], before[number], number);
    }
    assert.equal(found.link, "report");
    assert.equal(await report.title(), "example.com/clicker");
    const hit = await lineThat(report, 8, (line) => line.count !== "");
    assert.deepEqual([hit.count, hit.glyph], ["7", "✓"]);
    assert.match((await lineThat(report, 26, (line) => line.status === "uncovered")).text, /func Never/);
    await report.keyboard.press("2");
    await report.getByRole("option", { name: /\bNever\b/ }).waitFor();
    // A report is not made of a report.
    assert.equal(await report.getByRole("button", { name: "Report" }).count(), 0);
    assert.equal(await report.getByRole("tab", { name: "Patch" }).isVisible(), false);
    await finish(report);
  });

  test("it is of the kind that the command writes", async () => {
    const page = await world.page(relay.url);
    await state(page);
    await drop(page, profile, sources);
    await state(page, (found) => found.functions > 2 && !found.reading);
    const saved = readFileSync(await save(page, "kind.html"), "utf8");
    await finish(page);
    const path = join(world.folder, "command.html");
    const args = ["report", profile, "-o", path, "--source", sources];
    const made = spawnSync(binary(), args, { cwd: world.folder, env: world.env(), encoding: "utf8" });
    assert.equal(made.status, 0, made.stderr);
    const written = readFileSync(path, "utf8");
    // All but the profile itself, which the page has read from its own frames.
    const frame = (html) => html.replace(/(id="report-frames">)[^<]*/, "$1").split("\n");
    assert.deepEqual(frame(saved), frame(written));
  });

  test("it can be made of what runs, with the sources that the relay has", async () => {
    const live = await world.relay();
    const clicker = await world.clicker();
    await clicker.get("/sum?n=4");
    const page = await world.page(live.url + CALC);
    await lineThat(page, 8, (line) => line.count === "4");
    const before = await state(page);
    const path = await save(page, "live.html");
    await finish(page);
    await clicker.stop();
    await live.stop();

    const report = await open(path);
    const found = await state(report, (now) => now.statementsTotal > 0);
    assert.equal(found.statementsTotal, before.statementsTotal);
    assert.equal((await lineThat(report, 8, (line) => line.count === "4")).status, "covered");
    await finish(report);
  });

  test("a file without its source says so, and nothing stands in the way", async () => {
    const page = await world.page(relay.url);
    await state(page);
    await drop(page, profile);
    await state(page, (found) => found.units > 0 && !found.reading);
    const path = await save(page, "bare.html");
    await finish(page);
    for (const colorScheme of ["light", "dark"]) {
      const report = await open(path, CALC, { colorScheme, bypassCSP: true });
      await report.getByText(/Counts only: the report was made without this source/).waitFor();
      assert.deepEqual(await violations(report), []);
      await finish(report);
    }
  });

  test("the palette saves it too, and says why where there is nothing", async () => {
    const page = await world.page(relay.url);
    await state(page, (found) => found.link === "live");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Go to/ }).fill("Save report");
    await page.keyboard.press("Enter");
    await page.getByText("There is nothing to save yet").waitFor();
    await finish(page);
  });
});
