// A diff on the page: what of the changed lines is covered, as the command says it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { World, binary, drop, finish, lineThat, missing, paste, state, violations } from "./fixture.mjs";

const CALC = `package m

// Half halves.
func Half(n int) int {
	if n < 0 {
		return -1
	}
	return n / 2
}

func Twice(n int) int { return 2 * n }

func Never() {
	println("a")
	println("b")
}

func Sign(n int) int { if n < 0 { return -1 }; return 1 }
`;

const UTIL = `package util

func One() int { return 1 }

func Two() int { return 2 }
`;

const PROFILE = `mode: count
example.com/m/calc.go:4.22,5.11 1 3
example.com/m/calc.go:5.11,7.3 1 0
example.com/m/calc.go:8.2,8.14 1 3
example.com/m/calc.go:11.23,11.39 1 2
example.com/m/calc.go:13.14,16.2 2 0
example.com/m/calc.go:18.22,18.33 1 1
example.com/m/calc.go:18.33,18.45 1 0
example.com/m/calc.go:18.46,18.57 1 1
example.com/m/plain.go:5.14,6.2 1 1
example.com/m/util/util.go:3.16,3.28 1 5
example.com/m/util/util.go:5.16,5.28 1 0
`;

const DIFF = `diff --git a/README.md b/README.md
index 1..2 100644
--- a/README.md
+++ b/README.md
@@ -1 +1 @@
-x
+y
diff --git a/calc.go b/calc.go
index 1..2 100644
--- a/calc.go
+++ b/calc.go
@@ -2,0 +3,4 @@ package m
+// Half halves.
+func Half(n int) int {
+	if n < 0 {
+		return -1
@@ -8,0 +11 @@ package m
+func Twice(n int) int { return 2 * n }
@@ -9,0 +14,2 @@ func Never() {
+	println("a")
+	println("b")
@@ -10,0 +18 @@
+func Sign(n int) int { if n < 0 { return -1 }; return 1 }
diff --git a/gone.go b/gone.go
deleted file mode 100644
--- a/gone.go
+++ /dev/null
@@ -1 +0,0 @@
-package m
diff --git a/plain.go b/plain.go
--- a/plain.go
+++ b/plain.go
@@ -0,0 +1 @@
+// Nothing runs here.
diff --git a/util/util.go b/util/util.go
--- a/util/util.go
+++ b/util/util.go
@@ -2,0 +3,3 @@
+func One() int { return 1 }
+
+func Two() int { return 2 }
`;

/** A mail as git format-patch writes it, with a long message before the diff. */
const MAIL = `From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: A <a@example.com>
Subject: [PATCH] m: halve

${"What follows halves what is given to it.\n".repeat(200)}
---
 calc.go | 8 ++++++++

${DIFF}-- 
2.39.2
`;

