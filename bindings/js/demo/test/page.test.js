// The page in Chromium, as a visitor has it: whole interviews by keyboard, and what is shown.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import puppeteer from "puppeteer-core";

const address = new URL("../site/index.html", import.meta.url).href;
const phone = { width: 390, height: 844, isMobile: true, hasTouch: true };
const desk = { width: 1280, height: 900 };
let browser;

before(async () => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
});
after(() => browser?.close());

/** Opens the page; `work` gets it, and everything that went wrong must be nothing. */
async function visit({ viewport = desk, features = {} }, work) {
  const page = await browser.newPage();
  const [problems, requests] = [[], []];
  page.on("console", (message) => problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.setViewport(viewport);
  await page.emulateMediaFeatures(Object.entries(features).map(([name, value]) => ({ name, value })));
  await page.goto(address);
  await page.waitForSelector("main:not([hidden])");
  try {
    await work(page);
  } finally {
    await page.close();
  }
  assert.deepEqual(problems, []);
  // Its icon is part of it.
  assert.deepEqual(requests.filter((url) => !url.startsWith("data:")), [address]);
}

const text = (page, selector) => page.$eval(selector, (element) => element.innerText.trim());
const shown = (page) =>
  page.evaluate(() => ({
    question: document.getElementById("title").textContent,
    number: document.getElementById("question-number").textContent,
    list: [...document.querySelectorAll("#list .name")].map((name) => name.textContent),
    ratings: [...document.querySelectorAll("#list .number")].map((number) => number.textContent),
    learned: document.getElementById("learned").textContent,
  }));

/** Presses Tab until an element has the focus. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  assert.fail(`Tab does not reach ${selector}`);
}

test("a whole interview by keyboard", () =>
  visit({}, async (page) => {
    const start = await shown(page);
    assert.equal(start.number, "Question 1");
    assert.equal(new Set(start.list).size, 10);
    assert.match(start.learned, /Nothing yet/);
    assert.match(await text(page, "#time"), /^Choosing the best 10 of 400 takes [\d.,]+\sµs/);
    assert.ok(await page.$eval("#undo", (button) => button.disabled));

    await tabTo(page, "#stars button");
    const asked = new Set([start.question]);
    for (const [answers, key] of ["5", "1", "0", "4", "2", "3", "5", "1"].entries()) {
      await page.keyboard.press(key);
      const now = await shown(page);
      assert.equal(now.number, `Question ${answers + 2}`);
      assert.ok(!asked.has(now.question), now.question);
      asked.add(now.question);
      // The question has the focus, and is read aloud.
      assert.equal(await page.evaluate(() => document.activeElement.id), "title");
      assert.equal(await text(page, "#live"), `First for you now: ${now.list[0]}.`);
    }
    const end = await shown(page);
    assert.notDeepEqual(end.list, start.list);
    assert.match(await text(page, "#time"), /^Learning from 7 answers and choosing the best 10/);
    assert.match(end.learned, /^You seem to be/);
    for (const rating of end.ratings) assert.match(rating, /^expected: [1-5]\.\d\s★ ± \d\.\d$/);

    await page.keyboard.press("u");
    assert.equal((await shown(page)).number, "Question 8");
    assert.match(await text(page, "#live"), /^Undone\./);
    await page.keyboard.press("1");
    assert.deepEqual((await shown(page)).list, end.list);

    // Without keys of its own: by Tab, Enter and Space.
    await tabTo(page, "#stars button:nth-child(2)");
    await page.keyboard.press("Enter");
    await tabTo(page, "#unknown");
    await page.keyboard.press("Space");
    assert.equal((await shown(page)).number, "Question 11");

    await page.focus("#again");
    await page.keyboard.press("Enter");
    assert.deepEqual(await shown(page), start);
  }));

test("keys answer only where the question has the focus", () =>
  visit({}, async (page) => {
    const start = await shown(page);
    await page.keyboard.press("5");
    assert.deepEqual(await shown(page), start);
    await page.focus("summary");
    await page.keyboard.press("5");
    assert.deepEqual(await shown(page), start);
  }));

test("what it has learned is what the answers said", () =>
  visit({}, async (page) => {
    for (let answers = 0; answers < 20; answers++) {
      const facts = await text(page, "#question .facts");
      const stars = facts.includes("romance") ? 5 : facts.includes("adventure") ? 1 : 3;
      await page.click(`#stars button:nth-child(${stars})`);
    }
    assert.match((await shown(page)).learned, /drawn to [^,]*romance.* less to .*adventure/);
    const changes = await page.$$eval("#changes li", (all) => all.map((one) => one.innerText));
    assert.ok(changes.some((change) => /romance\s+\+\d\.\d/.test(change)), changes);
    assert.ok(changes.some((change) => /adventure\s+−\d\.\d/.test(change)), changes);
    const sure = (await text(page, "#sure")).match(/\d\.\d\d/g).map(Number);
    assert.ok(sure[0] < sure[1], "answers make it surer");
  }));

test("the list moves, unless that is not wanted", async () => {
  for (const [motion, moves] of [["no-preference", true], ["reduce", false]]) {
    await visit({ features: { "prefers-reduced-motion": motion } }, async (page) => {
      const moving = await page.evaluate(() => {
        document.querySelector("#stars button").click();
        return document.getAnimations().length > 0;
      });
      assert.equal(moving, moves, motion);
    });
  }
});

test("screen readers find names, a list and headings", () =>
  visit({}, async (page) => {
    await page.keyboard.press("Tab");
    await page.click("#stars button:nth-child(4)");
    const names = [];
    const walk = (node) => {
      names.push(`${node.role} ${node.name}`);
      (node.children ?? []).forEach(walk);
    };
    walk(await page.accessibility.snapshot({ interestingOnly: false }));
    for (const name of [
      "heading melu in your browser", "heading Question 2", "heading For you",
      "heading What it has learned of you", "group How would you like it?", "button 1 star",
      "button 5 stars", "button No idea", "button Undo", "button Start again",
    ]) {
      assert.ok(names.includes(name), name);
    }
    assert.equal(names.filter((name) => name.startsWith("listitem")).length >= 10, true);
    const moved = await page.$$eval("#list .moved", (all) => all.map((one) => one.innerText.trim()));
    assert.ok(moved.some((move) => move !== ""), "some moved");
  }));

test("a phone shows all of it, with room for thumbs", () =>
  visit({ viewport: phone }, async (page) => {
    for (let answers = 0; answers < 3; answers++) await page.tap("#stars button:nth-child(5)");
    assert.equal((await shown(page)).number, "Question 4");
    const { wide, small, cut } = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth,
      small: [...document.querySelectorAll("button")]
        .filter((button) => button.offsetHeight < 40 || button.offsetWidth < 44)
        .map((button) => button.id || button.textContent),
      cut: [...document.querySelectorAll("#list .name, #title")]
        .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
        .map((element) => element.textContent),
    }));
    assert.deepEqual({ wide, small, cut }, { wide: phone.width, small: [], cut: [] });
  }));

test("text stands out, by day and by night", async () => {
  const papers = new Set();
  for (const scheme of ["light", "dark"]) {
    await visit({ features: { "prefers-color-scheme": scheme } }, async (page) => {
      await page.evaluate(() => document.querySelectorAll("#stars button")[4].click());
      await page.evaluate(() => document.querySelectorAll("#stars button")[0].click());
      await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
      const pairs = await page.evaluate(() => {
        const paper = (element) => {
          for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (colour !== "rgba(0, 0, 0, 0)") return colour;
          }
          return "rgb(255, 255, 255)";
        };
        const selectors = "h1, .lead, .kicker, .title, .facts, .prompt, .unknown, .plain, .name, .number, .give, .moved, .time, .change, .note, summary, .legend";
        return [...document.querySelectorAll(selectors)]
          .filter((element) => element.offsetParent !== null && element.textContent.trim() !== "")
          .map((element) => [element.className || element.tagName, getComputedStyle(element).color, paper(element)]);
      });
      for (const [what, ink, paper] of pairs) {
        assert.ok(contrast(ink, paper) >= 4.5, `${scheme} ${what}: ${ink} on ${paper}`);
      }
      papers.add(await page.$eval("body", (body) => getComputedStyle(body).backgroundColor));
    });
  }
  assert.equal(papers.size, 2);
});

/** The contrast of two colours, by the Web Content Accessibility Guidelines. */
function contrast(...colours) {
  const light = (colour) => {
    const [red, green, blue] = colour.match(/[\d.]+/g).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [less, more] = colours.map(light).sort((a, b) => a - b);
  return (more + 0.05) / (less + 0.05);
}

test("the browser lets nothing out", async () => {
  const page = await browser.newPage();
  await page.goto(address);
  const blocked = await page.evaluate(async () => {
    const sent = [fetch("https://example.com/"), fetch("data:text/plain,x")];
    return (await Promise.allSettled(sent)).map(({ status }) => status);
  });
  assert.deepEqual(blocked, ["rejected", "rejected"]);
  await page.close();
});
