// "Manual Upload (without helper library)".
import assert from 'node:assert/strict';

// What the page gives: its app, its token, and a file.
const appGuid = 'demo';
const token = process.env.TOKEN;
const file = new File(['a photo'], 'photo.jpg', { type: 'image/jpeg' });

// What is looked at afterwards: every answer.
const statuses = [];
const send = fetch;
globalThis.fetch = async (...request) => {
  const answer = await send(...request);
  statuses.push(answer.status);
  return answer;
};

// The document's.
// 1. Init
const init = await fetch(`https://a.gipity.ai/api/${appGuid}/uploads/init`, {
method: 'POST',
headers: { 'X-App-Token': token, 'Content-Type': 'application/json' },
body: JSON.stringify({
filename: file.name,
content_type: file.type,
size: file.size,
}),
}).then(r => r.json());
// 2. Upload to S3
await fetch(init.data.url, {
method: 'PUT',
headers: { 'Content-Type': file.type },
body: file,
});
// 3. Complete
const result = await fetch(`https://a.gipity.ai/api/${appGuid}/uploads/complete`, {
method: 'POST',
headers: { 'X-App-Token': token, 'Content-Type': 'application/json' },
body: JSON.stringify({ upload_guid: init.data.upload_guid }),
}).then(r => r.json());
console.log(result.data.url); // permanent file URL
// End of the document's.

assert.deepEqual(statuses, [200, 200, 200]);
assert.equal(init.data.method, 'PUT');
assert.deepEqual(init.data.headers, { 'Content-Type': 'image/jpeg' });
assert.equal(init.data.expires_in, 600);
const { url, guid, ...record } = result.data;
assert.equal(guid, init.data.upload_guid);
assert.deepEqual(record, {
  name: 'photo.jpg', size: 7, content_type: 'image/jpeg', width: null, height: null,
  is_public: false, table: null, record_id: null, variants: [],
});
assert.equal(await (await send(url)).text(), 'a photo');
