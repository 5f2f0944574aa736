package broker_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/broker"
	"github.com/hoist-cli/hoist/internal/s3"
)

// These are the examples of the documents, as requests, with the answers that they show.

func TestGitfolio(t *testing.T) { eachStore(t, testGitfolio) }

func testGitfolio(t *testing.T, store *s3.Store) {
	w := serve(t, store, nil)
	sign := w.url + "/api/v1/s3/generatePreSignedURL"

	got := want(t, do(t, "POST", sign, bearer(mine), object{"type": "profile", "filename": "avatar.jpg"}), 200)
	if got["status"] != "success" || got["message"] != "PreSigned URL Generated" ||
		at(t, got, "data", "key") != "users/user_123/profile/avatar.jpg" || at(t, got, "data", "expiresIn") != 300.0 {
		t.Errorf("%v", got)
	}
	body := []byte("\xff\xd8\xff a photo")
	if a := do(t, "PUT", text(t, got, "data", "uploadURL"), map[string]string{"Content-Type": "image/jpeg"}, body); a.status != 200 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	fileURL := text(t, got, "data", "fileURL")
	a := do(t, "GET", fileURL, nil, nil)
	if a.status != http.StatusFound {
		t.Fatalf("fileURL: %d %s", a.status, a.body)
	}
	if a = do(t, "GET", a.header.Get("Location"), nil, nil); a.status != 200 || !bytes.Equal(a.body, body) || a.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the file: %d %q %v", a.status, a.body, a.header)
	}
	got = want(t, do(t, "POST", w.url+"/api/v1/dashboard/user/update", bearer(mine), object{"profileImg": fileURL}), 200)
	if got["status"] != "success" || at(t, got, "data", "profileImg") != fileURL {
		t.Errorf("update: %v", got)
	}

	for _, tt := range []struct {
		name   string
		token  string
		body   any
		status int
		want   string
	}{
		{"no token", "", object{"type": "profile", "filename": "a.jpg"}, 401, `{"message":"Missing or invalid token"}`},
		{"wrong token", "nobody's", object{"type": "profile", "filename": "a.jpg"}, 401, `{"message":"Missing or invalid token"}`},
		{"no type", mine, object{"filename": "a.jpg"}, 400, `{"status":"error","message":"Type and filename are required"}`},
		{"no filename", mine, object{"type": "repo"}, 400, `{"status":"error","message":"Type and filename are required"}`},
		{"nothing", mine, object{}, 400, `{"status":"error","message":"Type and filename are required"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := do(t, "POST", sign, bearer(tt.token), tt.body)
			if a.status != tt.status || strings.TrimSpace(string(a.body)) != tt.want {
				t.Errorf("%d %s, want %d %s", a.status, a.body, tt.status, tt.want)
			}
		})
	}
}

func TestCtxfy(t *testing.T) { eachStore(t, testCtxfy) }

func testCtxfy(t *testing.T, store *s3.Store) {
	w := serve(t, store, nil)
	sign := w.url + "/v1/upload/s3"
	got := want(t, do(t, "POST", sign, bearer(mine), `{"filename": "John Doe", "contentType": "example_string", "size": 42}`), 200)
	body := bytes.Repeat([]byte("x"), 42)
	if a := do(t, "PUT", text(t, got, "uploadUrl"), map[string]string{"Content-Type": "example_string"}, body); a.status != 200 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	a := do(t, "GET", text(t, got, "publicUrl"), nil, nil)
	if a = do(t, "GET", a.header.Get("Location"), nil, nil); a.status != 200 || !bytes.Equal(a.body, body) {
		t.Errorf("publicUrl: %d %q", a.status, a.body)
	}
	if !strings.HasPrefix(text(t, got, "fileKey"), "ctxfy/user_123/") || len(got) != 3 {
		t.Errorf("%v", got)
	}

	for _, tt := range []struct {
		name   string
		token  string
		body   string
		status int
		want   object
	}{
		{"no token", "", `{}`, 401, object{"error": "Unauthorized", "message": "Authentication required. Please provide a valid API token", "code": 401.0}},
		{"all missing", mine, `{}`, 400, object{
			"error": "Bad Request", "message": "The request contains invalid parameters or malformed data", "code": 400.0,
			"details": []any{
				object{"field": "filename", "message": "filename is required"},
				object{"field": "contentType", "message": "contentType is required"},
				object{"field": "size", "message": "size is required"},
			},
		}},
		{"size of another type", mine, `{"filename":"a","contentType":"text/plain","size":"42"}`, 400, object{
			"error": "Bad Request", "message": "The request contains invalid parameters or malformed data", "code": 400.0,
			"details": []any{object{"field": "size", "message": "size must be of another type than string"}},
		}},
		{"no JSON", mine, `<html>`, 400, object{
			"error": "Bad Request", "message": "The request contains invalid parameters or malformed data", "code": 400.0,
			"details": []any{object{"field": "body", "message": "The body is not valid JSON"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := want(t, do(t, "POST", sign, bearer(tt.token), tt.body), tt.status)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func app(token string) map[string]string {
	return map[string]string{"X-App-Token": token, "Content-Type": "application/json"}
}

func TestGipity(t *testing.T) { eachStore(t, testGipity) }

func testGipity(t *testing.T, store *s3.Store) {
	w := serve(t, store, nil)
	api := w.url + "/api/APP"
	body := []byte("a photo of an incident")
	init := want(t, do(t, "POST", api+"/uploads/init", app(mine), object{
		"filename": "photo.jpg", "content_type": "image/jpeg", "size": len(body),
		"public": false, "table": "incidents", "record_id": "42", "path": "/uploads",
	}), 200)
	guid := text(t, init, "data", "upload_guid")
	if at(t, init, "data", "method") != "PUT" || at(t, init, "data", "expires_in") != 600.0 ||
		at(t, init, "data", "headers", "Content-Type") != "image/jpeg" || !strings.HasPrefix(guid, "fl_") {
		t.Errorf("%v", init)
	}
	complete := object{"upload_guid": guid}
	if a := do(t, "POST", api+"/uploads/complete", app(mine), complete); a.status != 409 {
		t.Errorf("complete before the upload: %d %s", a.status, a.body)
	}
	if got := want(t, do(t, "GET", api+"/files", app(mine), nil), 200); len(got["data"].([]any)) != 0 {
		t.Errorf("listed before it is complete: %v", got)
	}
	if a := do(t, "PUT", text(t, init, "data", "url"), map[string]string{"Content-Type": "image/jpeg"}, body); a.status != 200 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	done := want(t, do(t, "POST", api+"/uploads/complete", app(mine), complete), 200)
	record, _ := done["data"].(map[string]any)
	signed := text(t, record, "url")
	if a := do(t, "GET", signed, nil, nil); a.status != 200 || !bytes.Equal(a.body, body) {
		t.Errorf("url: %d %q", a.status, a.body)
	}
	shown := object{
		"guid": guid, "name": "photo.jpg", "size": float64(len(body)), "content_type": "image/jpeg", "width": nil, "height": nil,
		"is_public": false, "table": "incidents", "record_id": "42", "variants": []any{},
	}
	same := func(t *testing.T, got any) {
		t.Helper()
		m, _ := got.(map[string]any)
		text(t, m, "url")
		delete(m, "url")
		if diff := cmp.Diff(shown, m); diff != "" {
			t.Error(diff)
		}
	}
	same(t, record)
	same(t, want(t, do(t, "POST", api+"/uploads/complete", app(mine), complete), 200)["data"]) // a replay
	same(t, want(t, do(t, "GET", api+"/files/"+guid, app(mine), nil), 200)["data"])

	for query, n := range map[string]int{
		"": 1, "?table=incidents&record_id=42": 1, "?table=incidents": 1, "?path=/uploads": 1, "?path=/uploads&limit=200": 1,
		"?table=other": 0, "?record_id=4": 0, "?path=/": 0, "?offset=1": 0,
	} {
		got := want(t, do(t, "GET", api+"/files"+query, app(mine), nil), 200)
		list, _ := got["data"].([]any)
		if len(list) != n {
			t.Errorf("files%s: %v", query, got)
			continue
		}
		if n == 1 {
			same(t, list[0])
		}
	}
	a := do(t, "GET", api+"/files/"+guid+"/content", map[string]string{"X-Api-Key": mine}, nil)
	if a.status != 302 {
		t.Fatalf("content: %d %s", a.status, a.body)
	}
	if a = do(t, "GET", a.header.Get("Location"), nil, nil); a.status != 200 || !bytes.Equal(a.body, body) ||
		a.header.Get("Content-Disposition") != `inline; filename=photo.jpg` {
		t.Errorf("content: %d %q %v", a.status, a.body, a.header)
	}
	for _, path := range []string{"/files/" + guid + "/variants/thumbnail", "/files/fl_none", "/files/fl_none/content"} {
		if a := do(t, "GET", api+path, map[string]string{"Cookie": "sid=" + mine}, nil); a.status != 404 || text(t, a.json(t), "error", "code") != "NOT_FOUND" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := do(t, "GET", api+"/files", nil, nil); a.status != 401 || text(t, a.json(t), "error", "code") != "UNAUTHORIZED" {
		t.Errorf("without a token: %d %s", a.status, a.body)
	}
}

// From 5 GB on there are parts; what is sent here is not that much, and so is refused at the end.
func TestGipityMultipart(t *testing.T) { eachStore(t, testGipityMultipart) }

func testGipityMultipart(t *testing.T, store *s3.Store) {
	w := serve(t, store, nil)
	api := w.url + "/api/APP/uploads"
	start := func(size int64) answer {
		return do(t, "POST", api+"/init", app(mine), object{"filename": "film.mp4", "content_type": "video/mp4", "size": size})
	}
	if got := want(t, start(5<<30-1), 200); at(t, got, "data", "method") != "PUT" {
		t.Errorf("5 GB - 1: %v", got)
	}
	if a := start(30<<30 + 1); a.status != 413 {
		t.Errorf("more than 30 GB: %d %s", a.status, a.body)
	}
	got := want(t, start(30<<30), 200)
	if parts, _ := at(t, got, "data", "parts").([]any); len(parts) != 308 {
		t.Errorf("30 GB: %d parts", len(parts))
	}
	got = want(t, start(5<<30), 200)
	parts, _ := at(t, got, "data", "parts").([]any)
	if len(parts) != 52 || at(t, got, "data", "part_size") != 104857600.0 || at(t, got, "data", "method") != "multipart" ||
		text(t, got, "data", "upload_id") == "" || at(t, parts[51], "partNumber") != 52.0 || at(t, got, "data", "expires_in") != 600.0 {
		t.Fatalf("5 GB: %v", got)
	}
	if a := do(t, "PUT", text(t, parts[0], "url"), nil, "short"); a.status != 403 {
		t.Errorf("a part of another length: %d %s", a.status, a.body)
	}
	a := do(t, "POST", api+"/complete", app(mine), object{
		"upload_guid": at(t, got, "data", "upload_guid"),
		"parts":       []object{{"part_number": 1, "etag": `"abc123"`}, {"part_number": 2, "etag": `"def456"`}},
	})
	if a.status != 400 || text(t, a.json(t), "error", "code") != "INVALID_PART" {
		t.Errorf("complete with two parts: %d %s", a.status, a.body)
	}
}

// The whole way of a large file, with smaller ones.
func TestGipityParts(t *testing.T) { eachStore(t, testGipityParts) }

func testGipityParts(t *testing.T, store *s3.Store) {
	const size, partSize = 11 << 20, 5 << 20
	b, err := broker.New(broker.Config{Bucket: store, Tokens: tokens()})
	if err != nil {
		t.Fatal(err)
	}
	broker.Shrink(b, 6<<20, partSize)
	srv := httptest.NewServer(b)
	defer srv.Close()
	api := srv.URL + "/api/APP/uploads"
	content := bytes.Repeat([]byte("0123456789a"), size/11)
	init := want(t, do(t, "POST", api+"/init", app(mine), object{"filename": "film.mp4", "content_type": "video/mp4", "size": size}), 200)
	guid := text(t, init, "data", "upload_guid")
	parts, _ := at(t, init, "data", "parts").([]any)
	sent := make([]object, len(parts))
	for i, part := range parts {
		section := content[i*partSize : min(size, (i+1)*partSize)]
		a := do(t, "PUT", text(t, part, "url"), nil, section)
		if a.status != 200 {
			t.Fatalf("part %d: %d %s", i+1, a.status, a.body)
		}
		sent[len(parts)-1-i] = object{"part_number": i + 1, "etag": a.header.Get("ETag")} // in any order
	}
	for name, wrong := range map[string][]object{
		"none": nil, "not all": sent[1:], "twice": append(sent[1:], sent[1]),
		"forged": {{"part_number": 1, "etag": `"abc123"`}, sent[1], sent[0]},
	} {
		a := do(t, "POST", api+"/complete", app(mine), object{"upload_guid": guid, "parts": wrong})
		if a.status != 400 || text(t, a.json(t), "error", "code") != "INVALID_PART" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for range 2 {
		done := want(t, do(t, "POST", api+"/complete", app(mine), object{"upload_guid": guid, "parts": sent}), 200)
		if a := do(t, "GET", text(t, done, "data", "url"), nil, nil); a.status != 200 || !bytes.Equal(a.body, content) || a.header.Get("Content-Type") != "video/mp4" {
			t.Errorf("the film: %d, %d bytes, %v", a.status, len(a.body), a.header)
		}
	}
	for o, err := range store.List(t.Context(), "app-uploads/", true) {
		t.Errorf("left in staging: %v %v", o.Path, err)
	}
}

func TestWorkspace(t *testing.T) { eachStore(t, testWorkspace) }

func testWorkspace(t *testing.T, store *s3.Store) {
	w := serve(t, store, nil)
	api := w.url + "/s3"
	for _, content := range [][]byte{bytes.Repeat([]byte("0123456789abcdef"), 5<<16), {}} {
		t.Run(fmt.Sprint(len(content)), func(t *testing.T) {
			start := want(t, do(t, "GET", api+"/start-upload?workspaceId=123&fileType=image/jpeg", bearer(mine), nil), 200)
			upload, asset := text(t, start, "uploadId"), text(t, start, "assetId")
			chunks := [][]byte{content}
			if len(content) > 0 {
				chunks = [][]byte{content, []byte("the end")}
			}
			var parts []object
			for i, chunk := range chunks {
				q := url.Values{"PartNumber": {fmt.Sprint(i + 1)}, "UploadId": {upload}, "assetId": {asset}, "workspaceId": {"123"}}
				got := want(t, do(t, "GET", api+"/get-upload-url?"+q.Encode(), bearer(mine), nil), 200)
				if got["expiresIn"] != 3600.0 {
					t.Errorf("%v", got)
				}
				a := do(t, "PUT", text(t, got, "url"), nil, chunk)
				if a.status != 200 {
					t.Fatalf("PUT: %d %s", a.status, a.body)
				}
				parts = append(parts, object{"ETag": a.header.Get("ETag"), "PartNumber": i + 1})
			}
			complete := object{"uploadId": upload, "assetId": asset, "workspaceId": "123", "parts": parts}
			key := "123/digital_assets/" + asset
			for range 2 { // the second one as after an answer that was lost
				got := want(t, do(t, "POST", api+"/complete-upload", bearer(mine), complete), 200)
				bucket, whole := store.BucketKey(key)
				if diff := cmp.Diff(object{"success": true, "location": "s3://" + bucket + "/" + whole, "key": key}, got); diff != "" {
					t.Error(diff)
				}
			}
			q := "?" + url.Values{"key": {key}, "workspaceId": {"123"}}.Encode()
			whole := bytes.Join(chunks, nil)
			a := do(t, "GET", api+"/download"+q, bearer(mine), nil)
			if a.status != 200 || !bytes.Equal(a.body, whole) || a.header.Get("Content-Type") != "image/jpeg" ||
				a.header.Get("Content-Length") != fmt.Sprint(len(whole)) || a.header.Get("ETag") == "" {
				t.Errorf("download: %d, %d bytes, %v", a.status, len(a.body), a.header)
			}
			if len(whole) > 0 {
				h := bearer(mine)
				h["Range"] = "bytes=3-6"
				if a := do(t, "GET", api+"/download"+q, h, nil); a.status != 206 || string(a.body) != "3456" {
					t.Errorf("range: %d %q", a.status, a.body)
				}
			}
			for range 2 {
				if got := want(t, do(t, "DELETE", api+"/delete"+q, bearer(mine), nil), 200); got["success"] != true {
					t.Errorf("delete: %v", got)
				}
			}
			if a := do(t, "GET", api+"/download"+q, bearer(mine), nil); a.status != 404 || a.json(t)["code"] != "NOT_FOUND" {
				t.Errorf("download of what is deleted: %d %s", a.status, a.body)
			}
		})
	}
	const noAsset = "00000000-0000-4000-8000-000000000000"
	for _, tt := range []struct {
		name, method, path, token string
		body                      any
		status                    int
		code                      string
	}{
		{"no token", "GET", "/start-upload?workspaceId=123&fileType=a/b", "", nil, 401, "UNAUTHORIZED"},
		{"no workspace", "GET", "/start-upload?fileType=a/b", mine, nil, 400, "MISSING_PARAMETER"},
		{"no type", "GET", "/start-upload?workspaceId=123", mine, nil, 400, "MISSING_PARAMETER"},
		{"no part", "GET", "/get-upload-url?UploadId=x&assetId=y&workspaceId=123", mine, nil, 400, "MISSING_PARAMETER"},
		{"part 0", "GET", "/get-upload-url?PartNumber=0&UploadId=x&assetId=y&workspaceId=123", mine, nil, 400, "INVALID_PARAMETER"},
		{"the document's own example", "GET", "/get-upload-url?PartNumber=1&UploadId=xxx&assetId=yyy&workspaceId=123", mine, nil, 404, "INVALID_UPLOAD_ID"},
		{"no such upload", "GET", "/get-upload-url?PartNumber=1&UploadId=xxx&assetId=" + noAsset + "&workspaceId=123", mine, nil, 404, "INVALID_UPLOAD_ID"},
		{"no body", "POST", "/complete-upload", mine, object{}, 400, "MISSING_PARAMETER"},
		{"no parts", "POST", "/complete-upload", mine, object{"uploadId": "x", "assetId": noAsset, "workspaceId": "123", "parts": []object{}}, 400, "MISSING_PARAMETER"},
		{"complete of no upload", "POST", "/complete-upload", mine, object{
			"uploadId": "x", "assetId": noAsset, "workspaceId": "123",
			"parts": []object{{"ETag": "d41d8cd98f00b204e9800998ecf8427e", "PartNumber": 1}},
		}, 404, "INVALID_UPLOAD_ID"},
		{"no key", "DELETE", "/delete?workspaceId=123", mine, nil, 400, "MISSING_PARAMETER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := do(t, tt.method, api+tt.path, bearer(tt.token), tt.body)
			got := want(t, a, tt.status)
			if got["code"] != tt.code || got["error"] == "" || len(got) != 2 {
				t.Errorf("%v, want %s", got, tt.code)
			}
		})
	}
}

func TestWorkspaceCORS(t *testing.T) { eachStore(t, testWorkspaceCORS) }

func testWorkspaceCORS(t *testing.T, store *s3.Store) {
	api := serve(t, store, nil).url + "/s3"
	if a := do(t, "POST", api+"/updateBucketConfig", bearer(mine), nil); a.status == 501 && a.json(t)["code"] == "S3_ERROR" {
		t.Skip("this store keeps no CORS rules")
	}
	if got := want(t, do(t, "POST", api+"/updateBucketConfig", bearer(mine), nil), 200); got["success"] != true {
		t.Errorf("%v", got)
	}
	got := want(t, do(t, "GET", api+"/getBucketConfig", bearer(mine), nil), 200)
	rules, _ := got["CORSRules"].([]any)
	if diff := cmp.Diff([]any{object{
		"AllowedMethods": []any{"GET", "POST", "PUT", "DELETE"}, "AllowedOrigins": []any{"*"},
		"AllowedHeaders": []any{"*"}, "ExposeHeaders": []any{"ETAG"},
	}}, rules); diff != "" {
		t.Error(diff)
	}
}

// post sends a form as its document says: the fields, and the file as the last one.
func post(t *testing.T, to string, fields map[string]any, content []byte) answer {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for name, value := range fields {
		_ = form.WriteField(name, fmt.Sprint(value))
	}
	file, err := form.CreateFormFile("file", "f")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(file, bytes.NewReader(content))
	_ = form.Close()
	return do(t, "POST", to, map[string]string{"Content-Type": form.FormDataContentType()}, b.Bytes())
}

func TestPresignedPost(t *testing.T) { eachStore(t, testPresignedPost) }

func testPresignedPost(t *testing.T, store *s3.Store) {
	w := serve(t, store, nil)
	key := map[string]string{"X-API-KEY": mine, "X-BUSINESS-ID": "b1", "X-USER-ID": "user_123", "Content-Type": "application/json"}
	form := want(t, do(t, "GET", w.url+"/api/s3/presigned-post?contenttype=application/pdf&filename=updated-resume.pdf&source=smart_connector_import", key, nil), 200)
	if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(text(t, form, "s3object_id")) || form["max_file_size"] != float64(100<<20) {
		t.Errorf("%v", form)
	}
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(text(t, form, "expires_at")) {
		t.Errorf("expires_at %v", form["expires_at"])
	}
	content := []byte("%PDF-1.7 a resume")
	fields, _ := form["fields"].(map[string]any)
	a := post(t, text(t, form, "url"), fields, content)
	if a.status/100 != 2 {
		t.Fatalf("POST: %d %s", a.status, a.body)
	}
	success := object{
		"uuid": form["s3object_id"], "key": form["key"], "name": "updated-resume.pdf",
		"is_public": true, "etag": a.header.Get("ETag"), "business_id": "b1",
	}
	var first map[string]any
	for range 2 { // the second one as after an answer that was lost
		got := want(t, do(t, "POST", w.url+"/api/s3/success?source=SMART_CONNECTOR_IMPORT", key, success), 200)
		if first == nil {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, name := range []string{"id", "created", "key", "url", "thumbnail_url", "size_formatted"} {
		text(t, first, name)
	}
	if first["size_bytes"] != float64(len(content)) || first["content_type"] != "application/pdf" || first["is_public"] != true ||
		first["name"] != "updated-resume.pdf" || first["is_common"] != false || first["common_key"] != nil || first["key"] != form["key"] {
		t.Errorf("%v", first)
	}
	a = do(t, "GET", text(t, first, "url"), nil, nil)
	if a = do(t, "GET", a.header.Get("Location"), nil, nil); a.status != 200 || !bytes.Equal(a.body, content) {
		t.Errorf("url: %d %q", a.status, a.body)
	}
	success["etag"] = strings.Repeat("0", 32)
	if a := do(t, "POST", w.url+"/api/s3/success", key, success); a.status != 400 || text(t, a.json(t), "detail") == "" {
		t.Errorf("a forged ETag: %d %s", a.status, a.body)
	}
	for _, tt := range []struct {
		name, query string
		header      map[string]string
		status      int
	}{
		{"no key", "contenttype=a/b&filename=f&source=field_value", nil, 401},
		{"another source", "contenttype=a/b&filename=f&source=FIELD", key, 400},
		{"no filename", "contenttype=a/b&source=field_value", key, 400},
		{"another business", "contenttype=a/b&filename=f&source=field_value", map[string]string{"X-API-KEY": mine, "X-BUSINESS-ID": "b2"}, 403},
		{"another user", "contenttype=a/b&filename=f&source=field_value", map[string]string{"X-API-KEY": mine, "X-USER-ID": "user_456"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text(t, want(t, do(t, "GET", w.url+"/api/s3/presigned-post?"+tt.query, tt.header, nil), tt.status), "detail")
		})
	}
}
