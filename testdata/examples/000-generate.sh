# "Example Request", "Success Response" and "Error Responses".

example() {
# The document's.
curl -X POST https://api.gitfolio.in/api/v1/s3/generatePreSignedURL \
  -H "Authorization: Bearer your_clerk_token" \
  -H "Content-Type: application/json" \
  -d '{
    "type": "profile",
    "filename": "avatar.jpg"
  }'
# End of the document's.
}

answers 200 '
	keys == ["data", "message", "status"] and .status == "success" and .message == "PreSigned URL Generated"
	and (.data | keys) == ["expiresIn", "fileURL", "key", "uploadURL"]
	and .data.key == "users/dev/profile/avatar.jpg" and .data.expiresIn == 300
	and (.data.uploadURL | contains("/users/dev/profile/avatar.jpg?") and contains("X-Amz-Algorithm=AWS4-HMAC-SHA256") and contains("X-Amz-Credential="))
	and (.data.fileURL | endswith("/users/dev/profile/avatar.jpg"))' example

TOKEN=wrong answers 401 '. == {"message": "Missing or invalid token"}' example
missing() {
	curl -X POST "$SERVER/api/v1/s3/generatePreSignedURL" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d "$1"
}
for body in '{}' '{"type": "profile"}' '{"filename": "avatar.jpg"}'; do
	answers 400 '. == {"status": "error", "message": "Type and filename are required"}' missing "$body"
done
SERVER=$BROKEN TOKEN=$BROKEN_TOKEN answers 500 '. == {"status": "error", "message": "Error Generating Url"}' example
