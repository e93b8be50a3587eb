// Reports of several tools on the page: one name for each file, one report of all, branches and
// tests beside lines, and every format to save as.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { World, binary, drop, finish, line, lineThat, missing, root, state, violations } from "./fixture.mjs";

// A shop: its page is JavaScript, measured twice, and its server Go.
const FILES = {
  "shop/go.mod": "module example.com/shop\n\ngo 1.26\n",
  "shop/web/cart.js": `export function total(items, rate) {
  let sum = 0;
  for (const item of items) {
    sum += item.price;
  }
  if (rate > 0) {
    sum += sum * rate;
  } else if (items.length > 9) {
    sum *= 0.9;
  }
  return sum;
}
`,
  "shop/web/util.js": `export const round = (value) => Math.round(value * 100) / 100;
export const unused = (value) => (value ? 1 : 0);
`,
  "shop/web/index.js": 'export * from "./cart.js";\n',
  "shop/lib/index.js": "export default 1;\n",
  "shop/api/api.go": `package api

func Price(n int) int {
	if n > 9 {
		return n * 9
	}
	return n * 10
}
`,
  "cover.out": `mode: set
example.com/shop/api/api.go:3.23,4.11 1 1
example.com/shop/api/api.go:4.11,6.3 1 0
example.com/shop/api/api.go:7.2,7.15 1 1
`,
  // From another machine; of a file that is generated there.
  "web.info": `TN:adds_up
SF:/ci/42/shop/web/cart.js
FN:1,total
FNDA:2,total
DA:1,2
DA:2,2
DA:3,2
DA:4,5
DA:6,2
DA:7,2
DA:8,0
DA:9,0
DA:11,2
BRDA:6,0,0,2
BRDA:6,0,1,0
BRDA:8,1,0,0
BRDA:8,1,1,0
end_of_record
TN:empty_cart
SF:/ci/42/shop/web/cart.js
DA:1,1
DA:2,1
DA:3,1
DA:11,1
end_of_record
TN:adds_up
SF:/ci/42/shop/gen/x.js
DA:1,1
end_of_record
`,
  // Two files end in index.js.
  "web.xml": `<?xml version="1.0" ?>
<coverage line-rate="0.5" branch-rate="0" version="1" timestamp="0" lines-covered="4" lines-valid="5" branches-covered="0" branches-valid="0" complexity="0">
<packages><package name="web" line-rate="0.5" branch-rate="0" complexity="0"><classes>
<class name="cart.js" filename="web/cart.js" line-rate="0.5" branch-rate="0" complexity="0"><methods/><lines>
<line number="1" hits="1"/><line number="2" hits="1"/><line number="8" hits="1"/><line number="9" hits="0"/></lines></class>
<class name="index.js" filename="index.js" line-rate="1" branch-rate="0" complexity="0"><methods/><lines><line number="1" hits="1"/></lines></class>
</classes></package></packages></coverage>
`,
  "coverage-final.json": JSON.stringify({
    "/ci/77/shop/web/util.js": {
      path: "/ci/77/shop/web/util.js",
      statementMap: {
        0: { start: { line: 1, column: 31 }, end: { line: 1, column: 60 } },
        1: { start: { line: 2, column: 33 }, end: { line: 2, column: 48 } },
      },
      fnMap: {},
      branchMap: {
        0: {
          type: "cond-expr",
          line: 2,
          loc: { start: { line: 2, column: 34 }, end: { line: 2, column: 47 } },
          locations: [
            { start: { line: 2, column: 42 }, end: { line: 2, column: 43 } },
            { start: { line: 2, column: 46 }, end: { line: 2, column: 47 } },
          ],
        },
      },
      s: { 0: 4, 1: 0 },
      f: {},
      b: { 0: [0, 0] },
    },
  }),
  "notes.md": "# Notes\n",
};
const REPORTS = ["web.info", "web.xml", "coverage-final.json", "cover.out"];

