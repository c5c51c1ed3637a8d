// Run a replay's script on a page of empty elements, press keys, and print what is shown after
// each. Arguments: the page, the address's fragment, the keys as JSON.
const [file, hash, keys] = process.argv.slice(2);
const page = require("fs").readFileSync(file, "utf8");
const inside = (start, end) => page.split(start)[1].split(end)[0];
const elements = {}, heard = {};
const element = (id) => elements[id] ??= {
  id, textContent: "", innerHTML: "", value: 4, addEventListener: () => {} };
element("record").textContent =
  inside('<script type="application/json" id="record">', "</script>");
global.document = { getElementById: element, addEventListener: (name, act) => heard[name] = act };
global.window = { addEventListener: () => {} };
global.location = { hash, replace: (address) => { location.hash = address; } };
const timers = [];
global.setInterval = (act) => timers.push(act);
global.clearInterval = () => { timers.length = 0; };
global.setTimeout = () => 0;
(0, eval)(inside("<script>\n", "</script>"));
const shown = () => Object.fromEntries(
  Object.values(elements).map(({ id, textContent, innerHTML }) => [id, textContent + innerHTML]));
const seen = [shown()];
for (const key of JSON.parse(keys)) {
  if (key === "tick") timers.forEach((act) => act());
  else heard.keydown({ key, target: { tagName: "BODY" }, preventDefault: () => {} });
  seen.push(shown());
}
console.log(JSON.stringify(seen.map(({ record, ...rest }) => rest)));