describe("coverage of a diff", { skip: missing(), concurrency: false }, () => {
  let world;
  let relay;
  let files;

  before(async () => {
    world = new World();
    relay = await world.relay({ args: ["--no-collector"] });
    files = world.files({
      "cover.out": PROFILE,
      "less.out": PROFILE.replaceAll(/ 3$/gm, " 0"),
      "changes.diff": DIFF,
      "damaged.diff": DIFF.replace("@@ -8,0 +11 @@", "@@ -8,0 +11,2 @@"),
      "m/go.mod": "module example.com/m\n",
      "m/calc.go": CALC,
      "m/util/util.go": UTIL,
    });
  });
  after(() => world?.end());

  /** What the command says of a diff. */
  const command = (diff, ...profiles) => {
    const run = spawnSync(binary(), ["patch", ...profiles, "--diff", diff, "--json"], {
      cwd: world.folder,
      env: world.env(),
      encoding: "utf8",
    });
    assert.equal(run.status, 0, run.stderr);
    return JSON.parse(run.stdout);
  };

  /** What the page shows of a patch, in the form of the command's answer. */
  const shown = async (page) => {
    await page.locator(".patch .function-row").first().waitFor();
    return page.evaluate(() => {
      const number = (element) => Number(element.textContent.replace(/\D/g, "") || "0");
      const rows = [...document.querySelectorAll(".patch .function-row:not([hidden])")];
      const section = document.querySelector(".patch");
      const [covered, total] = section.querySelector(".words").textContent.match(/\d+/g).map(Number);
      const sum = (name) => number(section.querySelector(`.sums .${name} b`));
      return {
        sums: ["covered", "partial", "uncovered", "other"].map(sum),
        total: { covered, total },
        rows: rows.map((row) => {
          const [name, place, note] = ["name", "place", "note"].map((part) => row.querySelector(`.${part}`).textContent);
          const numbers = [...row.querySelectorAll(".lines")].map(number);
          return { path: place ? `${place}/${name}` : name, note, numbers };
        }),
      };
    });
  };

  /** The command's answer in the page's words. */
  const expected = (answer) => {
    const numbers = (file) => ["uncovered", "partial", "covered", "not_coverable"].map((state) => file[state].length);
    const note = (file) => (file.lines.total === 0 ? "nothing to cover" : "");
    const known = answer.files.map((file) => ({ path: file.path, note: note(file), numbers: numbers(file) }));
    const unknown = answer.unknown.map((path) => ({ path, note: "not in the coverage data", numbers: [0, 0, 0, 0] }));
    const sum = (state) => answer.files.reduce((sum, file) => sum + file[state].length, 0);
    const missed = (row) => row.numbers[0] + row.numbers[1];
    return {
      sums: ["covered", "partial", "uncovered", "not_coverable"].map(sum),
      total: answer.total.lines,
      rows: [...known.sort((a, b) => missed(b) - missed(a) || b.numbers[2] - a.numbers[2] || (a.path < b.path ? -1 : 1)), ...unknown],
    };
  };

  const open = async (options = {}) => {
    const page = await world.page(relay.url, options);
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    return page;
  };
  /** Waits for these numbers of changed lines. */
  const patched = async (page, text) => {
    await page.locator(".patch .words", { hasText: text }).waitFor();
    await state(page, (found) => found.route.includes("/patch") && !found.reading);
  };

  test("a diff is dropped with a profile, and its numbers are those of the command", async () => {
    const page = await open();
    await drop(page, files["cover.out"], files["changes.diff"]);
    const answer = command(files["changes.diff"], files["cover.out"]);
    await patched(page, `${answer.total.lines.covered} of ${answer.total.lines.total} changed lines covered`);
    const found = await shown(page);
    assert.deepEqual(found, expected(answer));
    // Each state and each kind of file is among them.
    assert.ok(found.sums.every((sum) => sum > 0), `${found.sums}`);
    assert.deepEqual(found.rows.map((row) => row.path), ["calc.go", "util/util.go", "plain.go", "README.md"]);
    await page.locator(".opened .process", { hasText: "changes.diff" }).getByText("unified diff · 4 files").waitFor();
    await finish(page);
  });

  test("rows lead to the source, where changed lines are marked, and keys to what is uncovered", async () => {
    const page = await open();
    await drop(page, files["cover.out"], files["changes.diff"], files.m);
    await page.locator(".patch .function-row", { hasText: "calc.go" }).click();
    await state(page, (found) => found.route.includes("f=example.com/m/calc.go") && found.route.includes("L=5"));
    await lineThat(page, 6, (line) => line.status === "uncovered");
    const changed = () =>
      page.evaluate(() =>
        [...document.querySelectorAll(".code .line.changed:not([hidden])")]
          .map((row) => Number(row.querySelector(".number").textContent))
          .sort((a, b) => a - b),
      );
    assert.deepEqual(await changed(), [3, 4, 5, 6, 11, 14, 15, 18]);
    await page.getByText("Line 5, changed by the diff").waitFor();
    const at = async (file, lines) =>
      state(page, ({ route }) => route.includes(`f=example.com/m/${file}`) && new RegExp(`L=${lines}(&|$)`).test(route));
    for (const [key, file, line] of [
      ["N", "calc.go", 14],
      ["N", "calc.go", 18],
      ["N", "util/util.go", 5],
      ["N", "calc.go", 5],
      ["P", "util/util.go", 5],
      ["P", "calc.go", 18],
    ]) {
      await page.keyboard.press(`Shift+${key}`);
      await at(file, line);
    }
    await page.keyboard.press("4");
    await page.locator(".patch").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".source").waitFor();
    await finish(page);
  });

  test("a diff that comes first waits for a profile, and follows the one that is chosen", async () => {
    const page = await open();
    await page.locator("#open-files").setInputFiles(files["changes.diff"]);
    await page.getByRole("heading", { name: "A diff is open, and no coverage data" }).waitFor();
    await page.locator("#open-files").setInputFiles(files["cover.out"]);
    await page.locator(".patch .function-row").first().waitFor();
    assert.deepEqual(await shown(page), expected(command(files["changes.diff"], files["cover.out"])));
    await page.locator("#open-files").setInputFiles(files["less.out"]);
    const less = command(files["changes.diff"], files["less.out"]);
    await patched(page, `${less.total.lines.covered} of ${less.total.lines.total} `);
    assert.deepEqual(await shown(page), expected(less));
    await finish(page);
  });

  test("a diff is pasted, and a mail comes in an archive beside coverage files", async () => {
    const answer = command(files["changes.diff"], files["cover.out"]);
    const page = await open();
    await drop(page, files["cover.out"]);
    await state(page, (found) => found.units > 0 && !found.reading);
    await paste(page, DIFF);
    await page.locator(".patch .file-head h2", { hasText: "pasted text" }).waitFor();
    await page.locator(".patch .function-row").first().waitFor();
    assert.deepEqual(await shown(page), expected(answer));
    await finish(page);

    const mail = world.files({ "0001-m-halve.patch": MAIL })["0001-m-halve.patch"];
    const archive = join(world.folder, "build.tar.gz");
    const tar = spawnSync("tar", ["czf", archive, "-C", dirname(mail), "cover.out", "0001-m-halve.patch"]);
    assert.equal(tar.status, 0, `${tar.stderr}`);
    const other = await open();
    await drop(other, archive);
    await other.locator(".patch .function-row").first().waitFor();
    assert.deepEqual(await shown(other), expected(command(mail, files["cover.out"])));
    assert.deepEqual(command(mail, files["cover.out"]), answer);
    await finish(other);
  });

  test("a damaged diff is refused with its line, and nothing is lost", async () => {
    const page = await open();
    await drop(page, files["cover.out"], files["changes.diff"]);
    await page.locator(".patch .function-row").first().waitFor();
    const before = await shown(page);
    await drop(page, files["damaged.diff"]);
    const line = page.locator(".unread li");
    await line.first().waitFor();
    assert.equal(
      await line.first().textContent(),
      "damaged.diff: line 19: the hunk has other lines than its header says",
    );
    assert.deepEqual(await shown(page), before);
    assert.equal(await page.locator(".patch .file-head h2").textContent(), "changes.diff");
    assert.equal((await state(page)).statementsTotal, 12);
    await finish(page);
  });

  test("a reload keeps the diff, and it is forgotten by itself and with all", async () => {
    const page = await open();
    await drop(page, files["cover.out"], files["changes.diff"]);
    await page.locator(".patch .function-row").first().waitFor();
    const before = await shown(page);
    await state(page, (found) => !found.reading);
    await page.reload();
    await page.locator(".patch .function-row").first().waitFor();
    assert.deepEqual(await shown(page), before);
    await page.locator(".opened", { hasText: "changes.diff" }).getByRole("button", { name: "Close changes.diff" }).click();
    await page.locator(".source").waitFor();
    assert.equal(await page.getByRole("tab", { name: "Patch" }).isVisible(), false);
    assert.equal(await page.locator("li.opened").count(), 1);
    await state(page, (found) => !found.reading);
    await page.reload();
    await state(page, (found) => found.statementsTotal === 12 && !found.reading);
    assert.equal(await page.locator("li.opened").count(), 1);

    await drop(page, files["changes.diff"]);
    await page.locator(".patch .function-row").first().waitFor();
    await page.getByRole("button", { name: "Forget all" }).click();
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    await state(page, (found) => !found.reading);
    await page.goto(`${relay.url}#/1/patch`);
    await page.reload();
    await page.getByRole("heading", { name: "No diff is open" }).waitFor();
    await finish(page);
  });

  test("a program that runs is compared too, and as it runs on", async () => {
    const live = await world.relay();
    const clicker = await world.clicker();
    const diff = join(world.folder, "clicker.diff");
    // Never and the first lines of the file.
    writeFileSync(diff, "--- a/calc/calc.go\n+++ b/calc/calc.go\n@@ -4,0 +5,22 @@\n" + "+x\n".repeat(22));
    const page = await world.page(live.url);
    await state(page, (found) => found.link === "live" && found.units > 0);
    const numbers = async () => {
      const profile = join(world.folder, "live.out");
      const run = spawnSync(binary(), ["profile", "-o", profile, "--url", live.url], { env: world.env(), encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
      return command(diff, profile).total.lines;
    };
    await drop(page, diff);
    const first = await numbers();
    await page.locator(".patch .words", { hasText: `${first.covered} of ${first.total} ` }).waitFor();
    await clicker.get("/sum?n=3");
    const then = await numbers();
    assert.notDeepEqual(then, first);
    await page.locator(".patch .words", { hasText: `${then.covered} of ${then.total} ` }).waitFor();
    await finish(page);
    await clicker.stop();
    await live.stop();
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`nothing stands in the way of anybody, ${colorScheme}`, async () => {
      const page = await open({ colorScheme });
      await drop(page, files["changes.diff"]);
      await page.getByRole("heading", { name: "A diff is open, and no coverage data" }).waitFor();
      await page.locator(".notice").waitFor({ state: "hidden" });
      assert.deepEqual(await violations(page), [], "waiting");
      await drop(page, files["cover.out"], files.m);
      await page.locator(".patch .function-row").first().waitFor();
      assert.deepEqual(await violations(page), [], "patch");
      await page.keyboard.press("Shift+N");
      await page.locator(".code .line.changed").first().waitFor();
      assert.deepEqual(await violations(page), [], "source");
      await finish(page);
    });
  }

  test("a phone shows it, and nothing sticks out", async () => {
    const page = await open({ width: 390, height: 844 });
    await drop(page, files["cover.out"], files["changes.diff"]);
    await page.locator(".patch .function-row").first().waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(wide, 390);
    await finish(page);
  });
});
