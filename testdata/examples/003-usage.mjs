// "Usage Example".
import assert from 'node:assert/strict';
import axios from 'axios';

// What the document leaves to its reader. An axios that is set up to give the answer's body, as the example takes it, with
// the service's address and a token; the chunks of a file; and how a chunk is sent.
axios.defaults.baseURL = process.env.SERVER;
axios.defaults.headers.common.Authorization = `Bearer ${process.env.TOKEN}`;
const answers = [];
axios.interceptors.response.use(({ status, data }) => {
  answers.push({ status, data });
  return data;
});
const chunks = [new Uint8Array(5 << 20).fill(97), new Uint8Array(1000).fill(98)];
async function uploadChunkToS3(url, chunk) {
  const put = await fetch(url, { method: 'PUT', body: chunk });
  assert.equal(put.status, 200);
  return put.headers.get('ETag');
}

// The document's.
// Start multipart upload
const { uploadId, assetId } = await axios.get('/s3/start-upload', {
  params: { workspaceId: '123', fileType: 'image/jpeg' }
})

// Upload chunks
const parts = []
for (let i = 0; i < chunks.length; i++) {
  const { url } = await axios.get('/s3/get-upload-url', {
    params: {
      PartNumber: i + 1,
      UploadId: uploadId,
      assetId: assetId,
      workspaceId: '123'
    }
  })
  
  const etag = await uploadChunkToS3(url, chunks[i])
  parts.push({ ETag: etag, PartNumber: i + 1 })
}

// Complete upload
await axios.post('/s3/complete-upload', {
  uploadId,
  assetId,
  workspaceId: '123',
  parts
})
// End of the document's.

assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, 200]);
const [start, first, second, complete] = answers.map((a) => a.data);
assert.deepEqual(Object.keys(start).sort(), ['assetId', 'uploadId']);
for (const part of [first, second]) {
  assert.deepEqual(Object.keys(part).sort(), ['expiresIn', 'url']);
  assert.equal(part.expiresIn, 3600);
}
assert.equal(complete.success, true);
assert.equal(complete.key, `123/digital_assets/${assetId}`);
assert.match(complete.location, new RegExp(`^s3://[^/]+/(.*/)?${complete.key}$`));
const stored = await axios.get('/s3/download', { params: { key: complete.key, workspaceId: '123' }, responseType: 'arraybuffer' });
assert.ok(Buffer.concat(chunks).equals(stored));

const refused = async (status, code, request) => {
  const { response } = await request.then(() => assert.fail('it was taken'), (error) => error);
  assert.equal(response.status, status);
  assert.deepEqual(Object.keys(response.data).sort(), ['code', 'error']);
  assert.equal(response.data.code, code);
};
await refused(400, 'MISSING_PARAMETER', axios.get('/s3/start-upload', { params: { workspaceId: '123' } }));
await refused(404, 'INVALID_UPLOAD_ID', axios.post('/s3/complete-upload', {
  uploadId: 'multipart-upload-id', assetId: 'asset-id', workspaceId: 'workspace-id', parts: [{ ETag: 'part-etag', PartNumber: 1 }],
}));
await refused(401, 'UNAUTHORIZED', axios.get('/s3/start-upload', {
  params: { workspaceId: '123', fileType: 'image/jpeg' }, headers: { Authorization: 'Bearer wrong' },
}));