describe("reports of several tools", { skip: missing(), concurrency: false }, () => {
  let world;
  let relay;
  let files;
  const at = (name) => files[name];

  before(async () => {
    world = new World();
    relay = await world.relay({ args: ["--no-collector"] });
    files = world.files(FILES);
  });
  after(() => world?.end());

  const open = async (options = {}) => {
    const page = await world.page(relay.url, options);
    await state(page);
    return page;
  };
  /** Drops all reports and the sources; waits until the page rests. */
  const dropAll = async (page) => {
    await drop(page, ...REPORTS.map(at), at("shop"));
    return settled(page, (found) => found.statementsTotal > 0);
  };
  const settled = (page, wanted = () => true) =>
    state(page, (found) => !found.reading && found.route.includes("opened=") && wanted(found));
  /** What the command says of the same. */
  const summary = (...args) => {
    const run = spawnSync(binary(), ["summary", "--json", ...args], { env: world.env() });
    assert.equal(run.status, 0, `${run.stderr}`);
    return JSON.parse(run.stdout).total;
  };
  // Names of Go's functions come from the sources, which the command reads lines from only.
  const totals = (metrics) =>
    ["lines", "branches"]
      .filter((name) => metrics[name]?.total > 0)
      .map((name) => `${metrics[name].covered} of ${metrics[name].total} ${name}`)
      .join(", ");
  const row = (page, name) => page.locator(".opened .process", { hasText: name });
  const notes = async (page, name) => {
    const entry = page.locator("li.opened", { hasText: name });
    await entry.locator("summary").click();
    return entry.locator("ol li").allTextContents();
  };

  test("they are one report, with the command's totals, and names in doubt are said", async () => {
    const page = await open();
    const found = await dropAll(page);
    const expected = summary("--source", at("shop"), ...REPORTS.map(at));
    assert.deepEqual(
      [found.statementsCovered, found.statementsTotal],
      [expected.lines.covered, expected.lines.total],
    );
    await row(page, "4 reports united").waitFor();
    assert.equal(await row(page, "4 reports united").getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator("li.opened").count(), 5);
    assert.match(await row(page, "4 reports united").getAttribute("title"), /of \d+ lines$/);
    assert.match(await page.locator(".total").first().getAttribute("title"), new RegExp(totals(expected)));
    const said = await notes(page, "4 reports united");
    for (const part of [
      "web.xml: index.js may be lib/index.js or web/index.js: left as it is",
      "web.info: /ci/42/shop/gen/x.js is not in the sources",
      "web.info: /ci/42/shop is the root in 2 files",
    ]) {
      assert.ok(said.some((note) => note.includes(part)), `${part}: ${said.join("\n")}`);
    }
    await finish(page);
  });

  test("branches and tests stand beside the lines", async () => {
    const page = await open();
    await dropAll(page);
    await page.getByRole("treeitem", { name: /^cart\.js\b/ }).click();
    const six = await lineThat(page, 6, (found) => found.age === "1/2", "half taken");
    assert.deepEqual([six.status, six.glyph, six.count], ["partial", "◐", "2"]);
    assert.equal((await line(page, 8)).age, "0/2");
    assert.deepEqual([(await line(page, 2)).status, (await line(page, 2)).age], ["covered", ""]);
    await page.locator(".code .line", { hasText: "if (rate > 0)" }).click();
    await page.getByText(/Line 6 · ran 2× · branch.*never.*run by 1 test: adds_up/).waitFor();
    await page.locator(".code .line", { hasText: "let sum = 0" }).click();
    await page.getByText(/run by 2 tests: adds_up, empty_cart/).waitFor();
    const title = await page.getByRole("treeitem", { name: /^cart\.js\b/ }).getAttribute("title");
    assert.match(title, /8 of 9 lines covered, 1 of 4 branches/);
    await page.getByRole("tab", { name: "Functions" }).click();
    await page.locator(".function-row .name", { hasText: "total" }).waitFor();
    await page.getByText(/14 of 18 lines, 1 of 6 branches/).waitFor();
    await finish(page);
  });

  test("a rule for paths is kept, used again, and forgotten", async () => {
    const page = await open();
    const before = await dropAll(page);
    await page.locator(".rules summary").click();
    await page.getByRole("textbox", { name: "Rules for paths" }).fill("index.js=web/index.js");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.waitForFunction(() =>
      [...document.querySelectorAll(".opened ol li")].every((note) => !note.textContent.includes("may be")),
    );
    await settled(page);
    await page.reload();
    await settled(page, (found) => found.statementsTotal === before.statementsTotal);
    await page.getByRole("treeitem", { name: /^index\.js\b/ }).click();
    await page.locator(".code .line code", { hasText: "export * from" }).waitFor();
    assert.ok(!(await notes(page, "4 reports united")).some((note) => note.includes("may be")));
    await page.locator(".rules summary").click();
    const field = page.getByRole("textbox", { name: "Rules for paths" });
    assert.equal(await field.inputValue(), "index.js=web/index.js");
    await page.locator(".rules").getByRole("button", { name: "Forget" }).click();
    await page.locator(".opened ol li", { hasText: "index.js may be" }).first().waitFor({ state: "attached" });
    assert.equal(await field.inputValue(), "");
    await field.fill("nonsense");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.getByText("nonsense: not FROM=TO").waitFor();
    await finish(page);
  });

  test("reports that come later join, and the last one left stands alone", async () => {
    const page = await open();
    await drop(page, at("web.info"));
    const alone = await settled(page, (found) => found.statementsTotal > 0);
    const expected = summary(at("web.info"));
    assert.deepEqual([alone.statementsCovered, alone.statementsTotal], [expected.lines.covered, expected.lines.total]);
    assert.equal(await page.locator("li.opened").count(), 1);
    await drop(page, at("web.xml"));
    const both = summary(at("web.info"), at("web.xml"));
    await settled(page, (found) => found.statementsTotal === both.lines.total);
    await row(page, "2 reports united").waitFor();
    await page.getByRole("button", { name: "Close web.xml" }).click();
    await settled(page, (found) => found.statementsTotal === expected.lines.total);
    assert.equal(await page.locator("li.opened").count(), 1);
    await finish(page);
  });

  test("what is saved in another format means the same when it is read again", async () => {
    const page = await open();
    await dropAll(page);
    const download = page.waitForEvent("download");
    const menu = page.getByRole("combobox", { name: "Download as" });
    const names = await menu.locator("option").allTextContents();
    assert.ok(names.length > 3 && names[0] === "Download as…", names.join());
    await menu.selectOption(names.find((name) => /lcov/i.test(name)));
    const saved = await download;
    const file = join(world.folder, "again.info");
    await saved.saveAs(file);
    const expected = summary("--source", at("shop"), ...REPORTS.map(at));
    assert.equal(totals(summary(file)), totals(expected));
    // From the palette too; and what was exported is a report like others.
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Go to/ }).fill("download as cobertura");
    await page.getByRole("option", { name: /Download as .*Cobertura/i }).first().waitFor();
    await page.keyboard.press("Escape");
    const other = await open();
    await drop(other, file);
    const found = await settled(other, (now) => now.statementsTotal > 0);
    assert.deepEqual([found.statementsCovered, found.statementsTotal], [expected.lines.covered, expected.lines.total]);
    await finish(other);
    await finish(page);
  });

  test("reports of two tools are compared by line", async () => {
    const page = await open();
    await dropAll(page);
    const choose = async (name, label) => {
      const side = page.locator(`.compare [name=${name}]`);
      await side.selectOption({ label });
    };
    await choose("a", "web.xml");
    await choose("b", "web.info");
    await page.locator(".compare [value=subtract]").click();
    await row(page, "web.xml without web.info").waitFor();
    // Line 8 of cart.js, and all of the other file.
    const found = await settled(page, (now) => now.statementsCovered === 2);
    assert.equal(found.statementsTotal, 5);
    assert.match(await row(page, "web.xml without web.info").textContent(), /adds 2 lines, \+\d+\.\d % of lines to web\.info/);
    await finish(page);
  });

  test("sources that come along are read with what needs them", async () => {
    const page = await open();
    await drop(page, join(root, "tests/fixtures/coveragepy_db/branch"));
    const found = await settled(page, (now) => now.statementsTotal > 0);
    const folder = join(root, "tests/fixtures/coveragepy_db/branch");
    const expected = summary(folder);
    assert.deepEqual([found.statementsCovered, found.statementsTotal], [expected.lines.covered, expected.lines.total]);
    await page.getByRole("treeitem", { name: /^price\.py\b/ }).click();
    await page.locator(".code .line code", { hasText: "def " }).first().waitFor();
    await page.locator(".code .line", { hasText: "return self.cents * self.count" }).click();
    await page.getByText(/ran 1×.*run by 2 tests: \S*\.test_total, \S*\.test_vat/).waitFor();
    await finish(page);
  });

  test("an unknown file is told what was expected", async () => {
    const page = await open();
    await drop(page, at("notes.md"));
    const unread = page.locator(".unread li").first();
    await unread.waitFor();
    assert.match(await unread.textContent(), /^notes\.md: neither coverage data nor a source: expected one of Go text profile.*LCOV.*Cobertura.*Istanbul.*unified diff, or an execution trace of Go$/i);
    await finish(page);
  });

  test("a report saved of them shows lines, branches and tests", async () => {
    const page = await open();
    await dropAll(page);
    const download = page.waitForEvent("download");
    await page.locator("#report").click();
    const file = join(world.folder, "report.html");
    await (await download).saveAs(file);
    assert.ok(readFileSync(file).length > 100_000);
    const report = await world.page(`file://${file}`);
    await state(report, (now) => now.statementsTotal === 18);
    await report.getByRole("treeitem", { name: /^cart\.js\b/ }).click();
    await lineThat(report, 6, (now) => now.age === "1/2" && now.status === "partial");
    await finish(report);
    await finish(page);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`nothing stands in the way of anybody, ${colorScheme}`, async () => {
      const page = await open({ colorScheme });
      await dropAll(page);
      await page.getByRole("treeitem", { name: /^cart\.js\b/ }).click();
      await lineThat(page, 6, (found) => found.age === "1/2");
      await page.locator(".rules summary").click();
      await notes(page, "4 reports united");
      assert.deepEqual(await violations(page), []);
      await finish(page);
    });
  }
});
