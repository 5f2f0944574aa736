# "Upload Flow": the document has no code, but the parameters, the steps and the fields of the answers.

presigned_post() {
	curl -G "$SERVER/api/s3/presigned-post" -H "X-API-KEY: $TOKEN" -H "X-BUSINESS-ID: b1" -H "X-USER-ID: dev" \
		--data-urlencode "contenttype=$1" --data-urlencode "filename=$2" --data-urlencode "source=$3"
}
answers 200 '
	(.url | test("^https?://")) and (.s3object_id | test("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))
	and .max_file_size == 104857600 and (.expires_at | fromdateiso8601 - now | . > 270 and . <= 301)
	and (.fields | type) == "object" and (.key | type) == "string"' presigned_post application/pdf updated-resume.pdf smart_connector_import
uuid=$(field .s3object_id) key=$(field .key)

# "include file as last field"
printf '%%PDF-1.7 a resume' >updated-resume.pdf
post() {
	local form=() pair
	while IFS= read -r pair; do form+=(--form-string "$pair"); done < <(jq -r '.fields | to_entries[] | "\(.key)=\(.value)"' <<<"$answer")
	curl "${form[@]}" -F "file=@$1" "$(field .url)"
}
form=$answer
bytes 204 '' post updated-resume.pdf
etag=$(header etag)

success() {
	curl -X POST "$SERVER/api/s3/success?source=SMART_CONNECTOR_IMPORT" \
		-H "X-API-KEY: $TOKEN" -H "X-BUSINESS-ID: b1" -H "X-USER-ID: dev" -H 'Content-Type: application/json' \
		-d "$(jq -n --arg uuid "$uuid" --arg key "$key" --arg etag "$1" \
			'{$uuid, $key, name: "updated-resume.pdf", is_public: false, $etag, business_id: "b1"}')"
}
answers 200 '
	.id == "'"$uuid"'" and (.created | fromdateiso8601 > 0) and .key == "'"$key"'" and .name == "updated-resume.pdf"
	and (.url | test("^https?://")) and (.thumbnail_url | test("^https?://")) and .size_bytes == 17 and (.size_formatted | type) == "string"
	and .content_type == "application/pdf" and .is_public == false and .common_key == null and .is_common == false
	and (keys - ["id", "created", "key", "name", "url", "thumbnail_url", "size_bytes", "size_formatted", "content_type", "is_public", "common_key", "is_common"]) == []' \
	success "$etag"
view() { curl "$(field .url)"; }
bytes 200 '%PDF-1.7 a resume' view

# Every value that is allowed, and the document's other types.
for source in field_value form_field_value activity_field_value automation_value employee_import record_import meta_import \
	smart_connector_import knowledge_source public_image third_party_image; do
	answers 200 '.fields | type == "object"' presigned_post application/json f "$source"
done
for type in text/plain image/png; do answers 200 '.fields | type == "object"' presigned_post "$type" f field_value; done

# The document shows no errors.
detail='keys == ["detail"] and (.detail | type) == "string"'
answers 400 "$detail" success 00000000000000000000000000000000
answers 400 "$detail" presigned_post application/pdf updated-resume.pdf another
answers 400 "$detail" presigned_post application/pdf '' field_value
TOKEN=wrong answers 401 "$detail" presigned_post application/pdf updated-resume.pdf field_value
SERVER=$BROKEN TOKEN=$BROKEN_TOKEN answers 500 "$detail" presigned_post application/pdf updated-resume.pdf field_value
# max_file_size is in the form's policy.
answer=$form
head -c 104857601 /dev/zero >large
post_large() { post large; }
bytes 400 - post_large
