// "Complete Upload Example".
import assert from 'node:assert/strict';

// What the page gives: its file input, and the session's token.
const userClerkToken = process.env.TOKEN;
const photo = new File(['a face'], 'avatar.jpg', { type: 'image/jpeg' });
const document = { getElementById: (id) => ({ profileImage: { files: [photo] } })[id] };

// What is looked at afterwards: every answer.
const statuses = [];
const send = fetch;
globalThis.fetch = async (...request) => {
  const answer = await send(...request);
  statuses.push(answer.status);
  return answer;
};

// The document's.
async function uploadProfileImage(file, clerkToken) {
  try {
    // Step 1: Get pre-signed URL
    const urlResponse = await fetch(
      'https://api.gitfolio.in/api/v1/s3/generatePreSignedURL',
      {
        method: 'POST',
        headers: {
          'Authorization': `Bearer ${clerkToken}`,
          'Content-Type': 'application/json'
        },
        body: JSON.stringify({
          type: 'profile',
          filename: file.name
        })
      }
    );

    const { status, data, message } = await urlResponse.json();
    
    if (status !== 'success') {
      throw new Error(message);
    }

    // Step 2: Upload file to S3
    const uploadResponse = await fetch(data.uploadURL, {
      method: 'PUT',
      body: file,
      headers: {
        'Content-Type': file.type
      }
    });

    if (!uploadResponse.ok) {
      throw new Error('Failed to upload file to S3');
    }

    // Step 3: Return the permanent file URL
    return data.fileURL;
    
  } catch (error) {
    console.error('Upload failed:', error);
    throw error;
  }
}

// Usage
const fileInput = document.getElementById('profileImage');
const file = fileInput.files[0];

const imageUrl = await uploadProfileImage(file, userClerkToken);
console.log('Image uploaded:', imageUrl);

// Update user profile with new image URL
await fetch('https://api.gitfolio.in/api/v1/dashboard/user/update', {
  method: 'POST',
  headers: {
    'Authorization': `Bearer ${userClerkToken}`,
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    profileImg: imageUrl
  })
});
// End of the document's.

assert.deepEqual(statuses, [200, 200, 200]);
assert.equal(await (await fetch(imageUrl)).text(), 'a face');
await assert.rejects(uploadProfileImage(file, 'wrong'), { message: 'Missing or invalid token' });
await assert.rejects(uploadProfileImage(new File(['a face'], '', { type: 'image/jpeg' }), userClerkToken), {
  message: 'Type and filename are required',
});
// The type that the PUT has is that of the name, as it is in a browser.
await assert.rejects(uploadProfileImage(new File(['a page'], 'avatar.jpg', { type: 'text/html' }), userClerkToken), {
  message: 'Failed to upload file to S3',
});
