// "Common Use Cases".
import assert from 'node:assert/strict';

// What the page gives: its files; the upload of the document's own flow, for any type; and how
// it saves what comes back, for which the document has no routes.
const avatarFile = new File(['a face'], 'a.jpg', { type: 'image/jpeg' });
const screenshot = new File(['a screen'], 's.png', { type: 'image/png' });
const logo = new File(['a logo'], 'l.png', { type: 'image/png' });
const repoId = 1, expId = 2, eduId = 3;
const saved = [];
const updateProfile = async (profile) => saved.push(profile.profileImg);
const updateRepo = async (id, repo) => saved.push(repo.thumbnail);
const updateExperience = async (id, experience) => saved.push(experience.logo);
const updateEducation = async (id, education) => saved.push(education.logo);
async function uploadFile(file, type, filename) {
  const answer = await fetch('https://api.gitfolio.in/api/v1/s3/generatePreSignedURL', {
    method: 'POST',
    headers: { 'Authorization': `Bearer ${process.env.TOKEN}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ type, filename }),
  });
  const { data } = await answer.json();
  const put = await fetch(data.uploadURL, { method: 'PUT', body: file, headers: { 'Content-Type': file.type } });
  assert.equal(put.status, 200);
  assert.equal(data.key, `users/dev/${type}/${filename}`);
  return data.fileURL;
}

// The document's, in a block for each of them.
{
// Upload profile avatar
const profileUrl = await uploadFile(avatarFile, 'profile', 'avatar.jpg');
await updateProfile({ profileImg: profileUrl });
}
{
// Upload project screenshot
const thumbUrl = await uploadFile(screenshot, 'repo', 'project-thumb.png');
await updateRepo(repoId, { thumbnail: thumbUrl });
}
{
// Upload company logo for experience
const logoUrl = await uploadFile(logo, 'company', 'techcorp-logo.png');
await updateExperience(expId, { logo: logoUrl });
}
{
// Upload school logo for education
const logoUrl = await uploadFile(logo, 'institution', 'stanford-logo.png');
await updateEducation(eduId, { logo: logoUrl });
}
// End of the document's.

const stored = await Promise.all(saved.map(async (url) => (await fetch(url)).text()));
assert.deepEqual(stored, ['a face', 'a screen', 'a logo', 'a logo']);
