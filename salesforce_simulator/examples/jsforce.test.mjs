// Code that uses jsforce, tested against a simulated org with Node's own test runner.
//
//   pip install salesforce-simulator
//   npm install jsforce
//   node --test jsforce.test.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import jsforce from "jsforce";

let simulator, org, connection;

before(async () => {
  const options = ["--company", "--port", "0", "--json", "--fault", "Status=503,path=*/query*,nth=3"];
  simulator = spawn("salesforce-simulator", options, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: simulator.stdout }), "line");
  org = JSON.parse(line);
  const { url: loginUrl, client_id: clientId, client_secret: clientSecret } = org;
  connection = new jsforce.Connection({ oauth2: { loginUrl, clientId, clientSecret } });
  await connection.authorize({ grant_type: "client_credentials" });
});

after(() => simulator.kill());

// The code under test.
async function contactsOf(connection, industry) {
  const found = await connection.query(`SELECT Name FROM Contact WHERE Account.Industry = '${industry}'`);
  return found.records.map((record) => record.Name);
}

test("contacts of an industry", async () => {
  const contacts = await contactsOf(connection, "Banking");
  assert.ok(contacts.length > 0);
});

test("an industry without accounts", async () => {
  assert.deepEqual(await contactsOf(connection, "Nothing"), []);
});

test("a server that is down for a moment: jsforce asks again", async () => {
  const contacts = await contactsOf(connection, "Banking");
  assert.ok(contacts.length > 0);
  const ledger = await (await fetch(`${org.url}/_simulator/ledger`)).json();
  assert.equal(ledger.byStatus["503"], 1);
});
