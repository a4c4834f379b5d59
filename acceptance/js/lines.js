// Reads what Node's test runner says (TAP) and prints a line per test, with
// what went wrong below it; writes the sum to the file that is named.
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const sum = { passed: 0, failed: 0, skipped: 0 };
let result = null; // the result whose details are being read
let inDetails = false;

for await (const line of createInterface({ input: process.stdin })) {
  const m = /^\s*(ok|not ok) \d+ - (.*?)(?: # SKIP ?(.*))?$/.exec(line);
  if (m) {
    report(result);
    result = { ok: m[1] === "ok", name: m[2], skipped: m[3], details: [] };
  } else if (/^\s*---$/.test(line)) inDetails = true;
  else if (/^\s*\.\.\.$/.test(line)) inDetails = false;
  else if (inDetails && result) result.details.push(line);
}
report(result);
writeFileSync(process.argv[2], `${sum.passed} ${sum.failed} ${sum.skipped}\n`);

function report(r) {
  if (!r) return;
  const text = r.details.join("\n");
  // A group of tests is a result too. It counts only when it fails by itself.
  if (/^\s*type: '(suite|file)'/m.test(text) && (r.ok || /failureType: 'subtestsFailed'/.test(text))) return;
  const time = /duration_ms: ([\d.]+)/.exec(text);
  const took = time ? ` (${(time[1] / 1000).toFixed(1)}s)` : "";
  if (r.skipped !== undefined) {
    sum.skipped++;
    console.log(`SKIPPED ${r.name}: ${r.skipped}`);
  } else if (r.ok) {
    sum.passed++;
    console.log(`ok   ${r.name}${took}`);
  } else {
    sum.failed++;
    console.log(`FAIL ${r.name}${took}`);
    for (const line of r.details.slice(0, 40)) console.log("       " + line);
  }
}
