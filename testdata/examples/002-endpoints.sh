# The requests and answers of "Endpoints", which the document has as routes and JSON, with each of
# its three kinds of credentials.

init() {
	curl -X POST "$SERVER/api/demo/uploads/init" -H "X-App-Token: $TOKEN" -H 'Content-Type: application/json' -d '
{
"filename": "photo.jpg",
"content_type": "image/jpeg",
"size": 2048576,
"public": false,
"table": "incidents",
"record_id": "42",
"path": "/uploads"
}'
}
answers 200 '
	keys == ["data"] and (.data | keys) == ["expires_in", "headers", "method", "upload_guid", "url"]
	and (.data.upload_guid | startswith("fl_")) and .data.method == "PUT" and (.data.url | type) == "string"
	and .data.headers == {"Content-Type": "image/jpeg"} and .data.expires_in == 600' init
guid=$(field .data.upload_guid)
head -c 2048576 /dev/zero >photo.jpg
put() { curl -X PUT -H 'Content-Type: image/jpeg' -T photo.jpg "$(field .data.url)"; }
bytes 200 '' put

complete() {
	curl -X POST "$SERVER/api/demo/uploads/complete" -H "X-Api-Key: $TOKEN" -H 'Content-Type: application/json' -d "{\"upload_guid\": \"$guid\"}"
}
# There are no variants: then neither a width nor a height is known.
record=". == {
	\"guid\": \"$guid\", \"name\": \"photo.jpg\", \"size\": 2048576, \"content_type\": \"image/jpeg\", \"width\": null, \"height\": null,
	\"url\": .url, \"is_public\": false, \"table\": \"incidents\", \"record_id\": \"42\", \"variants\": []
} and (.url | test(\"^https?://\"))"
answers 200 ".data | $record" complete

list() { curl -H "Cookie: session=$TOKEN" "$SERVER/api/demo/files?table=incidents&record_id=42&path=/uploads&limit=200&offset=${1-0}"; }
answers 200 ".data | length == 1 and (.[0] | $record)" list
answers 200 '.data == []' list 1
file() { curl -H "X-App-Token: $TOKEN" "$SERVER/api/demo/files/$guid$1"; }
answers 200 ".data | $record" file ''
bytes 302 '' file /content
answers 404 '.error.code == "NOT_FOUND" and (.error.message | type) == "string"' file /variants/thumbnail
content() { curl -L -H "X-App-Token: $TOKEN" -o content "$SERVER/api/demo/files/$guid/content"; }
bytes 200 '' content
cmp content photo.jpg

# From 5 GB on in parts; what this sends of them is the document's example, and no part of the file.
multipart() {
	curl -X POST "$SERVER/api/demo/uploads/init" -H "X-App-Token: $TOKEN" -H 'Content-Type: application/json' \
		-d '{"filename": "film.mp4", "content_type": "video/mp4", "size": 5368709120}'
}
answers 200 '
	(.data | keys) == ["expires_in", "method", "part_size", "parts", "upload_guid", "upload_id"]
	and .data.method == "multipart" and (.data.upload_id | type) == "string" and .data.part_size == 104857600 and .data.expires_in == 600
	and [.data.parts[].partNumber] == [range(1; 53)] and all(.data.parts[]; keys == ["partNumber", "url"] and (.url | type) == "string")' multipart
guid=$(field .data.upload_guid)
wrong_parts() {
	curl -X POST "$SERVER/api/demo/uploads/complete" -H "X-App-Token: $TOKEN" -H 'Content-Type: application/json' -d '
{
"upload_guid": "'"$guid"'",
"parts": [
{ "part_number": 1, "etag": "\"abc123\"" },
{ "part_number": 2, "etag": "\"def456\"" }
]
}'
}
answers 400 '.error.code == "INVALID_PART"' wrong_parts

# The whole of the 5 GB, where there is the time and the room for it.
if [[ ${HOIST_TEST_LARGE-} ]]; then
	answers 200 '.data.method == "multipart"' multipart
	multipart=$answer guid=$(field .data.upload_guid)
	head -c 104857600 /dev/zero >part
	: >parts
	for ((number = 1; number <= 52; number++)); do
		((number < 52)) || head -c 20971520 /dev/zero >part # what is left of it
		put_part() { curl -X PUT -H 'Content-Type:' -T part "$(jq -r ".data.parts[$number - 1].url" <<<"$multipart")"; }
		bytes 200 '' put_part
		jq -n --argjson part_number "$number" --arg etag "$(header etag)" '{$part_number, $etag}' >>parts
	done
	whole() {
		jq -n --arg upload_guid "$guid" --slurpfile parts parts '{$upload_guid, $parts}' |
			curl -X POST "$SERVER/api/demo/uploads/complete" -H "X-App-Token: $TOKEN" -H 'Content-Type: application/json' -d @-
	}
	answers 200 ".data | .guid == \"$guid\" and .name == \"film.mp4\" and .size == 5368709120 and .content_type == \"video/mp4\"" whole
fi

# The document shows no errors, and states limits.
larger() {
	curl -X POST "$SERVER/api/demo/uploads/init" -H "X-App-Token: $TOKEN" -H 'Content-Type: application/json' \
		-d '{"filename": "film.mp4", "content_type": "video/mp4", "size": 32212254721}'
}
answers 413 '.error | (.code | type) == "string" and (.message | type) == "string"' larger
TOKEN=wrong answers 401 '.error.code == "UNAUTHORIZED"' init
SERVER=$BROKEN TOKEN=$BROKEN_TOKEN answers 500 '.error.code == "S3_ERROR"' init
