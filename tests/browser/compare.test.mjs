// Opened profiles compared with each other, from the outside.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { World, finish, lineThat, missing, state, violations } from "./fixture.mjs";

const SOURCE = `package m

func F(n int) {
	println(1)
	println(2)
	println(3)
	println(4)
}
`;

/** A text profile with one unit for each of the lines 4 to 7; the last one has two statements. */
const profile = (...counts) =>
  "mode: count\n" +
  counts.map((count, at) => `example.com/m/m.go:${at + 4}.2,${at + 4}.12 ${at < 3 ? 1 : 2} ${count}\n`).join("");

describe("comparing opened profiles", { skip: missing(), concurrency: false }, () => {
  let world;
  let relay;
  let files;

  before(async () => {
    world = new World();
    relay = await world.relay({ args: ["--no-collector"] });
    files = world.files({
      "a.out": profile(5, 2, 0, 0),
      "b.out": profile(0, 3, 4, 7),
      "other.out": "mode: count\nexample.com/m/m.go:4.2,6.12 3 1\n",
      "m.go": SOURCE,
      "go.mod": "module example.com/m\n",
    });
  });
  after(() => world?.end());

  /** A page with these files open; A is the first one, B the second one. */
  const open = async (names, options = {}) => {
    const page = await world.page(relay.url, options);
    await page.getByRole("heading", { name: "Or open coverage files" }).waitFor();
    await page.locator("#open-files").setInputFiles(names.map((name) => files[name]));
    await state(page, (found) => found.units > 0 && !found.reading);
    return page;
  };
  const form = (page) => page.getByRole("group", { name: "Compare" });
  /** Waits for the result with this name and these covered statements. */
  const result = async (page, name, statements) => {
    const row = page.locator(".opened .process[aria-pressed=true]", { hasText: name });
    await row.waitFor();
    const found = await state(page, (now) => now.statementsCovered === statements && !now.reading);
    return { found, detail: await row.locator(".place").textContent() };
  };

  for (const { button, name, statements, counts, detail } of [
    {
      button: "A ∪ B",
      name: "a.out with b.out",
      statements: 5,
      counts: ["5", "5", "4", "7"],
      detail: "computed · +60.0 % of statements, 2 units more than a.out",
    },
    {
      button: "A ∩ B",
      name: "a.out in common with b.out",
      statements: 1,
      counts: ["0", "2", "0", "0"],
      detail: "computed · −20.0 % of statements, 1 unit fewer than a.out",
    },
    {
      button: "A ∖ B",
      name: "a.out without b.out",
      statements: 1,
      counts: ["5", "0", "0", "0"],
      detail: "computed · adds 1 unit, +20.0 % of statements to b.out",
    },
    {
      button: "New in B",
      name: "b.out without a.out",
      statements: 3,
      counts: ["0", "0", "4", "7"],
      detail: "computed · adds 2 units, +60.0 % of statements to a.out",
    },
  ]) {
    test(`${button} is shown in totals and source, and survives a reload`, async () => {
      const page = await open(["a.out", "b.out", "m.go", "go.mod"]);
      await form(page).locator("select[name=a]").selectOption({ label: "a.out" });
      await form(page).locator("select[name=b]").selectOption({ label: "b.out" });
      // By keyboard alone.
      await form(page).getByRole("button", { name: button }).focus();
      await page.keyboard.press("Enter");
      const first = await result(page, name, statements);
      assert.equal(first.found.statementsTotal, 5);
      assert.equal(first.detail, detail);
      const source = async () => {
        await page.getByRole("treeitem", { name: /^m\.go\b/ }).click();
        for (const [at, count] of counts.entries()) {
          const status = count === "0" ? "uncovered" : "covered";
          const wanted = (line) => line.status === status && (count === "0" || line.count.includes(count));
          await lineThat(page, at + 4, wanted, `${status}, ${count}`);
        }
      };
      await source();
      await page.reload();
      const again = await result(page, name, statements);
      assert.equal(again.detail, detail);
      assert.equal(again.found.route.match(/opened=\w+/)[0], first.found.route.match(/opened=\w+/)[0]);
      assert.equal(await page.locator("li.opened").count(), 3);
      await finish(page);
    });
  }

  test("what is chosen stays, and the same comparison is there once", async () => {
    const page = await open(["a.out", "b.out"]);
    const [a, b] = [form(page).locator("select[name=a]"), form(page).locator("select[name=b]")];
    const chosen = async (select) => select.evaluate((element) => element.selectedOptions[0].label);
    await b.selectOption({ label: "a.out" });
    await a.selectOption({ label: "b.out" });
    for (let times = 0; times < 2; times++) {
      await form(page).getByRole("button", { name: "A ∖ B" }).click();
      await result(page, "b.out without a.out", 3);
      assert.deepEqual([await chosen(a), await chosen(b)], ["b.out", "a.out"]);
    }
    assert.equal(await page.locator("li.opened").count(), 3);
    await a.selectOption({ label: "b.out without a.out" });
    await form(page).getByRole("button", { name: "A ∪ B" }).click();
    await result(page, "(b.out without a.out) with a.out", 5);
    await finish(page);
  });

  test("a profile can't be compared with itself, and one alone not at all", async () => {
    const page = await open(["a.out"]);
    assert.equal(await form(page).isVisible(), false);
    await page.locator("#open-files").setInputFiles([files["b.out"]]);
    await form(page).waitFor();
    await form(page).locator("select[name=b]").selectOption({ label: "a.out" });
    await form(page).locator("select[name=a]").selectOption({ label: "a.out" });
    await form(page).getByRole("button", { name: "A ∩ B" }).click();
    await page.getByText("Choose two profiles that differ").waitFor();
    assert.equal(await page.locator("li.opened").count(), 2);
    await finish(page);
  });

  test("different builds of one source are noted", async () => {
    const page = await open(["a.out", "other.out"]);
    await form(page).getByRole("button", { name: "A ∪ B" }).click();
    await result(page, "a.out with other.out", 5);
    await page.locator("li.opened", { hasText: "a.out with other.out" }).getByText("1 note").click();
    await page.getByText(/different builds of one source: units of example\.com\/m\/m\.go overlap/).waitFor();
    await finish(page);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`nothing stands in the way of anybody, ${colorScheme}`, async () => {
      const page = await open(["a.out", "b.out"], { colorScheme });
      await form(page).getByRole("button", { name: "New in B" }).click();
      await result(page, "b.out without a.out", 3);
      assert.deepEqual(await violations(page), []);
      await finish(page);
    });
  }
});
