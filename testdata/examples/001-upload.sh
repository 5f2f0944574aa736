# The curl example, its answer, and the document's three errors.

example() {
# The document's.
curl -X POST "//v1/upload/s3" \
-H "Content-Type: application/json" \
-H "Authorization: Bearer YOUR_API_TOKEN (API Key)" \
-d '{
"filename": "John Doe",
"contentType": "example_string",
"size": 42
}'
# End of the document's.
}

answers 200 'keys == ["fileKey", "publicUrl", "uploadUrl"] and all(.[]; type == "string") and (.fileKey | endswith("/John Doe"))' example
sent=$(printf '%042d' 0)
put() { curl -X PUT -H "Content-Type: example_string" --data-binary "$sent" "$(field .uploadUrl)"; }
bytes 200 '' put
read_back() { curl -L "$(field .publicUrl)"; }
bytes 200 "$sent" read_back

TOKEN=wrong answers 401 '. == {
	"error": "Unauthorized", "message": "Authentication required. Please provide a valid API token", "code": 401
}' example
invalid() {
	curl -X POST "$SERVER/v1/upload/s3" -H "Content-Type: application/json" -H "Authorization: Bearer $TOKEN" -d '{"filename": "John Doe", "size": 42}'
}
answers 400 '. == {
	"error": "Bad Request", "message": "The request contains invalid parameters or malformed data", "code": 400,
	"details": [{"field": "contentType", "message": "contentType is required"}]
}' invalid
SERVER=$BROKEN TOKEN=$BROKEN_TOKEN answers 500 '
	(.requestId | type) == "string" and del(.requestId) == {
		"error": "Internal Server Error", "message": "An unexpected error occurred on the server", "code": 500
	}' example
