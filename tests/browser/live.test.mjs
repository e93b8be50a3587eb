// The live page from the outside: a relay, a Go program, a browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { World, covered, finish, line, lineThat, missing, state, violations } from "./fixture.mjs";

const CALC = "#/1/source?f=example.com/clicker/calc/calc.go";

describe("the live page", { skip: missing(), concurrency: false }, () => {
  let world;
  let relay;
  let clicker;

  before(async () => {
    world = new World();
    relay = await world.relay();
    clicker = await world.clicker();
  });
  after(() => world?.end());

  const open = (hash = CALC, options = {}) => world.page(relay.url + hash, options);

  test("the tree fills, and what did not run is marked", async () => {
    const page = await open();
    await page.getByRole("treeitem", { name: /^calc\.go\b/ }).waitFor();
    for (const name of [/^example\.com\/clicker\b/, /^calc\b(?!\.)/, /^main\.go\b/]) {
      assert.equal(await page.getByRole("treeitem", { name }).count(), 1, `${name}`);
    }
    const never = await lineThat(page, 26, (l) => l.status === "uncovered", "uncovered");
    assert.equal(never.glyph, "✗");
    assert.equal(never.count, "0");
    // To the column: the signature is no part of the unit.
    assert.deepEqual(never.missed, ['{ return "never" }']);
    assert.deepEqual((await line(page, 1)).status, "");
    await finish(page);
  });

  test("a line lights up when it runs, with its count and time", async () => {
    const page = await open();
    await lineThat(page, 8, (l) => l.count !== "");
    const before = Number((await line(page, 8)).count);
    const lit = page.evaluate(
      () =>
        new Promise((done) => {
          const look = () => {
            const lit = document.querySelector(".line.glow0, .line.glow1");
            if (lit) done(performance.timeOrigin + performance.now());
            else requestAnimationFrame(look);
          };
          look();
        }),
    );
    const asked = Date.now();
    assert.equal(await clicker.get("/sum?n=5"), "10");
    const after = (await lit) - asked;
    console.log(`      request to glow: ${after.toFixed(0)} ms`);
    const found = await lineThat(page, 8, (l) => Number(l.count) === before + 5, "5 hits later");
    assert.equal(found.status, "covered");
    assert.equal(found.age, "now");
    await lineThat(page, 8, (l) => !l.glowing, "dark again");
    await finish(page);
  });

  test("of a line that ran in part, the part that did not is marked", async () => {
    const page = await open();
    await clicker.get("/sign?x=-4");
    const found = await lineThat(page, 15, (l) => l.status === "partial", "partial");
    assert.equal(found.glyph, "◐");
    assert.deepEqual(found.missed, ["{ return 2 * x }"]);
    await finish(page);
  });

  test("between two marks stands exactly what the request executed", async () => {
    const page = await open();
    await lineThat(page, 8, (l) => l.count !== "");
    await clicker.get("/sum?n=3");
    await page.waitForTimeout(500);
    await page.getByRole("button", { name: "Record" }).click();
    await clicker.get("/sum?n=7");
    await clicker.get("/sign?x=5");
    await page.waitForTimeout(500);
    await page.keyboard.press("m");
    const options = page.getByRole("listbox", { name: "Functions that ran", exact: true }).getByRole("option");
    await options.first().waitFor();
    const rows = await options.evaluateAll((rows) =>
      rows
        .filter((row) => !row.hidden)
        .map((row) => ["name", "calls", "trail"].map((c) => row.querySelector(`.${c}`).textContent)),
    );
    assert.deepEqual(rows, [
      ["Sum", "×1", "lines 5–7 ×1, 7–9 ×7, 10 ×1"],
      ["Sign", "×1", "lines 14–16 ×1, 19 ×1, 22 ×1"],
      ["sum", "×1", "lines 32–35 ×1"],
      ["sign", "×1", "lines 37–40 ×1"],
    ]);
    // The source shows these counts only, until one goes back.
    await options.first().click();
    await lineThat(page, 8, (l) => l.count === "7", "the recording's");
    await page.getByRole("button", { name: "Back to live" }).click();
    await lineThat(page, 8, (l) => Number(l.count) > 7, "live");
    // The recording is a profile for Go's tools.
    await page.keyboard.press("3");
    await page.getByLabel("Name of the recording").fill("one click");
    await page.getByLabel("Name of the recording").press("Enter");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.locator(".recording-head").getByRole("button", { name: "Profile" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "one-click.out");
    const text = readFileSync(await download.path(), "utf8");
    assert.match(text, /^mode: /);
    assert.ok(text.includes("example.com/clicker/calc/calc.go:7.19,9.3 1 7\n"), text);
    await finish(page);
  });

  test("pause holds the page, and resuming shows all that was missed", async () => {
    const page = await open();
    await lineThat(page, 8, (l) => l.count !== "");
    await page.locator(".code").focus();
    await page.keyboard.press("Space");
    await page.locator(".pill", { hasText: "Paused" }).waitFor();
    const held = Number((await line(page, 8)).count);
    await clicker.get("/sum?n=11");
    await page.waitForTimeout(600);
    assert.equal(Number((await line(page, 8)).count), held);
    await page.keyboard.press("Space");
    await lineThat(page, 8, (l) => Number(l.count) === held + 11, "caught up");
    await finish(page);
  });

  test("reset asks first, and then counts start from 0", async () => {
    const page = await open();
    await clicker.get("/sum?n=2");
    await lineThat(page, 8, (l) => Number(l.count) > 0);
    await page.getByRole("button", { name: "Reset…" }).click();
    await page.getByRole("button", { name: "Keep them" }).click();
    assert.ok(Number((await line(page, 8)).count) > 0);
    await page.getByRole("button", { name: "Reset…" }).click();
    await page.getByRole("button", { name: "Reset", exact: true }).click();
    await lineThat(page, 8, (l) => l.count === "0" && l.status === "uncovered", "reset");
    await covered(page, 0);
    await clicker.get("/sum?n=2");
    await lineThat(page, 8, (l) => l.count === "2", "counted anew");
    await finish(page);
  });

  test("goroutines appear once a function is traced, and no more after", async () => {
    const page = await open(`${CALC}&panel=goroutines`);
    await lineThat(page, 8, (l) => l.count !== "");
    await page.getByRole("treeitem", { name: /^main\.go\b/ }).click();
    await page.getByRole("button", { name: "Trace main.go" }).click();
    await page.getByText(/entr(y|ies) traced/).waitFor();
    await clicker.get("/sum?n=1");
    const goroutine = page.getByRole("listbox", { name: "Goroutines", exact: true }).getByRole("option").first();
    await goroutine.waitFor();
    await goroutine.click();
    const entry = page.getByRole("listbox", { name: "Entries, newest first" }).getByRole("option");
    assert.match(await entry.first().textContent(), /^main\.sum/);
    await page.getByText("0 lost").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText(/^Off: /).waitFor();
    await finish(page);
  });

  test("a link opens the same view in another page, and back goes back", async () => {
    const page = await open("#/1/source");
    await page.getByLabel("Filter packages, files and functions").fill("sign");
    await page.getByRole("treeitem", { name: /^Sign\b/ }).click();
    await lineThat(page, 14, (l) => l.text.startsWith("func Sign"), "there");
    await page.locator(".code .line", { hasText: 'return "large' }).click();
    await page.waitForFunction(() => location.hash.includes("L="));
    await page.keyboard.press("2");
    await page.getByRole("listbox", { name: "Functions", exact: true }).waitFor();
    const hash = await page.evaluate(() => location.hash);
    assert.match(hash, /^#\/1\/functions\?f=example\.com\/clicker\/calc\/calc\.go&L=20&q=sign$/);
    await page.goBack();
    await page.locator(".code").waitFor();
    const link = await page.evaluate(() => location.href);
    const other = await world.page(link);
    const selected = other.locator(".line.selected");
    await selected.waitFor();
    assert.match(await selected.textContent(), /return "large/);
    assert.equal(await other.getByLabel("Filter packages, files and functions").inputValue(), "sign");
    await finish(other);
    await finish(page);
  });

  test("everything goes by keyboard", async () => {
    const page = await open();
    await lineThat(page, 8, (l) => l.count !== "");
    await page.keyboard.press("/");
    await page.keyboard.type("main");
    await page.waitForFunction(() => location.hash.includes("q=main"));
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !location.hash.includes("q="));
    await page.getByRole("tree").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowLeft");
    const items = page.locator(".tree [role=treeitem]:not([hidden])");
    await page.waitForFunction(
      () => document.querySelectorAll(".tree [role=treeitem]:not([hidden])").length === 1,
    );
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(
      () => document.querySelectorAll(".tree [role=treeitem]:not([hidden])").length > 3,
    );
    assert.equal(await items.first().getAttribute("aria-expanded"), "true");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.hash.includes("main.go"));
    await page.goto(relay.url + CALC);
    await lineThat(page, 26, (l) => l.status === "uncovered");
    await page.locator(".code").focus();
    await page.keyboard.press("p");
    await page.waitForFunction(() => location.hash.includes("L=26"));
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("Next, previous uncovered code").waitFor();
    // Who types fast loses no key: neither as a dialog closes nor as it opens.
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("zzz");
    await page.getByText("Nothing found").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.keyboard.press("Control+k");
    await page.keyboard.type("main.go");
    await page.getByRole("option", { name: /main\.go/ }).first().waitFor();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.hash.includes("main.go"));
    await finish(page);
  });

  test("one process among several can be chosen", async () => {
    const second = await world.clicker();
    const page = await open(`${CALC}&panel=processes`);
    await state(page, (found) => found.processes === 2);
    await page.getByRole("button", { name: new RegExp(`pid ${second.pid}\\b`) }).click();
    await state(page, (found) => found.processes === 1);
    await second.get("/sum?n=9");
    await lineThat(page, 8, (l) => l.count === "9", "of the second process only");
    await second.stop("SIGKILL");
    await page.locator(".state.ended").first().waitFor();
    await lineThat(page, 8, (l) => l.count === "9", "kept");
    await finish(page);
  });

  test("the relay goes and comes back: the page finds the right numbers by itself", async () => {
    const page = await open();
    await lineThat(page, 8, (l) => l.count !== "");
    const before = Number((await line(page, 8)).count);
    await relay.stop();
    await page.locator(".pill", { hasText: "Lost" }).waitFor();
    // What is known stays, and what happens meanwhile is not lost.
    assert.equal(Number((await line(page, 8)).count), before);
    await clicker.get("/sum?n=13");
    relay = await world.relay({ listen: new URL(relay.url).host });
    await page.locator(".pill", { hasText: "Live" }).waitFor();
    await page.waitForFunction(
      ([before]) => {
        const rows = [...document.querySelectorAll(".code .line:not([hidden])")];
        const row = rows.find((row) => row.querySelector(".number").textContent === "8");
        return Number(row?.querySelector(".count").textContent) >= before + 13;
      },
      [before],
    );
    await finish(page);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing to complain about, ${colorScheme}`, async () => {
      const page = await open(CALC, { colorScheme, bypassCSP: true });
      await lineThat(page, 8, (l) => l.count !== "");
      assert.deepEqual(await violations(page), [], "source");
      for (const name of ["Goroutines", "Processes"]) {
        await page.getByRole("tab", { name }).click();
        assert.deepEqual(await violations(page), [], name);
      }
      await page.keyboard.press("2");
      await page.getByRole("listbox", { name: "Functions", exact: true }).waitFor();
      assert.deepEqual(await violations(page), [], "functions");
      await page.keyboard.press("3");
      assert.deepEqual(await violations(page), [], "recordings");
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await violations(page), [], "keys");
      await finish(page);
    });
  }

  test("the colors chosen by hand stay", async () => {
    const page = await open();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByRole("button", { name: "Dark colors" }).click();
    await page.waitForFunction((light) => getComputedStyle(document.body).backgroundColor !== light, light);
    await page.reload();
    await page.locator(".top").waitFor();
    assert.notEqual(await background(), light);
    await finish(page);
  });

  test("a phone sees one pane at a time, and nothing sticks out", async () => {
    const page = await open(CALC, { width: 390, height: 844 });
    await lineThat(page, 8, (l) => l.count !== "");
    assert.equal(await page.getByRole("tree").isVisible(), false);
    await page.locator(".bottom").getByRole("button", { name: "Files" }).click();
    await page.getByRole("treeitem", { name: /^main\.go\b/ }).click();
    await page.locator(".code").waitFor();
    await page.waitForFunction(() => location.hash.includes("main.go"));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `the page is ${wide} pixels wide`);
    await finish(page);
  });
});

describe("the page with nothing to show", { skip: missing() }, () => {
  let world;
  before(() => (world = new World()));
  after(() => world?.end());

  test("no process yet: it says what to do, and a program that starts appears", async () => {
    const relay = await world.relay();
    const page = await world.page(relay.url, { bypassCSP: true });
    await page.getByText("Connected, waiting for a program").waitFor();
    assert.deepEqual(await violations(page), []);
    await world.clicker();
    await page.getByRole("treeitem", { name: /^calc\.go\b/ }).waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test("a source that nobody has: counts only, and it says so", async () => {
    world.clickerPath ??= world.build("clicker");
    const clicker = await world.start(world.clickerPath, []);
    const relay = await world.relay({ env: { COVERGLASS_CACHE: `${world.folder}/elsewhere` } });
    const page = await world.page(`${relay.url}${CALC}`);
    await fetch(`${clicker.line}/sum?n=4`);
    await page.getByText(/^Counts only: /).waitFor();
    await lineThat(page, 8, (l) => Number(l.count) >= 4);
    assert.equal((await line(page, 5)).text, "// Sum");
    await page.context().close();
  });

  test("a link to what is not here says so, and offers a way on", async () => {
    const relay = await world.relay();
    await world.clicker();
    const page = await world.page(`${relay.url}#/1/source?service=nothing&f=nowhere.go`);
    await page.getByText("No process matches this choice").waitFor();
    await page.getByRole("button", { name: "Show the newest builds" }).click();
    await page.getByText("This file is not in what you look at").waitFor();
    await page.getByRole("button", { name: "Open the file that runs most" }).click();
    await page.locator(".code").waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test("without the token nothing is shown; with it, the address doesn't keep it", async () => {
    const relay = await world.relay({ args: ["--token", "sesame-sesame"] });
    const page = await world.page(relay.url);
    await page.locator(".pill", { hasText: "Live" }).waitFor();
    assert.equal(await page.evaluate(() => location.search), "");
    const stranger = await world.page(new URL(relay.url).origin);
    await stranger.locator(".pill", { hasText: /Lost|Refused|No relay/ }).waitFor();
    await page.context().close();
    await stranger.context().close();
  });
});
