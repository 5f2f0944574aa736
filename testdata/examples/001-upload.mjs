import assert from 'node:assert/strict';

// The document's.
const response = await fetch("//v1/upload/s3", {
method: "POST",
headers: {
"Content-Type": "application/json",
"Authorization": "Bearer YOUR_API_TOKEN (API Key)"
},
body: JSON.stringify({
"filename": "John Doe",
"contentType": "example_string",
"size": 42
})
});
const data = await response.json();
console.log(data);
// End of the document's.

assert.equal(response.status, 200);
assert.deepEqual(Object.keys(data).sort(), ['fileKey', 'publicUrl', 'uploadUrl']);
const content = 'x'.repeat(42);
const put = await fetch(data.uploadUrl, { method: 'PUT', headers: { 'Content-Type': 'example_string' }, body: content });
assert.equal(put.status, 200);
assert.equal(await (await fetch(data.publicUrl)).text(), content);
