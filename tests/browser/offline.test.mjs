// The offline page from the outside: files that Go has written, dropped, picked and pasted.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { World, drop, finish, missing, opened, paste, root, state, violations } from "./fixture.mjs";

describe("the offline page", { skip: missing(), concurrency: false }, () => {
  let world;
  let relay;
  let folder;
  let profile;
  let data;
  let sources;

  const go = (args, cwd, env = {}) => {
    const run = spawnSync("go", args, {
      cwd,
      env: { ...process.env, GOFLAGS: "", GOTOOLCHAIN: "local", ...env },
      encoding: "utf8",
    });
    if (run.status !== 0) throw new Error(`go ${args.join(" ")}: ${run.stderr}`);
    return run.stdout;
  };

  before(async () => {
    world = new World();
    relay = await world.relay({ args: ["--no-collector"] });
    folder = join(world.folder, "files");
    mkdirSync(folder);
    // A profile as text, of tests.
    sources = join(folder, "sources");
    cpSync(join(root, "tests/programs/tested"), sources, { recursive: true });
    profile = join(folder, "cover.out");
    go(["test", "-covermode=count", `-coverprofile=${profile}`, "./..."], sources);
    // A folder of binary data, of three runs of a program that ends.
    const program = join(folder, "exits");
    go(["build", "-cover", "-covermode=atomic", "-o", program, "."], join(root, "tests/programs/exits"));
    data = join(folder, "covdata");
    mkdirSync(data);
    for (const way of [["return"], ["short"], ["exit"]]) {
      spawnSync(program, way, { env: { ...process.env, GOCOVERDIR: data }, timeout: 10_000 });
    }
  });
  after(() => world?.end());

  const open = async (path = "/", options = {}) => {
    const page = await world.page(relay.url + path, options);
    // Before the page's program runs, nobody takes files.
    await state(page);
    return page;
  };

  /** Covered and all statements of a text profile. */
  const statements = (text) => {
    const blocks = new Map();
    for (const line of text.split("\n").slice(1).filter(Boolean)) {
      const [place, n, count] = line.split(" ");
      blocks.set(place, { n: Number(n), hit: Number(count) > 0 || blocks.get(place)?.hit });
    }
    const all = [...blocks.values()];
    const sum = (list) => list.reduce((sum, block) => sum + block.n, 0);
    return [sum(all.filter((block) => block.hit)), sum(all)];
  };

  test("a text profile is dropped, with totals as go tool cover has them", async () => {
    const page = await open();
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    await drop(page, profile);
    const found = await opened(page);
    assert.deepEqual(
      [found.statementsCovered, found.statementsTotal],
      statements(readFileSync(profile, "utf8")),
    );
    const total = /total:.*?([\d.]+)%/.exec(go(["tool", "cover", `-func=${profile}`], sources))[1];
    const percent = (100 * found.statementsCovered) / found.statementsTotal;
    assert.equal(percent.toFixed(1), total);
    await page.locator(".opened .process", { hasText: "cover.out" }).waitFor();
    // What is only for running programs is not there.
    assert.equal(await page.locator("#record").isVisible(), false);
    assert.equal(await page.locator(".pill").textContent(), "From files");
    await page.getByText("drop the folder with the sources").waitFor();
    await finish(page);
  });

  test("a folder of covmeta and covcounters is picked, and equals go tool covdata", async () => {
    const page = await open();
    await page.locator("#open-folder").setInputFiles(data);
    const found = await opened(page);
    const text = join(folder, "textfmt.out");
    go(["tool", "covdata", "textfmt", `-i=${data}`, `-o=${text}`], folder);
    assert.deepEqual(
      [found.statementsCovered, found.statementsTotal],
      statements(readFileSync(text, "utf8")),
    );
    const name = /covdata.*Go binary coverage data · \d files/s;
    await page.getByRole("button", { name }).waitFor();
    await finish(page);
  });

  test("a folder is dropped with all that is in it, and sources come with it", async () => {
    const page = await open();
    await drop(page, profile, sources);
    const found = await opened(page, (found) => found.functions > 2);
    assert.match(found.route, /opened=[0-9a-f]{32}/);
    await page.getByRole("treeitem", { name: /^roman\.go\b/ }).click();
    await page.locator(".code .line code", { hasText: "func " }).first().waitFor();
    await page.getByRole("tab", { name: "Functions" }).click();
    const name = /^func (?:\(.*?\) )?(\w+)/m.exec(readFileSync(join(sources, "roman/roman.go"), "utf8"))[1];
    await page.locator(".function-row .name", { hasText: name }).first().waitFor();
    await finish(page);
  });

  test("sources that come later show code and name functions", async () => {
    const page = await open();
    await drop(page, profile);
    await opened(page);
    await page.getByText("drop the folder with the sources").waitFor();
    const before = await state(page);
    await drop(page, sources);
    await opened(page, (found) => found.functions > before.functions);
    await page.getByText("drop the folder with the sources").waitFor({ state: "hidden" });
    await finish(page);
  });

  test("a damaged file is named with its place, and the rest is read", async () => {
    const damaged = join(folder, "damaged.out");
    writeFileSync(damaged, "mode: set\nexample.com/a/a.go:1.1,2.2 1 1\nexample.com/a/a.go:3.x,4.2 1 0\n");
    const page = await open();
    await drop(page, damaged, profile);
    await opened(page);
    const line = page.locator(".unread li");
    await line.first().waitFor();
    assert.match(await line.first().textContent(), /^damaged\.out: line 3/);
    assert.equal(await page.locator("li.opened").count(), 1);
    await finish(page);
  });

  test("an unknown file is refused with what was expected, and nothing is lost", async () => {
    const unknown = join(folder, "notes.md");
    writeFileSync(unknown, "# Notes\n");
    const page = await open();
    await drop(page, profile);
    const found = await opened(page);
    await drop(page, unknown);
    await page.locator(".unread li").first().waitFor();
    assert.match(
      await page.locator(".unread li").first().textContent(),
      /^notes\.md: .*expected one of Go text profile/,
    );
    const now = await opened(page);
    assert.equal(now.statementsTotal, found.statementsTotal);
    await finish(page);
  });

  test("text is pasted", async () => {
    const page = await open();
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    await paste(page, readFileSync(profile, "utf8"));
    await opened(page);
    await page.locator(".opened .process", { hasText: "pasted text" }).waitFor();
    await finish(page);
  });

  test("reading is cancelled at once", async () => {
    const large = join(folder, "large.out");
    const lines = ["mode: count"];
    for (let file = 0; file < 3_000; file++) {
      for (let block = 1; block <= 300; block++) {
        lines.push(`example.com/large/p${file % 100}/f${file}.go:${block}.2,${block}.90 1 ${block % 3}`);
      }
    }
    writeFileSync(large, lines.join("\n") + "\n");
    const page = await open();
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    await drop(page, large);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Cancelled: nothing of it was opened").waitFor();
    assert.equal(await page.locator("#opening").isVisible(), false);
    assert.equal((await state(page)).units, 0);
    // What comes next is read all the same.
    await drop(page, profile);
    await opened(page);
    await finish(page);
  });

  test("a reload keeps what is open, and Forget removes it", async () => {
    const page = await open();
    await drop(page, profile, sources);
    const found = await opened(page, (found) => found.functions > 2);
    await state(page, (now) => !now.reading);
    await page.reload();
    const again = await opened(page, (found) => found.functions > 2);
    assert.equal(again.statementsCovered, found.statementsCovered);
    assert.equal(again.route, found.route);
    await page.getByRole("treeitem", { name: /^roman\.go\b/ }).click();
    await page.locator(".code .line code", { hasText: "func " }).first().waitFor();
    await page.getByRole("tab", { name: "Opened" }).click();
    await page.getByRole("button", { name: "Forget all" }).click();
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    await state(page, (now) => !now.reading);
    await page.goto(relay.url + "/" + found.route);
    await page.reload();
    await page.getByRole("heading", { name: "This profile is not open here" }).waitFor();
    await finish(page);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`nothing stands in the way of anybody, ${colorScheme}`, async () => {
      const page = await open("/", { colorScheme });
      await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
      assert.deepEqual(await violations(page), []);
      const damaged = join(folder, "odd.out");
      writeFileSync(damaged, "mode: set\nx\n");
      await drop(page, profile, damaged, data);
      await opened(page);
      await page.locator(".unread li").first().waitFor();
      await page.locator(".notice").waitFor({ state: "hidden" });
      assert.deepEqual(await violations(page), []);
      await finish(page);
    });
  }

  test("a narrow screen has it all", async () => {
    const page = await open("/", { width: 380, height: 700 });
    await drop(page, profile);
    await opened(page);
    await page.locator("#show-live").click();
    await page.locator(".opened .process", { hasText: "cover.out" }).waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 380, `${wide} pixels wide`);
    await finish(page);
  });
});
