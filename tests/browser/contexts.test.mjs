// The view of one test: tree, totals and source show what that test ran, and nothing else.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { World, binary, drop, finish, lineThat, missing, state, violations } from "./fixture.mjs";

const SOURCE = `def add(a, b):
    return a + b

def sub(a, b):
    if a < b:
        return 0
    return a - b
`;

/** A tracefile in which each test ran these lines of calc.py, and one test the other file. */
const record = (test, file, ...lines) =>
  `TN:${test}\nSF:lib/${file}\n` +
  (file === "calc.py" ? "FN:1,add\nFN:4,sub\n" : "") +
  [1, 2, 4, 5, 6, 7].map((line) => `DA:${line},${lines.includes(line) ? 3 : 0}\n`).join("") +
  "end_of_record\n";
const REPORT =
  record("adds", "calc.py", 1, 2, 4) +
  record("takes::some", "calc.py", 5, 7) +
  record("takes::none", "calc.py", 5, 6) +
  record("other", "other.py", 1, 2, 4);

describe("what one test ran", { skip: missing(), concurrency: false }, () => {
  let world;
  let relay;
  let files;

  before(async () => {
    world = new World();
    relay = await world.relay({ args: ["--no-collector"] });
    const many = Array.from({ length: 300 }, (_, at) => record(`case_${at}`, "calc.py", 1 + (at % 2)));
    files = world.files({ "a.info": REPORT, "many.info": many.join(""), "lib/calc.py": SOURCE });
  });
  after(() => world?.end());

  const open = async (names, options = {}) => {
    const page = await world.page(relay.url, options);
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    await drop(page, ...names.map((name) => files[name]));
    await rests(page);
    return page;
  };
  const rests = (page, covered) =>
    state(page, (now) => now.units > 0 && !now.reading && (covered === undefined || now.statementsCovered === covered));
  const field = (page) => page.getByRole("combobox", { name: "Only what this test ran" });
  const choose = async (page, name) => {
    await field(page).fill(name);
    await field(page).press("Enter");
  };
  const statuses = async (page, expected) => {
    for (const [line, status] of Object.entries(expected)) {
      await lineThat(page, Number(line), (found) => found.status === status, status);
    }
  };
  const summary = (...args) => {
    const run = spawnSync(binary(), ["summary", "--json", files["a.info"], ...args], { env: world.env() });
    assert.equal(run.status, 0, `${run.stderr}`);
    return JSON.parse(run.stdout).total.lines;
  };

  test("a test is chosen: tree, totals and source follow, and go back with one click", async () => {
    const page = await open(["a.info", "lib"]);
    const all = summary();
    await rests(page, all.covered);
    await page.getByRole("treeitem", { name: /^calc\.py\b/ }).click();
    await statuses(page, { 1: "covered", 5: "covered", 6: "covered", 7: "covered" });
    await choose(page, "takes::some");
    const only = summary("--context", "takes::some");
    const found = await rests(page, only.covered);
    assert.equal(found.statementsTotal, all.total);
    assert.match(found.route, /[?&]test=takes::some(&|$)/);
    await statuses(page, { 1: "uncovered", 2: "uncovered", 5: "covered", 6: "uncovered", 7: "covered" });
    assert.equal((await lineThat(page, 5, () => true)).count, "1");
    const title = (name) => page.getByRole("treeitem", { name }).getAttribute("title");
    assert.match(await title(/^calc\.py\b/), /2 of 6 lines/);
    assert.match(await title(/^other\.py\b/), /0 of 6 lines/);
    await page.getByRole("tab", { name: "Functions" }).click();
    await page.locator(".function-row", { hasText: "sub" }).waitFor();
    await page.locator(".opened .place", { hasText: "only takes::some" }).waitFor();
    await page.getByRole("button", { name: "All tests" }).click();
    const again = await rests(page, all.covered);
    assert.ok(!again.route.includes("test="), again.route);
    assert.equal(await field(page).inputValue(), "");
    assert.equal(await page.getByRole("button", { name: "All tests" }).isVisible(), false);
    await finish(page);
  });

  test("the link shows the same after a reload and where the files are dropped again", async () => {
    const page = await open(["a.info", "lib"]);
    await choose(page, "adds");
    const { route } = await rests(page, summary("--context", "adds").covered);
    await page.reload();
    await rests(page, 3);
    assert.equal(await field(page).inputValue(), "adds");
    const other = await world.page(relay.url + route);
    await other.getByRole("heading", { name: "This profile is not open here" }).waitFor();
    await drop(other, files["a.info"]);
    await rests(other, 3);
    assert.equal(await field(other).inputValue(), "adds");
    await other.goBack();
    await finish(other);
    await page.goBack();
    await rests(page, summary().covered);
    await finish(page);
  });

  test("many tests are searched, by keyboard alone", async () => {
    const page = await open(["many.info"]);
    await rests(page, 2);
    await page.locator("#filter").focus();
    for (let step = 0; step < 9; step++) {
      await page.keyboard.press("Tab");
      if (await field(page).evaluate((element) => element === document.activeElement)) break;
    }
    const offered = () => page.locator("#tests option").evaluateAll((all) => all.map((it) => [it.value, it.textContent]));
    assert.equal((await offered()).length, 100);
    await page.keyboard.type("case_29");
    const found = await offered();
    assert.deepEqual(found.filter(([name]) => /^case_29\d?$/.test(name)).length, 11);
    assert.deepEqual(found.find(([name]) => name === "case_298"), ["case_298", "1 line"]);
    await page.keyboard.type("8");
    await page.keyboard.press("Enter");
    const { route } = await rests(page, 1);
    assert.match(route, /test=case_298/);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await rests(page, 2);
    await finish(page);
  });

  test("what is saved is what is shown", async () => {
    const page = await open(["a.info", "lib"]);
    await choose(page, "takes::none");
    await rests(page, 2);
    const download = page.waitForEvent("download");
    await page.locator("#report").click();
    const path = join(world.folder, "one.html");
    await (await download).saveAs(path);
    const report = await world.page(`file://${path}`);
    await state(report, (now) => now.statementsCovered === 2 && now.statementsTotal === 12);
    assert.equal(await field(report).isVisible(), false);
    await finish(report);
    await finish(page);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`nothing stands in the way of anybody, ${colorScheme}`, async () => {
      const page = await open(["a.info", "lib"], { colorScheme });
      await page.getByRole("treeitem", { name: /^calc\.py\b/ }).click();
      await page.locator(".code .line").first().waitFor();
      assert.deepEqual(await violations(page), []);
      await choose(page, "takes::some");
      await rests(page, 2);
      assert.deepEqual(await violations(page), []);
      if (process.env.COVERGLASS_PICTURES) {
        await page.screenshot({ path: join(process.env.COVERGLASS_PICTURES, `test-${colorScheme}.png`) });
      }
      await finish(page);
    });
  }
});
