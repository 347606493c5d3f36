// The audits of graphql-http against one server. Usage: node audit.mjs URL
// Each line is a finding: its id, a tab, what it says.
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
const counts = {};
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const result = await audit.fn();
  counts[result.status] = (counts[result.status] ?? 0) + 1;
  if (result.status !== 'ok') {
    console.log(`FINDING\t${result.status}-${result.id}\t${result.name}: ${result.reason}`);
  }
}
console.log(`SUMMARY\t${JSON.stringify(counts)}`);
