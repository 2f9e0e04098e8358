// Does with an org what the test beside it checks; prints what it saw as one line of JSON.
// Arguments: login URL, user name, password with security token, client id, client secret.
const jsforce = require("jsforce");

const VERSION = "62.0";

function collected(stream) {
  return new Promise((resolve, reject) => {
    const records = [];
    stream.on("record", (record) => records.push(record));
    stream.on("end", () => resolve(records));
    stream.on("error", reject);
  });
}

async function main(loginUrl, username, password, clientId, clientSecret) {
  const seen = {};
  const connection = new jsforce.Connection({ loginUrl, version: VERSION });
  const user = await connection.login(username, password);
  seen.organization = user.organizationId;
  seen.objects = (await connection.describeGlobal()).sobjects.map((sobject) => sobject.name);
  const account = connection.sobject("Account");
  seen.fields = (await account.describe()).fields.map((field) => field.name);
  const query = connection.query("SELECT Id, Name, Owner.Name FROM Contact");
  const pages = collected(query);
  query.run({ autoFetch: true, maxFetch: 100000 });
  seen.queried = (await pages).map((record) => record.Id);
  for (const name of ["bulk2", "bulk"]) {
    connection[name].pollInterval = 50;
    connection[name].pollTimeout = 20000;
    const stream = await connection[name].query("SELECT Id, Name, CreatedDate FROM Contact");
    seen[name] = (await collected(stream)).map((record) => record.Id);
  }
  const created = await account.create({ Name: "made by a client" });
  seen.name = (await account.retrieve(created.id)).Name;
  await account.destroy(created.id);
  const now = Date.now();
  const deleted = await account.deleted(new Date(now - 60000), new Date(now + 120000));
  seen.deleted = deleted.deletedRecords.map((record) => record.id).includes(created.id);
  seen.username = (await connection.identity()).username;
  try {
    await connection.query("SELECT Nope FROM Account");
  } catch (error) {
    seen.error = error.errorCode;
  }
  await connection.logout();
  const oauth2 = { loginUrl, clientId, clientSecret };
  const second = new jsforce.Connection({ oauth2, version: VERSION });
  await second.authorize({ grant_type: "client_credentials" });
  seen.count = (await second.query("SELECT COUNT() FROM Contact")).totalSize;
  console.log(JSON.stringify(seen));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
