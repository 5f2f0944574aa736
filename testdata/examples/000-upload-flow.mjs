// "Upload Flow": steps 1 and 2.
import assert from 'node:assert/strict';

// What the page gives: its file input, the session's token, and how it saves a profile.
const clerkToken = process.env.TOKEN;
const photo = new File(['a face'], 'avatar.jpg', { type: 'image/jpeg' });
const document = { getElementById: (id) => ({ fileInput: { files: [photo] } })[id] };
const saved = [];
const updateUserProfile = async (profile) => saved.push(profile);

// The document's.
const response = await fetch('https://api.gitfolio.in/api/v1/s3/generatePreSignedURL', {
  method: 'POST',
  headers: {
    'Authorization': `Bearer ${clerkToken}`,
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    type: 'profile',
    filename: 'avatar.jpg'
  })
});

const { data } = await response.json();
const { uploadURL, fileURL } = data;
const file = document.getElementById('fileInput').files[0];

const uploadResponse = await fetch(uploadURL, {
  method: 'PUT',
  body: file,
  headers: {
    'Content-Type': file.type
  }
});

if (uploadResponse.ok) {
  console.log('File uploaded successfully!');
  console.log('File accessible at:', fileURL);
  
  // Save fileURL to user profile
  await updateUserProfile({ profileImg: fileURL });
}
// End of the document's.

assert.equal(response.status, 200);
assert.equal(uploadResponse.status, 200);
assert.deepEqual(saved, [{ profileImg: fileURL }]);
const stored = await fetch(fileURL); // "Anyone with the URL can view the file"
assert.equal(stored.headers.get('content-type'), 'image/jpeg');
assert.equal(await stored.text(), 'a face');
