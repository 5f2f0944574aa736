# The requests and answers of "Endpoints", which the document has as lines such as
# GET /s3/start-upload?workspaceId=123&fileType=image/jpeg, with the Bearer header that it leaves out.

call() {
	local method=$1 path=$2
	shift 2
	curl -X "$method" -H "Authorization: Bearer $TOKEN" "$SERVER$path" "$@"
}
error='keys == ["code", "error"] and (.error | type) == "string" and .code =='

if [[ $STORE == minio ]]; then
	# It keeps no CORS rules.
	answers 501 "$error \"S3_ERROR\"" call POST /s3/updateBucketConfig
else
	answers 200 '. == {"success": true}' call POST /s3/updateBucketConfig
	answers 200 '. == {"CORSRules": [{
		"AllowedMethods": ["GET", "POST", "PUT", "DELETE"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"], "ExposeHeaders": ["ETAG"]
	}]}' call GET /s3/getBucketConfig
fi

answers 200 'keys == ["assetId", "uploadId"] and all(.[]; type == "string")' call GET '/s3/start-upload?workspaceId=123&fileType=image/jpeg'
upload=$(field .uploadId) asset=$(field .assetId)
example='/s3/get-upload-url?PartNumber=1&UploadId=xxx&assetId=yyy&workspaceId=123'
answers 404 "$error \"INVALID_UPLOAD_ID\"" call GET "$example" # there is no upload xxx
signed=${example/xxx/$(jq -rn --arg v "$upload" '$v | @uri')}
answers 200 'keys == ["expiresIn", "url"] and (.url | type) == "string" and .expiresIn == 3600' call GET "${signed/yyy/$asset}"
put() { curl -X PUT --data-binary 'a photo' -H 'Content-Type:' "$(field .url)"; }
bytes 200 '' put
etag=$(header etag)

complete() {
	call POST /s3/complete-upload -H 'Content-Type: application/json' -d '{
  "uploadId": "'"$1"'",
  "assetId": "'"$asset"'",
  "workspaceId": "123",
  "parts": [
    {
      "ETag": '"$(jq -n --arg v "$etag" '$v')"',
      "PartNumber": 1
    }
  ]
}'
}
answers 404 "$error \"INVALID_UPLOAD_ID\"" complete multipart-upload-id
answers 200 '
	keys == ["key", "location", "success"] and .success == true and .key == "123/digital_assets/'"$asset"'"
	and (.location | startswith("s3://")) and (.location | endswith("/123/digital_assets/'"$asset"'"))' complete "$upload"
key=$(field .key)

download="/s3/download?key=$key&workspaceId=123"
bytes 200 'a photo' call GET "$download"
[[ $(header content-type) == image/jpeg ]]
# The example's key is of another workspace than its workspaceId, and "File keys are workspace-scoped".
answers 403 "$error \"FORBIDDEN\"" call GET '/s3/download?key=workspace/digital_assets/file.jpg&workspaceId=123'
answers 200 '. == {"success": true}' call DELETE "/s3/delete?key=$key&workspaceId=123"
answers 404 "$error \"NOT_FOUND\"" call GET "$download"

# "Required parameter missing"
answers 400 "$error \"MISSING_PARAMETER\"" call GET '/s3/start-upload?fileType=image/jpeg'
answers 400 "$error \"MISSING_PARAMETER\"" call GET '/s3/start-upload?workspaceId=123'
for name in PartNumber UploadId assetId workspaceId; do
	answers 400 "$error \"MISSING_PARAMETER\"" call GET "${example/$name=/x=}"
done
answers 400 "$error \"MISSING_PARAMETER\"" call POST /s3/complete-upload -H 'Content-Type: application/json' -d '{}'
answers 400 "$error \"MISSING_PARAMETER\"" call GET '/s3/download?workspaceId=123'
answers 400 "$error \"MISSING_PARAMETER\"" call DELETE '/s3/delete?key=k'
TOKEN=wrong answers 401 "$error \"UNAUTHORIZED\"" call GET '/s3/start-upload?workspaceId=123&fileType=image/jpeg'
SERVER=$BROKEN TOKEN=$BROKEN_TOKEN answers 500 "$error \"S3_ERROR\"" call GET '/s3/start-upload?workspaceId=123&fileType=image/jpeg'
